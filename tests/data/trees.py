"""Small data sets in every layout, made of random pixels."""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (12, 16)


def photo(path: Path, seed: int = 0, size: tuple[int, int] = SIZE) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    return write(path, pixels)


def ids(path: Path, seed: int = 0, low: int = 0, high: int = 4, size: tuple[int, int] = SIZE) -> Path:
    return write(path, np.random.default_rng(seed).integers(low, high, size, dtype=np.uint8))


def write(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def plain(
    root: Path, count: int = 6, split: str = "", *, instances: bool = False, sizes: bool = False
) -> Path:
    """The plain layout with four classes."""
    for i in range(count):
        size = (SIZE[0] + i, SIZE[1] + 2 * i) if sizes else SIZE
        photo(root / split / "images" / f"{i}.png", i, size)
        ids(root / split / "labels" / f"{i}.png", i, size=size)
        if instances:
            ids(root / split / "instances" / f"{i}.png", i, size=size)
    (root / "labels.json").write_text('{"classes": ["void", "sky", "sea", "land"], "void_id": 0}')
    return root
