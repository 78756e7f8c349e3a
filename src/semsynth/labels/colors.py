"""Colours as numbers, so that many of them can be compared at once."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

BAND = 1 << 20
"""Pixels that are looked at at a time, which bounds the memory for intermediate results."""


def pack_colors(values: ArrayLike) -> NDArray[np.int64]:
    """Make one number of each colour: (..., 3) → (...), red highest."""
    colors = np.asarray(values)
    packed: NDArray[np.int64] = colors[..., 0].astype(np.int64) << 16
    packed |= colors[..., 1].astype(np.int64) << 8
    packed |= colors[..., 2].astype(np.int64)
    return packed


def unpack_colors(packed: NDArray[np.integer[Any]]) -> NDArray[np.uint8]:
    """The colours (..., 3) of numbers made by `pack_colors`."""
    return np.stack([packed >> 16, packed >> 8 & 255, packed & 255], axis=-1).astype(np.uint8)


def packed_counts(packed: NDArray[np.integer[Any]]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The colours that occur among packed ones, and how often each does."""
    flat = packed.reshape(-1)
    colors, counts = np.zeros(0, dtype=np.uint32), np.zeros(0, dtype=np.int64)
    for start in range(0, flat.size, BAND):
        here, number = np.unique(flat[start : start + BAND], return_counts=True)
        both, place = np.unique(np.concatenate([colors, here.astype(np.uint32)]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, number])).astype(np.int64)
        colors = both
    return colors, counts


def packed_colors(colors: NDArray[np.integer[Any]]) -> NDArray[np.uint32]:
    """As `pack_colors`, in half of the memory."""
    packed = colors[..., 0].astype(np.uint32)
    for channel in (1, 2):
        packed <<= 8
        packed |= colors[..., channel]
    return packed


def published_palette(count: int) -> NDArray[np.uint8]:
    """The palette the published releases draw label maps with, for sets that have none.

    The bits of id + 1 are dealt to red, green and blue, highest colour bit first.

    Returns:
        (count, 3) uint8, distinct for the first 255.
    """
    colors = np.zeros((count, 3), dtype=np.int64)
    rest = np.arange(1, count + 1)
    for shift in range(7, 0, -1):
        for channel in range(3):
            colors[:, channel] |= ((rest >> channel) & 1) << shift
        rest >>= 3
    return colors.astype(np.uint8)
