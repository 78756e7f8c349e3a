"""A map brought to another size: the one rule for maps that a user gives.

A pixel takes the value that its centre falls on, as Pillow's nearest resizing does. Inside a network the
corners count instead, because published weights depend on that: see `ops.pyramid`.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


def nearest(stored: int, wanted: int) -> NDArray[np.int64]:
    """Which rows (or columns) of `stored` stand for `wanted` ones: those that the centres fall on."""
    rows: NDArray[np.int64] = (2 * np.arange(wanted, dtype=np.int64) + 1) * stored // (2 * wanted)
    return rows


def resize_map(planes: NDArray[Kind], size: tuple[int, int]) -> NDArray[Kind]:
    """A map of ids, instances or anything else that must not be mixed, at another size.

    Args:
        planes: (..., H, W).
        size: Height and width wanted.

    Returns:
        (..., height, width); the same array where the size is its own.
    """
    height, width = planes.shape[-2:]
    if (height, width) == size:
        return planes
    resized: NDArray[Any] = planes[..., nearest(height, size[0])[:, None], nearest(width, size[1])]
    return resized
