"""A map brought to another size: the one rule for maps that a user gives.

A pixel takes the value that its centre falls on, as Pillow's nearest resizing does. Inside a network the
corners count instead, because published weights depend on that: see `ops.pyramid`.
"""

from functools import lru_cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Kind = TypeVar("Kind", bound=np.generic)


def resize_map(planes: NDArray[Kind], size: tuple[int, int]) -> NDArray[Kind]:
    """A map of ids, instances or anything else that must not be mixed, at another size.

    Args:
        planes: (..., H, W).
        size: Height and width wanted.

    Returns:
        (..., height, width); the same array where it has that size already.
    """
    if planes.shape[-2:] == size:
        return planes
    rows, columns = (nearest_index(old, new) for old, new in zip(planes.shape[-2:], size, strict=True))
    return planes[..., rows[:, None], columns]


@lru_cache(maxsize=512)
def nearest_index(old: int, new: int) -> NDArray[np.int64]:
    """Which of `old` pixels each of `new` pixels takes.

    That is (2 i + 1) old // (2 new), except where a centre falls between two pixels: there Pillow's running
    sum decides. So Pillow itself is asked, once per pair of sizes, about a row of positions.

    Returns:
        (new,) int64, ascending.
    """
    row = Image.fromarray(np.arange(old, dtype=np.int32)[None])
    taken: NDArray[np.int64] = np.array(row.resize((new, 1), Image.Resampling.NEAREST), dtype=np.int64)[0]
    return taken
