"""A small world to cut segments from: sky over road, with cars and trees, in 64x128."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsynth.labels import LabelClass, LabelSpace
from semsynth.models.sims import SegmentBank, build_bank

SIZE = (64, 128)
VOID, SKY, ROAD, CAR, TREE = range(5)

SPACE = LabelSpace(
    "street",
    (
        LabelClass(VOID, "void", (0, 0, 0), "void"),
        LabelClass(SKY, "sky", (100, 150, 255), "sky"),
        LabelClass(ROAD, "road", (90, 90, 90), "roads"),
        LabelClass(CAR, "car", (200, 0, 0), "vehicles"),
        LabelClass(TREE, "tree", (0, 150, 0), "plants"),
    ),
    void_id=VOID,
)


@dataclass(frozen=True)
class Raw:
    image: NDArray[np.uint8]
    labels: NDArray[np.int64]
    key: str


class World:
    """Samples made from their number; `change` may alter a label map."""

    label_space = SPACE

    def __init__(
        self, count: int = 8, change: Callable[[int, NDArray[np.int64]], None] | None = None
    ) -> None:
        self.count = count
        self.change = change

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Raw:
        source = np.random.default_rng(index)
        labels = np.full(SIZE, SKY, np.int64)
        horizon = int(source.integers(24, 40))
        labels[horizon:] = ROAD
        left = int(source.integers(0, 80))
        labels[horizon - 14 : horizon + 4, left : left + 16] = TREE
        left = int(source.integers(0, 90))
        labels[horizon + 4 : horizon + 18, left : left + 30] = CAR
        labels[:2, :3] = VOID
        if self.change is not None:
            self.change(index, labels)
        image = SPACE.palette()[labels].astype(np.int64) + source.integers(-20, 20, (*SIZE, 3))
        return Raw(np.clip(image, 0, 255).astype(np.uint8), labels, f"street{index}")


@pytest.fixture(scope="session")
def bank(tmp_path_factory: pytest.TempPathFactory) -> SegmentBank:
    folder: Path = tmp_path_factory.mktemp("sims") / "bank"
    return build_bank(World(), folder, SIZE)
