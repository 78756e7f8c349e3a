"""Guess a label set from maps nobody has described."""

import itertools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError
from semsynth.labels import (
    LabelClass,
    LabelSpace,
    RawMap,
    palette_conflicts,
    published_palette,
    read_values,
    value_counts,
)
from semsynth.labels.colors import packed_colors, packed_counts, unpack_colors
from semsynth.labels.palettes import used_colors
from semsynth.labels.repair import in_square

MOST_CLASSES = 256
RARE = 1e-4
"""Colours on a smaller share of all pixels are taken for noise where there are too many colours."""
SPARSE = 8
"""Values are grey levels, not ids, if the largest is this many times their number and no step is smaller."""
SMALL_IDS = 40
"""255 beside ids up to this one is void, whatever gaps there are."""
APART = 24
"""How far apart grey levels and colours are in a lossy file."""
MOST_EDGES = 0.25
"""Largest share of pixels that lie on softened edges."""
LARGEST_ID = 4094


@dataclass
class _Seen:
    """What the maps of a data set hold.

    Attributes:
        ids: Pixels by value, of grey and indexed files, and of colour files that are grey all over.
        colors: Pixels by packed colour, of colour files and indexed ones.
        solid_ids: As `ids`, counted in squares of 2 x 2 equal pixels alone, which softened edges lack.
        solid_colors: The same of `colors`.
        drawn: The colours of the indices of every indexed file.
        with_ids: Whether some file holds ids only.
        with_colors: Whether some file holds colours only.
        lossy: Whether some format may have changed values.
    """

    ids: Counter[int] = field(default_factory=Counter)
    colors: Counter[int] = field(default_factory=Counter)
    solid_ids: Counter[int] = field(default_factory=Counter)
    solid_colors: Counter[int] = field(default_factory=Counter)
    drawn: list[tuple[str, dict[int, int]]] = field(default_factory=list)
    with_ids: bool = False
    with_colors: bool = False
    lossy: bool = False

    def add(self, name: str, raw: RawMap) -> None:
        """Count the pixels of one map that are not transparent."""
        self.lossy |= raw.lossy
        pixels: NDArray[Any] = packed_colors(raw.pixels) if raw.pixels.ndim == 3 else raw.pixels
        opaque = np.ones(pixels.shape, dtype=bool) if raw.transparent is None else ~raw.transparent
        counts, solid = _counts(pixels[opaque]), _counts(pixels[opaque & in_square(pixels)])
        if raw.pixels.ndim == 3:
            grey = all(color % 0x010101 == 0 for color in counts)
            self.with_colors |= not grey
            self.colors.update(counts)
            self.solid_colors.update(solid)
            if grey:
                self.ids.update({color & 255: count for color, count in counts.items()})
                self.solid_ids.update({color & 255: count for color, count in solid.items()})
            return
        self.ids.update(counts)
        self.solid_ids.update(solid)
        if raw.palette is None:
            self.with_ids = True
            return
        used, _, colors = used_colors(raw)
        table = dict(zip(used.tolist(), colors.tolist(), strict=True))
        self.drawn.append((name, table))
        self.colors.update({table[index]: count for index, count in counts.items()})
        self.solid_colors.update({table[index]: count for index, count in solid.items()})

    @property
    def colors_count(self) -> bool:
        """Whether the classes are told apart by colours: by indices they would be others in every file."""
        if self.with_colors or self.with_ids or not palette_conflicts(self.drawn):
            return self.with_colors
        # Of palettes in the order of a drawing program every colour recurs; of palettes at random none does.
        return sum(len(table) for _, table in self.drawn) >= 1.5 * len(self.colors)


def guess_label_space(paths: Iterable[str | Path], *, name: str = "own") -> LabelSpace:
    """Make up a label set that fits some label maps.

    Colour-coded maps, and indexed ones whose indices have another colour in every file: every distinct colour
    becomes a class, the commonest first; colours that occur in softened edges alone do not, and of more than
    256 colours the rare ones do not. Maps of ids: 0 up to the largest; 255 apart from the others is taken for
    void. A few grey values far apart (0, 85, 170, 255) are a class each, as `file_values` then says.

    Args:
        paths: Label maps of one data set.
        name: What to call the label set.

    Raises:
        SemsynthError: There are no maps, some hold ids and others colours, or the pictures have too many
            colours for label maps.
    """
    seen = _Seen()
    for path in paths:
        seen.add(str(path), read_values(path))
    if not seen.ids and not seen.colors:
        raise SemsynthError("There are no label maps to guess a label set from.")
    if seen.with_ids and seen.with_colors:
        raise SemsynthError("Some of the label maps hold ids and others colours; a data set needs one kind.")
    return _from_colors(seen, name) if seen.colors_count else _from_ids(seen, name)


def _counts(values: NDArray[Any]) -> dict[int, int]:
    if values.dtype != np.uint32:
        return value_counts(values)
    colors, counts = packed_counts(values)
    return dict(zip(colors.tolist(), counts.tolist(), strict=True))


