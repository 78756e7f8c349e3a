"""Small label maps and label sets that tests of labels and images share."""

from pathlib import Path

import numpy as np
from PIL import Image

from semsynth.labels import NAMED, LabelSpace

SETS = {name: LabelSpace.named(name) for name in NAMED}
IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 2]], dtype=np.uint8)


def own(count: int, **kw: object) -> LabelSpace:
    """A set of `count` classes."""
    return LabelSpace.from_dict({"name": "own", "classes": [f"c{i}" for i in range(count)], **kw})


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path)
    return path
