"""Reading and writing label map files."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, PngImagePlugin

from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.imagefile import MAX_PIXELS, ImageSource, open_image, png_bytes, source_name
from semsynth.labels.spaces import LabelSpace

TEXT_KEY = "semsynth:label-set"
"""PNG text chunk that names the label set; a file that has it holds ids, whatever `file_values` says."""

FAR = 48.0
"""RGB distance beyond which a colour is not a distorted class colour but another colour."""


@dataclass(frozen=True)
class LabelReading:
    """A label map that was read, and how.

    Attributes:
        ids: (H, W) int64.
        mode: Mode of the file as Pillow names it: L, P, RGB, I;16 ...
        by_color: Whether colours were looked up; otherwise the values are the ids.
        repaired: Pixels whose colour was not exact and was taken for the nearest class colour.
        largest_distance: The largest RGB distance among those.
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


def read_label_map(
    source: ImageSource | Image.Image,
    space: LabelSpace,
    *,
    palette: str = "auto",
    size: tuple[int, int] | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> LabelReading:
    """Read a label map.

    Grey, indexed, 1-bit and 16/32-bit files hold ids; colour files are looked up in the palette of the set,
    inexact colours going to the nearest one. An RGB file that is grey all over and holds only valid ids is
    taken for ids.

    Args:
        source: The image file's path, its content, the file opened in binary, or an image.
        space: The label set.
        palette: How to take indexed files: "index" for their indices, "color" for their colours, "auto" for
            their colours where these are the set's and the indices are not its ids.
        size: Height and width to bring the map to, by taking the pixels nearest to the centres.
        name: What messages call the map; by default its path, or "The label map".
        max_pixels: See `open_image`.

    Raises:
        SemsynthError: The file cannot be read (see `open_image`), or holds ids or colours not in the set.
    """
    called = source_name(source, "The label map") if name is None else name
    if palette not in ("auto", "index", "color"):
        raise SemsynthError(f"palette is 'auto', 'index' or 'color', not {palette!r}.")
    image = (
        source if isinstance(source, Image.Image) else open_image(source, name=called, max_pixels=max_pixels)
    )
    stored = (image.height, image.width)
    reading = _interpret(_unpack(image, called, palette == "color"), space, called)
    ids = reading.ids
    if size is not None and size != stored:
        ids = ids[nearest_rows(stored[0], size[0])[:, None], nearest_rows(stored[1], size[1])]
    return replace(reading, ids=ids, stored_size=stored)


def read_label_array(array: NDArray[Any], space: LabelSpace, *, name: str = "The label map") -> LabelReading:
    """Take an array for a label map.

    Args:
        array: (H, W) integers: ids as they are, `file_values` unused; or (H, W, 3) or (H, W, 4) uint8:
            colours (red first), looked up in the palette of the set.
        space: The label set.
        name: What messages call the map.

    Raises:
        SemsynthError: It has another shape or type, or holds ids or colours not in the set.
    """
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8 and array.size:
        return read_label_map(Image.fromarray(np.ascontiguousarray(array)), space, name=name)
    if array.ndim != 2 or array.dtype.kind not in "iub" or array.size == 0:
        raise SemsynthError(
            f"{name} is an array of {array.dtype} of shape {array.shape}; (H, W) integers are ids, (H, W, 3) "
            f"uint8 are colours."
        )
    ids = array.astype(np.int64)
    _check_ids(name, ids, space)
    return LabelReading(ids, "array", stored_size=ids.shape)


def nearest_rows(stored: int, wanted: int) -> NDArray[np.int64]:
    """Which rows (or columns) of `stored` stand for `wanted` ones: those that the centres fall into."""
    rows: NDArray[np.int64] = (2 * np.arange(wanted, dtype=np.int64) + 1) * stored // (2 * wanted)
    return rows


def _interpret(raw: "RawMap", space: LabelSpace, path: str) -> LabelReading:
    if raw.values.ndim == 3:
        return _read_colors(path, raw, space)
    notes = raw.notes
    if raw.label_set is None and _is_reordered(raw, space):
        notes += (f"Its colours are those of label set {space.name!r} in another order; indices were taken.",)
    if raw.label_set not in (None, space.name):
        notes += (f"The file says it was written for label set {raw.label_set!r}, not {space.name!r}.",)
    ids = raw.values if raw.label_set is not None else space.to_ids(raw.values)
    _check_ids(path, ids, space)
    return LabelReading(ids, raw.mode, notes=notes)


@dataclass(frozen=True)
class RawMap:
    """What a map file holds, before any label set is consulted.

    Attributes:
        values: (H, W) int64, or (H, W, 3) for a colour file.
        mode: Mode of the file as Pillow names it.
        notes: Sentences worth showing a user.
        label_set: The label set the file names, if we wrote it.
        palette: Colours of an indexed file, (up to 256, 3) int64.
    """

    values: NDArray[np.int64]
    mode: str
    notes: tuple[str, ...] = ()
    label_set: str | None = None
    palette: NDArray[np.int64] | None = None


def read_values(
    source: ImageSource | Image.Image, *, by_color: bool = False, name: str | None = None
) -> RawMap:
    """Read the plain values of a map file.

    Args:
        source: The image file, or an image.
        by_color: Whether indexed files give their colours instead of their indices.
        name: What messages call the map; by default its path, or "The label map".
    """
    called = source_name(source, "The label map") if name is None else name
    image = source if isinstance(source, Image.Image) else open_image(source, name=called)
    return _unpack(image, called, by_color)


def _unpack(image: Image.Image, path: str, by_color: bool) -> RawMap:
    mode = image.mode
    notes: tuple[str, ...] = ()
    label_set = getattr(image, "text", {}).get(TEXT_KEY)
    if image.format in ("JPEG", "WEBP"):
        notes += (f"{image.format} changes values along class borders; keep label maps as PNG.",)
    if mode in ("RGBA", "RGBa", "LA", "La", "PA"):
        notes += ("The alpha channel was dropped.",)
        image = image.convert("L" if mode in ("LA", "La") else "RGB")
    elif mode == "P" and by_color:
        image = image.convert("RGB")
    elif mode not in ("1", "L", "P", "RGB", "F") and not mode.startswith("I"):
        notes += (f"The file is {mode}; it was converted to RGB.",)
        image = image.convert("RGB")
    raw = np.asarray(image)
    if raw.dtype.kind == "f" and not np.array_equal(raw, np.round(raw)):
        raise SemsynthError(f"{path} holds fractions (mode {mode}); class ids are whole numbers.")
    colors = image.getpalette() if image.mode == "P" else None
    palette = None if colors is None else np.array(colors, dtype=np.int64).reshape(-1, 3)
    return RawMap(raw.astype(np.int64), mode, notes, label_set, palette)


def _is_reordered(raw: RawMap, space: LabelSpace) -> bool:
    """Whether an indexed file draws its classes in the colours of the set, under other numbers."""
    if raw.palette is None:
        return False
    used = np.unique(raw.values)
    if len(used) < 2 or used[-1] >= len(raw.palette):
        return False
    drawn, known = pack_colors(raw.palette[used]), pack_colors(space.palette())
    return bool(np.isin(drawn, known).all()) and not np.array_equal(drawn, known[used[used < len(known)]])


def _read_colors(path: str | Path, raw: RawMap, space: LabelSpace) -> LabelReading:
    grey = raw.values[..., 0]
    if np.array_equal(grey, raw.values[..., 1]) and np.array_equal(grey, raw.values[..., 2]):
        ids = space.to_ids(grey)
        if not space.unknown(ids).any() and not _is_exact(raw.values, space):
            return LabelReading(ids, raw.mode, notes=(*raw.notes, "Grey RGB values were taken for ids."))
    reading = nearest_colors(raw.values, space, path)
    return replace(reading, mode=raw.mode, notes=(*raw.notes, *reading.notes))


def _is_exact(values: NDArray[np.int64], space: LabelSpace) -> bool:
    return bool(np.isin(pack_colors(values), pack_colors(space.palette())).all())


def pack_colors(values: ArrayLike) -> NDArray[np.int64]:
    """Make one number of each colour: (..., 3) → (...), red highest."""
    colors = np.asarray(values, dtype=np.int64)
    packed: NDArray[np.int64] = (colors[..., 0] << 16) | (colors[..., 1] << 8) | colors[..., 2]
    return packed


def nearest_colors(colors: ArrayLike, space: LabelSpace, path: str | Path = "The map") -> LabelReading:
    """Turn a drawn label map into ids: exact class colours, else the nearest one.

    Args:
        colors: (H, W, 3) integers 0..255.
        space: The label set; of classes drawn in one colour the first is taken.
        path: The file, for messages.

    Raises:
        SemsynthError: Most pixels are like no class colour at all.
    """
    values = np.asarray(colors, dtype=np.int64)
    found, inverse, counts = np.unique(pack_colors(values), return_inverse=True, return_counts=True)
    palette = space.palette().astype(np.float32)
    ids = np.empty(len(found), dtype=np.int64)
    distance = np.empty(len(found), dtype=np.float32)
    for start in range(0, len(found), 1 << 14):  # a photograph has a million colours: bound the memory
        part = found[start : start + (1 << 14)]
        rgb = np.stack([part >> 16, part >> 8 & 255, part & 255], axis=1).astype(np.float32)
        squared = ((rgb[:, None] - palette[None]) ** 2).sum(axis=2)
        ids[start : start + len(part)] = squared.argmin(axis=1)  # the first of equal colours
        distance[start : start + len(part)] = np.sqrt(squared.min(axis=1))
    far = int(counts[distance > FAR].sum())
    if far > counts.sum() / 2:
        color = int(found[counts.argmax()])
        raise SemsynthError(
            f"{path} is a colour picture, and {far:,} of its {counts.sum():,} pixels are like no colour of "
            f"label set {space.name!r} (the commonest is {color >> 16}, {color >> 8 & 255}, {color & 255}). "
            f"Give the label set it was drawn with; `semsynth data check FOLDER --write-labels labels.json` "
            f"suggests one."
        )
    repaired, largest = int(counts[distance > 0].sum()), float(distance.max())
    notes = (
        f"{repaired:,} pixels ({100 * repaired / counts.sum():.1f} %) had no exact class colour and took the "
        f"nearest one (largest distance {largest:.0f}).",
    )
    located = ids[inverse].reshape(values.shape[:2])
    return LabelReading(located, "RGB", True, repaired, largest, notes if repaired else ())


def _check_ids(path: str | Path, ids: NDArray[np.int64], space: LabelSpace) -> None:
    outside = space.unknown(ids)
    if not outside.any():
        return
    found, counts = np.unique(ids[outside], return_counts=True)
    listed = ", ".join(f"{value} ({count:,} pixels)" for value, count in zip(found[:8], counts[:8]))
    more = f" and {len(found) - 8} others" if len(found) > 8 else ""
    hint = ""
    if 255 in found and set(np.unique(ids)) <= {0, 255} and space.num_classes >= 2:
        hint = ' This is a 0/255 mask: "file_values": {"255": 1} in the label set reads it.'
    elif 255 in found and len(found) == 1 and space.void_id is not None:
        hint = f' If 255 is void here, "file_values": {{"255": {space.void_id}}} in the label set says so.'
    raise SemsynthError(
        f"{path} holds the ids {listed}{more}; label set {space.name!r} has {space.allowed()}.{hint}"
    )


def write_label_map(path: str | Path, ids: ArrayLike, space: LabelSpace) -> None:
    """Write ids as an indexed PNG with the palette of the set, or as 16-bit grey above 256 classes.

    A text chunk names the label set, so that the file reads back as ids. The file is whole or absent.

    Args:
        path: Where to; the folder must exist.
        ids: (H, W) integers.
        space: The label set.

    Raises:
        SemsynthError: An id the set does not have, no pixels, or a file that cannot be written.
    """
    array = np.asarray(ids)
    if array.ndim != 2 or array.dtype.kind not in "iub" or array.size == 0:
        raise SemsynthError(
            f"A label map is (H, W) integers; {array.dtype} of shape {array.shape} was given for {path}."
        )
    array = array.astype(np.int64)
    _check_ids(path, array, space)
    info = PngImagePlugin.PngInfo()
    info.add_text(TEXT_KEY, space.name)
    if array.max() > 255:
        image = Image.fromarray(array.astype(np.uint16))
    else:
        image = Image.fromarray(array.astype(np.uint8))
        image.putpalette(space.palette()[:256].tobytes())  # which also makes it an indexed image
    write_atomically(path, png_bytes(image, pnginfo=info, optimize=False))
