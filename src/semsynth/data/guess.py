"""Guess a label set from maps nobody has described."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from semsynth.errors import SemsynthError
from semsynth.labels import LabelClass, LabelSpace, pack_colors, published_palette, read_values

MOST_CLASSES = 256
RARE = 1e-4
"""Colours on a smaller share of all pixels are taken for noise where there are too many colours."""


def guess_label_space(paths: Iterable[str | Path], *, name: str = "own") -> LabelSpace:
    """Make up a label set that fits some label maps.

    Colour-coded maps: every distinct colour becomes a class, the commonest first; of more than 256 colours
    the rare ones are left to the nearest. Maps of ids: 0 up to the largest; 255 apart from the others is
    taken for void, and a 0/255 mask for two classes.

    Args:
        paths: Label maps of one data set.
        name: What to call the label set.

    Raises:
        SemsynthError: There are no maps, some hold ids and others colours, or the pictures have too many
            colours for label maps.
    """
    ids: Counter[int] = Counter()
    colors: Counter[int] = Counter()
    for path in paths:
        values = read_values(path).values
        into = colors if values.ndim == 3 else ids
        found, counts = np.unique(pack_colors(values) if values.ndim == 3 else values, return_counts=True)
        into.update(dict(zip(found.tolist(), counts.tolist())))
    if ids and colors:
        raise SemsynthError("Some of the label maps hold ids and others colours; a data set needs one kind.")
    if not ids and not colors:
        raise SemsynthError("There are no label maps to guess a label set from.")
    return _from_colors(colors, name) if colors else _from_ids(ids, name)


def _from_colors(colors: Counter[int], name: str) -> LabelSpace:
    kept = [color for color, _ in sorted(colors.items(), key=lambda item: (-item[1], item[0]))]
    if len(kept) > MOST_CLASSES:
        total = colors.total()
        kept = [color for color in kept if colors[color] >= RARE * total]
    covered = sum(colors[color] for color in kept) / colors.total()
    if len(kept) > MOST_CLASSES or covered < 0.5:
        raise SemsynthError(
            f"The maps hold {len(colors):,} colours: they are photographs or drawings with soft edges, not "
            f"label maps. Give the label set they were drawn with."
        )
    classes = tuple(
        LabelClass(number, f"#{color:06x}", (color >> 16, color >> 8 & 255, color & 255))
        for number, color in enumerate(kept)
    )
    note = f"Guessed from {len(colors)} colours: name the classes."
    return LabelSpace(name, classes, note=note)


def _from_ids(ids: Counter[int], name: str) -> LabelSpace:
    if min(ids) < 0:
        raise SemsynthError(f"The maps hold the negative id {min(ids)}; class ids are 0, 1, 2, ...")
    values: dict[int, int] = {}
    void = None
    others = [value for value in ids if value != 255]
    largest = max(others, default=0)
    if 255 in ids and set(others) <= {0}:
        values, largest = {255: 1}, 1
    elif 255 in ids and largest < 254:
        void = largest + 1
        values = {255: void}
    else:
        largest = max(ids)
    if largest >= 4096:
        raise SemsynthError(
            f"The maps hold ids up to {largest:,}; they look like instance maps, not classes."
        )
    count = largest + 1 + (void is not None)
    palette = published_palette(count).tolist()
    classes = tuple(
        LabelClass(i, "void" if i == void else f"class {i}", tuple(palette[i]), _group(i, void))
        for i in range(count)
    )
    return LabelSpace(name, classes, void, values, "Guessed from the ids in the maps: name the classes.")


def _group(number: int, void: int | None) -> str:
    return "void" if number == void else "things"