def _from_colors(seen: _Seen, name: str) -> LabelSpace:
    colors = seen.colors
    kept = [color for color, _ in sorted(colors.items(), key=lambda item: (-item[1], item[0]))]
    solid = [color for color in kept if seen.solid_colors[color]]
    edges = sum(colors[color] for color in kept if not seen.solid_colors[color])
    if len(kept) >= 2 * len(solid) > 2 and edges < MOST_EDGES * colors.total():
        kept = solid
    if seen.lossy:
        kept = _apart(kept, seen.solid_colors)
    if len(kept) > MOST_CLASSES:
        kept = [color for color in kept if colors[color] >= RARE * colors.total()]
    covered = sum(colors[color] for color in kept) / colors.total()
    if not kept or len(kept) > MOST_CLASSES or (covered < 0.5 and not seen.lossy):
        raise SemsynthError(
            f"The maps hold {len(colors):,} colours: they are photographs or drawings with soft edges, not "
            f"label maps. Where they are label maps, name the label set they were drawn in."
        )
    classes = tuple(
        LabelClass(number, f"#{color:06x}", (color >> 16, color >> 8 & 255, color & 255))
        for number, color in enumerate(kept)
    )
    note = f"Guessed from {len(colors):,} colours: name the classes."
    return LabelSpace(name, classes, note=note)


def _apart(colors: list[int], solid: Counter[int]) -> list[int]:
    """Of the colours of lossy files, those that are not another's compression noise.

    Every colour stands for the rarer ones around it; one that stands for few solid pixels is none.
    """
    rgb = unpack_colors(np.array(colors, dtype=np.int64)).astype(np.float64)
    weight = np.array([solid[color] for color in colors], dtype=np.float64)
    free = weight > 0
    kept: list[int] = []
    while free.any() and len(kept) <= MOST_CLASSES:
        place = int(np.argmax(np.where(free, weight, -1)))
        around = free & (np.linalg.norm(rgb - rgb[place], axis=1) <= APART)
        if weight[around].sum() >= 0.002 * weight.sum():
            kept.append(colors[place])
        free &= ~around
    return kept


def _from_ids(seen: _Seen, name: str) -> LabelSpace:
    values = sorted(seen.ids)
    void_value = 255 if values[-1] == 255 else None
    if values[0] < 0:
        if len(values) > 1 and values[1] < 0:
            raise SemsynthError(
                f"The maps hold the negative ids {values[0]} and {values[1]}; class ids are 0, 1, 2, ..."
            )
        void_value, values = values[0], values[1:] or [0]
    elif values[-1] <= 255:
        values = _levels(seen, values)
        others = [value for value in values if value != 255]
        if values[-1] == 255 and (others == [0] or not others):
            return _described(seen, name, 2, None, {255: 1})
        if _are_levels(values) and (values[-1] != 255 or others[-1] > SMALL_IDS):
            return _described(seen, name, len(values), None, {v: i for i, v in enumerate(values)})
        if values[-1] != 255 or others[-1] >= 254:
            void_value = None
    largest = max((value for value in values if value != void_value), default=0)
    if largest > LARGEST_ID:
        raise SemsynthError(
            f"The maps hold ids up to {largest:,}; they look like instance maps, not classes."
        )
    if void_value is None:
        return _described(seen, name, largest + 1, None, {})
    return _described(seen, name, largest + 2, largest + 1, {void_value: largest + 1})


def _levels(seen: _Seen, values: list[int]) -> list[int]:
    """The grey values that classes have, without those that softened edges or compression made."""
    if seen.lossy:
        rest = Counter(seen.ids)
        levels: list[int] = []
        while rest and rest.total() > 0.05 * seen.ids.total():
            level = rest.most_common(1)[0][0]
            levels.append(level)
            rest = Counter({v: n for v, n in rest.items() if abs(v - level) > APART // 2})
        levels.sort()
        apart = all(after - before >= APART for before, after in itertools.pairwise(levels))
        return levels if apart else values
    solid = [value for value in values if seen.solid_ids[value]]
    edges = sum(seen.ids[value] for value in values if not seen.solid_ids[value])
    soft = len(values) >= 2 * len(solid) > 2 and edges < MOST_EDGES * seen.ids.total()
    return solid if soft else values


def _are_levels(values: list[int]) -> bool:
    """Whether values are a few grey levels rather than ids."""
    steps = [after - before for before, after in itertools.pairwise(values)]
    return bool(steps) and min(steps) >= SPARSE and SPARSE * len(values) <= values[-1] + 1


def _described(
    seen: _Seen, name: str, count: int, void: int | None, file_values: dict[int, int]
) -> LabelSpace:
    """A label set whose classes are drawn as the indexed files draw them, where they agree."""
    palette = published_palette(count).tolist()
    if seen.drawn and not palette_conflicts(seen.drawn):
        value_of = {number: value for value, number in file_values.items()}
        drawn = {index: color for _, table in seen.drawn for index, color in table.items()}
        if any(color % 0x010101 for color in drawn.values()):
            for number in range(count):
                color = drawn.get(value_of.get(number, number), -1)
                palette[number] = unpack_colors(np.array(color)).tolist() if color >= 0 else palette[number]
    classes = tuple(
        LabelClass(i, "void" if i == void else f"class {i}", tuple(palette[i]), _group(i, void))
        for i in range(count)
    )
    note = "Guessed from the ids in the maps: name the classes."
    return LabelSpace(name, classes, void, file_values, note)


def _group(number: int, void: int | None) -> str:
    return "void" if number == void else "things"
