"""Segments: the connected regions of one class that semi-parametric synthesis cuts out and pastes.

Masks are (H, W) bool arrays in the frame of the whole picture, so that position counts in every comparison.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semsynth.labels import LabelSpace

Mask = NDArray[np.bool_]
Labels = NDArray[np.integer]
Box = tuple[int, int, int, int]
"""Top, left, bottom, right; the last two excluded."""

SMALLEST = 1000 / (256 * 512)
"""Share of the picture below which a segment is neither stored nor looked for (SIMS: 1000 pixels)."""


@dataclass(frozen=True)
class Segment:
    """One region of a label map.

    Attributes:
        class_id: its class.
        mask: (H, W) bool.
        box: the smallest box around it.
    """

    class_id: int
    mask: Mask
    box: Box

    @property
    def area(self) -> int:
        """Pixels."""
        return int(self.mask.sum())


def connected_components(labels: Labels) -> tuple[NDArray[np.int32], int]:
    """Number the 8-connected regions of equal label.

    Args:
        labels: (H, W) ids.

    Returns:
        (H, W) numbers 0..n-1 in raster order of each region's first pixel, and n.
    """
    height, width = labels.shape
    pixels = np.arange(height * width).reshape(height, width)
    steps = (  # right, down, down right, down left
        (slice(None), slice(None, -1), slice(None), slice(1, None)),
        (slice(None, -1), slice(None), slice(1, None), slice(None)),
        (slice(None, -1), slice(None, -1), slice(1, None), slice(1, None)),
        (slice(None, -1), slice(1, None), slice(1, None), slice(None, -1)),
    )
    pairs = []
    for rows, columns, other_rows, other_columns in steps:
        same = labels[rows, columns] == labels[other_rows, other_columns]
        pairs.append((pixels[rows, columns][same], pixels[other_rows, other_columns][same]))
    a, b = (np.concatenate(side) for side in zip(*pairs, strict=True))
    root = pixels.ravel().copy()
    while len(a):  # hook the larger root to the smaller, shorten all paths, drop what has met
        low, high = np.minimum(root[a], root[b]), np.maximum(root[a], root[b])
        apart = low != high
        a, b, low, high = a[apart], b[apart], low[apart], high[apart]
        np.minimum.at(root, high, low)
        while not np.array_equal(shorter := root[root], root):
            root = shorter
    _, numbers = np.unique(root, return_inverse=True)
    return numbers.reshape(height, width).astype(np.int32), int(numbers.max()) + 1


def find_segments(labels: Labels, space: LabelSpace, smallest: float = SMALLEST) -> list[Segment]:
    """The segments of a label map worth pasting, in raster order.

    Args:
        labels: (H, W) ids.
        space: its label set; void and ids without a channel are left out.
        smallest: share of the picture a segment must exceed.
    """
    numbers, count = connected_components(labels)
    areas = np.bincount(numbers.ravel(), minlength=count)
    first = np.unique(numbers, return_index=True)[1]
    classes = labels.ravel()[first]
    wanted = (areas > smallest * labels.size) & (classes < space.num_classes) & (classes >= 0)
    if space.void_id is not None:
        wanted &= classes != space.void_id
    segments = []
    for number in np.flatnonzero(wanted):
        mask = numbers == number
        segments.append(Segment(int(classes[number]), mask, bounding_box(mask)))
    return segments


def bounding_box(mask: Mask) -> Box:
    """The smallest box around a mask that is not empty."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def enlarged(box: Box, size: tuple[int, int], *, top: float, sides: float, bottom: float) -> Box:
    """A box moved outwards by shares of its own height and width, within a picture of `size` (H, W)."""
    height, width = box[2] - box[0], box[3] - box[1]
    return (
        max(0, round(box[0] - top * height)),
        max(0, round(box[1] - sides * width)),
        min(size[0], round(box[2] + bottom * height)),
        min(size[1], round(box[3] + sides * width)),
    )


def inside(box: Box, size: tuple[int, int]) -> Mask:
    """(H, W) bool, true in the box."""
    mask = np.zeros(size, dtype=np.bool_)
    mask[box[0] : box[2], box[1] : box[3]] = True
    return mask


def dilate(mask: Mask, radius: int) -> Mask:
    """Every pixel within a square of side 2 * radius + 1 of the mask."""
    for axis in (0, 1):
        # Counts up to each position; a window that holds any is wet.
        padded = np.pad(mask, [(radius + 1, radius) if a == axis else (0, 0) for a in (0, 1)])
        sums = padded.cumsum(axis, dtype=np.int32)
        size = mask.shape[axis]
        last, first = np.arange(size) + 2 * radius + 1, np.arange(size)
        mask = sums.take(last, axis) > sums.take(first, axis)
    return mask


def border_band(mask: Mask, radius: int) -> Mask:
    """Pixels of the mask no further than `radius` from a pixel outside it; the picture's rim is no border."""
    return mask & dilate(~mask, radius)
