"""Decide whether the indices of an indexed file carry its classes, or its colours do.

Annotation tools write the ids as indices. Drawing programs that save a map with few colours number them as
they like: then the colours alone say what is what.
"""

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from semsynth.labels.colors import packed_colors, packed_counts, published_palette
from semsynth.labels.raw import RawMap, value_counts
from semsynth.labels.spaces import NAMED, LabelSpace

Meaning = Literal["index", "color", "grey"]
"""What of an indexed file is looked at: its indices, its colours, or the grey its colours have, as ids."""

ENOUGH = 0.5
"""Share of pixels in exact class colours that speaks for the colours where the indices are no ids."""


def meaning_of(raw: RawMap, space: LabelSpace) -> tuple[Meaning, str]:
    """What the classes of an indexed file are told by, and a sentence where that had to be decided.

    Args:
        raw: An indexed file with its palette.
        space: The label set.
    """
    used, counts, colors = used_colors(raw)
    if raw.palette is None or len(used) == 0 or raw.label_set not in (None, space.name):
        return "index", ""
    ids = used if raw.label_set == space.name else space.to_ids(used)
    valid = ~space.unknown(ids)
    known = packed_colors(space.palette())
    wanted = np.where(valid & (ids < len(known)), known[np.clip(ids, 0, len(known) - 1)], 0)
    agree, exact = valid & (colors == wanted), np.isin(colors, known)
    if agree.all() or (len(used) > 1 and _is_standard(used, colors)):
        return "index", ""
    share = float(counts[exact].sum() / counts.sum())
    if share == 1 and (len(used) > 1 or colors[0] != 0 or not valid.all()):
        return "color", (
            f"Its colours are those of label set {space.name!r} under other indices; the colours were taken."
        )
    if _holds_grey_ids(used, colors, space):
        return (
            "grey",
            "Its palette holds grey values that are ids, in another order; the grey values were taken.",
        )
    agreeing = float(counts[agree].sum() / counts.sum())
    if share >= ENOUGH and (not valid.all() or (exact.sum() > 1 and agreeing < share / 2)):
        return "color", (
            f"Most of its colours are exactly those of label set {space.name!r} under other indices; the "
            f"colours were taken."
        )
    if exact.any() and valid.all() and agreeing < share:
        return "index", (
            f"Some of its colours are those of label set {space.name!r} under other indices; the indices "
            f"were taken, with palette 'color' the colours are."
        )
    return "index", ""


def used_colors(raw: RawMap) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The indices that occur where a file is not transparent, how often, and their colours, packed.

    An index beyond the palette has the colour -1.
    """
    if raw.palette is None:
        none = np.zeros(0, dtype=np.int64)
        return none, none, none
    values = raw.pixels if raw.transparent is None else raw.pixels[~raw.transparent]
    occurring = value_counts(values)
    used = np.array(list(occurring), dtype=np.int64)
    counts = np.array(list(occurring.values()), dtype=np.int64)
    palette = packed_colors(raw.palette).astype(np.int64)
    colors = np.where(used < len(palette), palette[np.clip(used, 0, len(palette) - 1)], -1)
    return used, counts, colors


def _is_standard(used: NDArray[np.int64], colors: NDArray[np.int64]) -> bool:
    """Whether the palette is one that labelling tools give to ids of any label set: grey, or Pascal VOC's."""
    voc = np.concatenate([[0], packed_colors(published_palette(255)).astype(np.int64)])
    return any(np.array_equal(colors, table[used]) for table in (np.arange(256) * 0x010101, voc))


def _holds_grey_ids(used: NDArray[np.int64], colors: NDArray[np.int64], space: LabelSpace) -> bool:
    """Whether a grey map was saved with a palette: its grey values are ids, its indices their places."""
    greys = colors & 255
    if len(used) < 2 or (colors != greys * 0x010101).any() or 255 in greys:
        return False
    spread = greys[-1] // max(1, used[-1])
    if spread > 1 and np.array_equal(greys, spread * used):  # ids made visible
        return False
    return not space.unknown(space.to_ids(greys)).any()


def look_alike(pixels: NDArray[np.uint8], than: LabelSpace) -> str | None:
    """The label set of the package that a picture (H, W, 3) is drawn in, if that is another."""
    colors, counts = packed_counts(packed_colors(pixels))
    best, most = None, 0.9
    for name in NAMED:
        if name == than.name:
            continue
        exact = np.isin(colors, packed_colors(LabelSpace.named(name).palette()))
        share = float(counts[exact].sum() / counts.sum())
        if share > most and exact.sum() > 1:
            best, most = name, share
    return best


def palette_conflicts(drawn: Iterable[tuple[str, Mapping[int, int]]]) -> list[str]:
    """Indices that have another colour in one file of a data set than in another.

    Args:
        drawn: Of every indexed file its name, and the packed colours of its indices (`LabelReading.drawn`).

    Returns:
        A sentence for each, of at most eight.
    """
    first: dict[int, tuple[str, int]] = {}
    sentences: dict[int, str] = {}
    for name, colors in drawn:
        for index, color in colors.items():
            where, before = first.setdefault(index, (name, color))
            if before != color and index not in sentences:
                sentences[index] = (
                    f"Index {index} is drawn in {shown(before)} in {where}, and in {shown(color)} in {name}."
                )
    return list(sentences.values())[:8]


def shown(color: int) -> str:
    """A packed colour as its three numbers."""
    return f"{color >> 16}, {color >> 8 & 255}, {color & 255}"
