"""What the values and colours of a map mean in a label set."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semsynth.errors import SemsynthError
from semsynth.labels.fill import fill_from_nearest
from semsynth.labels.palettes import look_alike, meaning_of, shown
from semsynth.labels.raw import RawMap, value_counts
from semsynth.labels.repair import Drawing, ForeignColors, find_classes
from semsynth.labels.spaces import LabelSpace

SPARSE_STEP = 16
"""Smallest step between the grey values of a label set at which values between them are softened edges."""


@dataclass(frozen=True)
class LabelReading:
    """A label map that was read, and how.

    Attributes:
        ids: (H, W) int64.
        mode: Mode of the file as Pillow names it: L, P, RGB, I;16 ...
        by_color: Whether colours were looked up; otherwise the values are the ids.
        repaired: Pixels whose colour was not exact and that took the class of a neighbour or a like colour.
        largest_distance: The largest RGB distance of those from the nearest class colour.
        notes: Sentences worth showing a user.
        stored_size: Height and width in the file, before any resizing.
        drawn: Colour of every index that occurs, red highest in 24 bits, where the file is indexed.
    """

    ids: NDArray[np.int64]
    mode: str
    by_color: bool = False
    repaired: int = 0
    largest_distance: float = 0.0
    notes: tuple[str, ...] = ()
    stored_size: tuple[int, int] = (0, 0)
    drawn: Mapping[int, int] = field(default_factory=dict)

    def counts(self) -> dict[int, int]:
        """Pixels by id."""
        return value_counts(self.ids)


def colored(raw: RawMap) -> RawMap:
    """An indexed file as the colours that it shows; others as they are."""
    if raw.palette is None:
        return raw
    table = np.zeros((256, 3), dtype=np.uint8)
    table[: len(raw.palette)] = raw.palette
    return replace(raw, pixels=table[raw.pixels], palette=None, label_set=None)


def interpret(raw: RawMap, space: LabelSpace, name: str, palette: str) -> LabelReading:
    """Turn what a file holds into ids, see `read_label_map`; transparent pixels are left to `fill_holes`."""
    notes: tuple[str, ...] = ()
    if raw.palette is not None:
        meaning, note = meaning_of(raw, space) if palette == "auto" else (palette, "")
        notes = (note,) if note else ()
        if meaning == "grey":
            raw = replace(raw, pixels=colored(raw).pixels[..., 0], palette=None)
        elif meaning == "color":
            raw = colored(raw)
    if raw.label_set not in (None, space.name):
        notes += (f"The file says it was written for label set {raw.label_set!r}, not {space.name!r}.",)
    read = _read_colors if raw.pixels.ndim == 3 else _read_ids
    reading = read(raw, space, name)
    return replace(reading, mode=raw.mode, notes=(*raw.notes, *notes, *reading.notes))


def _read_ids(raw: RawMap, space: LabelSpace, name: str) -> LabelReading:
    if raw.label_set is not None:
        ids = raw.pixels.astype(np.int64)
        check_ids(name, ids, space, raw.transparent)
        return LabelReading(ids, raw.mode)
    values = list(value_counts(raw.pixels))
    anchors = _grey_values(space)
    unknown = space.unknown(space.to_ids(np.array(values)))
    if len(anchors) and raw.pixels.dtype == np.uint8 and raw.palette is None and (raw.lossy or unknown.any()):
        return _read_softened_grey(raw, space, name, anchors)
    ids = space.to_ids(raw.pixels)
    if unknown.any():
        check_ids(name, ids, space, raw.transparent)
    return LabelReading(ids, raw.mode)


def _grey_values(space: LabelSpace) -> dict[int, int]:
    """The grey value of every id where these are far apart, so that values between them are blends."""
    if not space.file_values:
        return {}
    named = {value: number for value, number in space.file_values.items() if 0 <= value <= 255}
    rest = {number: number for number in range(space.num_classes) if number not in named.values()}
    values = dict(sorted({**rest, **named}.items()))
    steps = np.diff(list(values))
    return values if len(values) > 1 and steps.min() >= SPARSE_STEP else {}


def _read_softened_grey(raw: RawMap, space: LabelSpace, name: str, values: Mapping[int, int]) -> LabelReading:
    """A grey map of few values far apart, whose edges or compression made others."""
    palette = np.array(list(values), dtype=np.uint8)[:, None].repeat(3, axis=1)
    drawn = _draw(np.broadcast_to(raw.pixels[..., None], (*raw.pixels.shape, 3)), palette, raw, space, name)
    ids = np.array(list(values.values()), dtype=np.int64)[drawn.entries]
    notes = _repair_notes(drawn, ids.size, "grey value", space)
    return LabelReading(ids, raw.mode, False, drawn.repaired, drawn.largest_distance, notes)


def _read_colors(raw: RawMap, space: LabelSpace, name: str) -> LabelReading:
    pixels = raw.pixels
    grey = pixels[..., 0]
    if np.array_equal(grey, pixels[..., 1]) and np.array_equal(grey, pixels[..., 2]):
        values = np.array(list(value_counts(grey)))
        exact = np.isin(values * 0x010101, space.palette().astype(np.int64) @ [1 << 16, 1 << 8, 1]).all()
        if not exact and not space.unknown(space.to_ids(values)).any():
            return LabelReading(space.to_ids(grey), raw.mode, notes=("Grey RGB values were taken for ids.",))
        if not exact and _grey_values(space):
            return _read_softened_grey(replace(raw, pixels=grey), space, name, _grey_values(space))
    drawn = _draw(pixels, space.palette(), raw, space, name)
    notes = _repair_notes(drawn, grey.size, "class colour", space)
    ids = drawn.entries.astype(np.int64)
    return LabelReading(ids, raw.mode, True, drawn.repaired, drawn.largest_distance, notes)


def _draw(
    pixels: NDArray[Any], palette: NDArray[np.uint8], raw: RawMap, space: LabelSpace, name: str
) -> Drawing:
    try:
        return find_classes(pixels, palette, lossy=raw.lossy, ignore=raw.transparent)
    except ForeignColors as error:
        other = look_alike(np.asarray(pixels), space)
        whose = f" Its colours are those of label set {other!r}." if other else ""
        raise SemsynthError(
            f"{name} is a colour picture that is not drawn in label set {space.name!r}: {error} (the "
            f"commonest other colour is {shown(error.color)}).{whose} Draw it in the colours of that label "
            f"set, or save its ids {space.allowed()} themselves as a grey PNG."
        ) from None


def _repair_notes(drawn: Drawing, total: int, what: str, space: LabelSpace) -> tuple[str, ...]:
    if not drawn.repaired:
        return ()
    solid = sum(count for _, _, count in drawn.similar)
    notes = [
        f"The {count:,} pixels in {shown(color)} had no exact {what} and were read as "
        f"{space.names[entry]!r}, whose colour is the nearest."
        for color, entry, count in drawn.similar
    ]
    if drawn.repaired > solid:
        notes.append(
            f"{drawn.repaired - solid:,} pixels ({100 * (drawn.repaired - solid) / total:.1f} %) had no "
            f"exact {what} and took the class of a neighbour or of an all but equal colour (largest distance "
            f"{drawn.largest_distance:.0f})."
        )
    return tuple(notes)


def fill_holes(reading: LabelReading, raw: RawMap, space: LabelSpace) -> LabelReading:
    """Transparent pixels as void, or as the nearest class where the set has no void."""
    notes = reading.notes
    if raw.soft:
        notes += (f"{raw.soft:,} pixels are transparent in part (alpha); their colours count.",)
    hole = raw.transparent
    if hole is None:
        return replace(reading, notes=notes)
    share = f"{int(hole.sum()):,} transparent pixels ({100 * hole.mean():.1f} %, alpha 0)"
    ids = reading.ids
    if space.void_id is not None:
        ids[hole] = space.void_id
        notes += (f"{share} were read as void.",)
    elif reading.by_color or raw.palette is None or space.unknown(ids[hole]).any():
        ids = fill_from_nearest(ids, hole)
        notes += (f"{share} took the class of the nearest labelled pixel.",)
    else:
        notes += (f"{share} kept their indices.",)
    return replace(reading, ids=ids, notes=notes)


def nearest_colors(
    colors: ArrayLike, space: LabelSpace, path: str | Path = "The map", *, lossy: bool = True
) -> LabelReading:
    """Turn a drawn label map into ids.

    Args:
        colors: (H, W, 3) integers 0..255.
        space: The label set; of classes drawn in one colour the first is taken.
        path: The file, for messages.
        lossy: Whether it was stored in a format that changes values.

    Raises:
        SemsynthError: Most pixels are like no class colour at all.
    """
    pixels = np.asarray(colors, dtype=np.uint8)
    raw = RawMap(pixels, "RGB", lossy=lossy, stored_size=(pixels.shape[0], pixels.shape[1]))
    return replace(_read_colors(raw, space, str(path)), stored_size=raw.stored_size)


def check_ids(
    name: str | Path, ids: NDArray[np.int64], space: LabelSpace, holes: NDArray[np.bool_] | None = None
) -> None:
    """Raise a SemsynthError that lists the ids a label set does not have; those in holes do not count."""
    outside = space.unknown(ids)
    if holes is not None:
        outside &= ~holes
    if not outside.any():
        return
    unknown = value_counts(ids[outside])
    values = sorted(unknown)
    listed = ", ".join(f"{value} ({unknown[value]:,} pixels)" for value in values[:8])
    more = f" and {len(values) - 8} others" if len(values) > 8 else ""
    hint = ""
    if 255 in values and set(value_counts(ids)) <= {0, 255} and space.num_classes >= 2:
        hint = ' This is a 0/255 mask: "file_values": {"255": 1} in the label set reads it.'
    elif 255 in values and len(values) == 1 and space.void_id is not None:
        hint = f' If 255 is void here, "file_values": {{"255": {space.void_id}}} in the label set says so.'
    raise SemsynthError(
        f"{name} holds the ids {listed}{more}; label set {space.name!r} has {space.allowed()}.{hint}"
    )
