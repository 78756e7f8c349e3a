"""The part of a map that can have changed, as a few boxes."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_SEPARATE = 32 * 32  # pixels of the full map that must be saved before a box is cut in two
_WHOLE = 0.7  # share of a level from which on it is drawn whole


class Box(NamedTuple):
    """Rows top..bottom-1 and columns left..right-1."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def area(self) -> int:
        """Pixels in it."""
        return (self.bottom - self.top) * (self.right - self.left)

    @property
    def window(self) -> tuple[slice, slice]:
        """What selects it from a tensor (..., h, w), after an ellipsis."""
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, by: int, size: tuple[int, int]) -> "Box":
        """Larger by so many pixels on every side that is not a border of the picture."""
        return Box(
            max(0, self.top - by),
            max(0, self.left - by),
            min(size[0], self.bottom + by),
            min(size[1], self.right + by),
        )

    def scaled(self, by: int) -> "Box":
        """The same part of a picture so many times as large."""
        return Box(*(by * side for side in self))

    def joined(self, other: "Box") -> "Box":
        """The smallest box around both."""
        low, high = map(min, self[:2], other[:2]), map(max, self[2:], other[2:])
        return Box(*low, *high)


def whole(size: tuple[int, int]) -> Box:
    """All of a picture."""
    return Box(0, 0, *size)


def cover(changed: NDArray[np.bool_]) -> list[Box]:
    """Boxes around everything that is set in (H, W); far parts get boxes of their own."""
    box = bounds(changed)
    if box is None:
        return []
    if box.area <= _SEPARATE:
        return [box]
    inside, halves = changed[box.window], []
    tall = inside.shape[0] >= inside.shape[1]
    middle = inside.shape[0 if tall else 1] // 2
    for part, at in ((0, slice(None, middle)), (middle, slice(middle, None))):
        half = inside[at] if tall else inside[:, at]
        top, left = box.top + part * tall, box.left + part * (not tall)
        halves += [Box(top + b.top, left + b.left, top + b.bottom, left + b.right) for b in cover(half)]
    saved = box.area - sum(half.area for half in halves)
    return halves if saved > _SEPARATE * (len(halves) - 1) else [box]


def bounds(changed: NDArray[np.bool_]) -> Box | None:
    """The smallest box around everything that is set in (H, W)."""
    rows = np.flatnonzero(changed.any(1))
    if not len(rows):
        return None
    columns = np.flatnonzero(changed[rows[0] : rows[-1] + 1].any(0))
    return Box(*(int(at) for at in (rows[0], columns[0], rows[-1] + 1, columns[-1] + 1)))


def merged(boxes: Iterable[Box], margin: int, size: tuple[int, int]) -> list[Box]:
    """Join boxes where one is no more work than two, if `margin` more pixels on every side are to be drawn.

    Where that comes to most of the picture, all of it.
    """
    left, done = list(boxes), []
    while left:
        box = left.pop()
        for other in left:
            joined = box.joined(other)
            work = [part.grown(margin, size).area for part in (joined, box, other)]
            if work[0] <= work[1] + work[2]:
                left.remove(other)
                left.append(joined)
                break
        else:
            done.append(box)
    drawn = sum(box.grown(margin, size).area for box in done)
    return [whole(size)] if drawn > _WHOLE * size[0] * size[1] else done


def sampled(changed: NDArray[Any], box: Box, size: tuple[int, int]) -> Box | None:
    """What of a box of the full map (H, W) is changed where the level of another size looks at it."""
    rows, columns = (
        np.arange(-(-low * short // long), -(-high * short // long))
        for low, high, short, long in zip(box[:2], box[2:], size, changed.shape)
    )
    seen = changed[(rows * changed.shape[0] // size[0])[:, None], columns * changed.shape[1] // size[1]]
    inner = bounds(seen)
    if inner is None:
        return None
    top, left = int(rows[0]), int(columns[0])
    return Box(top + inner.top, left + inner.left, top + inner.bottom, left + inner.right)
