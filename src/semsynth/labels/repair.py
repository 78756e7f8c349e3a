"""Find the classes of a drawn map, and mend what drawing programs and compression did to its edges.

A pixel in exactly the colour of a class is that class. Every other pixel takes the class of a neighbour that
is drawn exactly, of those around it the one whose colour is closest to its own: the colours between two
classes are often those of third ones, which must not appear along a softened edge.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError
from semsynth.labels.colors import BAND, packed_colors, packed_counts, unpack_colors
from semsynth.labels.fill import fill_from_nearest

NEAR = 6.0
"""RGB distance up to which an even area counts as drawn in a class colour: rounding, colour profiles."""
NEAR_LOSSY = 24.0
"""RGB distance up to which a pixel does in a format that changes values."""
CLOSE_LOSSY = 12.0
"""RGB distance up to which such pixels show that a class occurs in the map at all."""
SIMILAR = 24.0
"""RGB distance up to which a solid area takes the nearest class, which is said."""
SOLID = 7
"""Sides of an area in one colour that no softened edge has, in pixels."""
REACH = 4
"""How far from an exactly drawn pixel an edge may be soft, in pixels."""
MOST_FOREIGN = 0.1
"""Share of pixels beyond that reach at which a picture is no map of the set."""
LEAST_SOLID = 0.0005
"""Share of pixels from which on a solid colour like no class's is not an accident."""
SUPPORT = 0.0002
"""Share of pixels that a class must have in a lossy file for its pixels not to be compression noise."""


@dataclass(frozen=True)
class Drawing:
    """The classes of a drawn map.

    Attributes:
        entries: (H, W) uint16, places in the palette.
        repaired: Pixels that had no exact colour.
        largest_distance: The largest distance of their colours from the palette.
        similar: Solid colours that were taken for a class: (colour, place in the palette, pixels).
    """

    entries: NDArray[np.uint16]
    repaired: int = 0
    largest_distance: float = 0.0
    similar: tuple[tuple[int, int, int], ...] = ()


class ForeignColors(SemsynthError):
    """A picture is not drawn in the colours of a palette.

    Attributes:
        color: The commonest colour that is not of the palette, packed.
    """

    def __init__(self, message: str, color: int) -> None:
        super().__init__(message)
        self.color = color


def find_classes(
    pixels: NDArray[np.uint8],
    palette: NDArray[np.uint8],
    *,
    lossy: bool = False,
    ignore: NDArray[np.bool_] | None = None,
) -> Drawing:
    """Find the palette entry of every pixel of a drawn map.

    Args:
        pixels: (H, W, 3).
        palette: (K, 3); of equal colours the first counts.
        lossy: Whether the file's format may have changed values a little.
        ignore: (H, W), pixels that are nothing; what is found for them means nothing.

    Raises:
        ForeignColors: The picture is not drawn in these colours.
    """
    table = np.zeros(1 << 24, dtype=np.uint16)  # of which only the pages in use take memory
    table[packed_colors(palette)[::-1]] = np.arange(
        len(palette), 0, -1
    )  # the first of equals is written last
    known = _look_up(pixels, table)  # place + 1, and 0 where there is none
    considered = np.ones(known.shape, dtype=bool) if ignore is None else ~ignore
    wrong = (known == 0) & considered
    inexact, total = int(wrong.sum()), int(considered.sum())
    if inexact == 0:
        known[known == 0] = 1
        return Drawing(known - np.uint16(1))
    packed = packed_colors(pixels)
    colors, counts = packed_counts(packed[wrong])
    commonest = int(colors[counts.argmax()])
    nearest, distance = nearest_entries(colors, palette)
    accepted = distance <= (NEAR_LOSSY if lossy else NEAR)
    if (inexact == total and not lossy) or (lossy and counts[~accepted].sum() > total / 2):
        what = "none of its pixels has" if inexact == total else "most of its pixels do not have"
        raise ForeignColors(f"{what} the colour of a class", commonest)
    similar: tuple[tuple[int, int, int], ...] = ()
    if not lossy:
        similar = _solid_colors(packed, colors, counts, nearest, distance)
        accepted |= np.isin(colors, [color for color, _, _ in similar])
    if lossy:
        close = distance <= CLOSE_LOSSY
        table[colors[close]] = nearest[close] + 1
        unsupported = _unsupported(_look_up(pixels, table), len(palette))
        first = table[packed_colors(palette)] - 1  # of classes drawn in one colour, the one that counts
        table[packed_colors(palette)[unsupported[first]]] = 0
        accepted &= ~unsupported[nearest]
        table[colors[close & ~accepted]] = 0
    table[colors[accepted]] = nearest[accepted] + 1
    known = np.where(considered, _look_up(pixels, table), np.uint16(0))
    known[_doubtful(known, packed, wrong, palette, lossy)] = 0
    _take_from_neighbours(known, considered & (known == 0), packed, palette)
    left = considered & (known == 0)
    if left.any():
        if left.sum() > MOST_FOREIGN * total:
            raise ForeignColors(
                f"{int(left.sum()):,} of its {total:,} pixels are neither in the colour of a class nor near "
                f"to one that is",
                commonest,
            )
        known = fill_from_nearest(known, known == 0)
    known[known == 0] = 1
    return Drawing(known - np.uint16(1), inexact, float(distance.max()), similar)


def nearest_entries(
    colors: NDArray[np.integer[Any]], palette: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The places of the palette nearest to packed colours (n,), and their distances."""
    entries = np.empty(len(colors), dtype=np.int64)
    distance = np.empty(len(colors), dtype=np.float32)
    step = max(1, BAND // len(palette))  # a photograph has a million colours: bound the memory
    for start in range(0, len(colors), step):
        rgb = unpack_colors(colors[start : start + step]).astype(np.float32)
        squared = ((rgb[:, None] - palette[None].astype(np.float32)) ** 2).sum(axis=2)
        entries[start : start + step] = squared.argmin(axis=1)  # the first of equal colours
        distance[start : start + step] = np.sqrt(squared.min(axis=1))
    return entries, distance


def _look_up(pixels: NDArray[np.uint8], table: NDArray[np.uint16]) -> NDArray[np.uint16]:
    entries = np.empty(pixels.shape[:2], dtype=np.uint16)
    rows = max(1, BAND // pixels.shape[1])
    for y in range(0, len(pixels), rows):
        entries[y : y + rows] = table[packed_colors(pixels[y : y + rows])]
    return entries


def _solid_colors(
    packed: NDArray[np.uint32],
    colors: NDArray[np.uint32],
    counts: NDArray[np.int64],
    nearest: NDArray[np.int64],
    distance: NDArray[np.float32],
) -> tuple[tuple[int, int, int], ...]:
    """Inexact colours of whole areas, with the class each is taken for.

    Raises:
        ForeignColors: One of them is like no class colour.
    """
    solid = []
    least = max(SOLID * SOLID, LEAST_SOLID * packed.size)
    for place in np.argsort(-counts)[:32]:
        if counts[place] < least:
            break
        if distance[place] <= NEAR or not _is_solid(packed == colors[place]):
            continue
        if distance[place] > SIMILAR:
            raise ForeignColors(
                f"{int(counts[place]):,} of its pixels are an area in a colour like no class's",
                int(colors[place]),
            )
        solid.append((int(colors[place]), int(nearest[place]), int(counts[place])))
    return tuple(solid)


def _is_solid(mask: NDArray[np.bool_]) -> bool:
    """Whether a mask holds a square of SOLID x SOLID pixels."""
    for step in (1, 2, SOLID - 4):  # runs of 2, 4 and SOLID
        mask = mask[step:] & mask[:-step]
        mask = mask[:, step:] & mask[:, :-step]
    return bool(mask.any())


def _doubtful(
    known: NDArray[np.uint16],
    packed: NDArray[np.uint32],
    wrong: NDArray[np.bool_],
    palette: NDArray[np.uint8],
    lossy: bool,
) -> NDArray[np.bool_]:
    """Pixels whose colour is a class's by accident: thin ones between others, as blends are."""
    thin = (known > 0) & ~in_square(known)
    if lossy:
        return thin
    doubtful = thin & _grown(wrong)
    inexact = wrong & (known > 0)
    if inexact.any():
        doubtful |= inexact & ~in_square(packed)
    between = _between(known, thin & ~doubtful, palette)
    if len(between[0]) <= wrong.sum():  # more of them are drawn lines in a map that is softened nowhere
        doubtful[between] = True
    return doubtful


def _unsupported(known: NDArray[np.uint16], count: int) -> NDArray[np.bool_]:
    """Which of `count` classes a lossy file holds in scattered pixels alone, as compression makes them."""
    support = np.bincount(known[in_square(known)], minlength=count + 1)[1:]
    return support < max(16.0, SUPPORT * known.size)


def in_square(values: NDArray[np.unsignedinteger[Any]]) -> NDArray[np.bool_]:
    """Pixels that are part of a square of 2 x 2 equal ones."""
    inside = np.zeros(values.shape, dtype=bool)
    if min(values.shape) < 2:
        return ~inside
    across = values[:, 1:] == values[:, :-1]
    square = across[1:] & across[:-1] & (values[1:, 1:] == values[:-1, 1:])
    for rows in (slice(None, -1), slice(1, None)):
        for columns in (slice(None, -1), slice(1, None)):
            inside[rows, columns] |= square
    return inside


def _grown(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask and the eight neighbours of each of its pixels."""
    wide = mask.copy()
    wide[1:] |= mask[:-1]
    wide[:-1] |= mask[1:]
    out = wide.copy()
    out[:, 1:] |= wide[:, :-1]
    out[:, :-1] |= wide[:, 1:]
    return out


def _between(
    known: NDArray[np.uint16], thin: NDArray[np.bool_], palette: NDArray[np.uint8]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where thin lines separate two classes whose colours theirs lies between."""
    rows, columns = np.nonzero(thin)
    padded = np.pad(known, 1)
    colors = np.concatenate([np.zeros((1, 3)), palette]).astype(np.float32)
    own = known[rows, columns]
    between = np.zeros(len(rows), dtype=bool)
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        one = padded[rows + 1 - down, columns + 1 - right]
        other = padded[rows + 1 + down, columns + 1 + right]
        apart = (one > 0) & (other > 0) & (one != other) & (one != own) & (other != own)
        direct = np.linalg.norm(colors[one] - colors[other], axis=1)
        detour = np.linalg.norm(colors[one] - colors[own], axis=1)
        detour += np.linalg.norm(colors[own] - colors[other], axis=1)
        between |= apart & (detour <= 1.02 * direct + 1)
    return rows[between], columns[between]


def _take_from_neighbours(
    known: NDArray[np.uint16],
    missing: NDArray[np.bool_],
    packed: NDArray[np.uint32],
    palette: NDArray[np.uint8],
) -> None:
    """Fill missing pixels within REACH of known ones, in place.

    Of the nearest ring of pixels that holds a known one, and the next ring, the class is taken whose colour
    is closest: so the two sides of an edge of one or two pixels are both looked at.
    """
    padded = np.pad(known, REACH)
    places = np.flatnonzero(missing)
    colors = np.concatenate([np.zeros((1, 3)), palette]).astype(np.float32)
    for start in range(0, len(places), BAND):
        part = places[start : start + BAND]
        rows, columns = np.divmod(part, known.shape[1])
        rgb = unpack_colors(packed.reshape(-1)[part]).astype(np.float32)
        best = np.zeros(len(part), dtype=np.uint16)
        least = np.full(len(part), np.inf, dtype=np.float32)
        active = np.arange(len(part))
        for ring in range(1, REACH + 1):
            reached = best[active] > 0  # in an earlier ring: this is the last one looked at
            for down, right in _ring(ring):
                entry = padded[rows[active] + REACH + down, columns[active] + REACH + right]
                squared = ((rgb[active] - colors[entry]) ** 2).sum(axis=1)
                closer = (entry > 0) & (squared < least[active])
                best[active[closer]], least[active[closer]] = entry[closer], squared[closer]
            active = active[~reached]
        known.reshape(-1)[part] = best


def _ring(radius: int) -> list[tuple[int, int]]:
    """The steps to the pixels at a distance, the larger of rows and columns counting; the straight first."""
    span = range(-radius, radius + 1)
    steps = [(down, right) for down in span for right in span if max(abs(down), abs(right)) == radius]
    return sorted(steps, key=lambda step: (abs(step[0]) + abs(step[1]), step))
