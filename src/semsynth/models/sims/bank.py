"""The memory bank: every segment of a training set, with what it takes to find one again.

Qi, Chen, Jia, Koltun: "Semi-parametric Image Synthesis", CVPR 2018. Photographs are stored once, not once per
segment; a segment is a number in its picture's component map. A bank is a folder:

    bank.json        format, size, label set, keys, how often each class stands in front
    images.npy       (N, H, W, 3) uint8
    labels.npy       (N, H, W) uint16
    components.npy   (N, H, W) uint16, 0 where no segment is, else 1 + the row within the picture
    segments.npy     (S, 3) int64: picture, class, pixels; sorted by picture
    masks.npy        (S, cells / 8) uint8, each mask's bitmap on a coarse grid
    cells.npy        (N, cells) uint16, each label map on that grid
"""

import os
import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing, read_json, require_regular, shown
from semsynth.labels import LabelSpace
from semsynth.models.sims.ordering import FrontCounts
from semsynth.models.sims.segments import Mask

FORMAT = 1
CELL = 8
"""Side in pixels of a cell of the coarse grid (32x64 cells at 256x512)."""

MAX_FACTS = 1 << 28
"""Largest bank.json in bytes; a million pictures have names of some 30 MB."""


@dataclass(frozen=True)
class SegmentBank:
    """An opened bank. The large arrays stay on disk and are mapped.

    Attributes:
        folder: Where it is.
        space: The label set.
        size: (H, W) of its pictures.
        keys: Names of the pictures.
        front: How often each class stood in front of a neighbour.
        images: (N, H, W, 3) uint8.
        labels: (N, H, W) uint16.
        components: (N, H, W) uint16.
        segments: (S, 3) picture, class, pixels.
        masks: (S, cells / 8) uint8, packed bits.
        cells: (N, cells) uint16.
    """

    folder: Path
    space: LabelSpace
    size: tuple[int, int]
    keys: tuple[str, ...]
    front: FrontCounts
    images: NDArray[np.uint8]
    labels: NDArray[np.uint16]
    components: NDArray[np.uint16]
    segments: NDArray[np.int64]
    masks: NDArray[np.uint8]
    cells: NDArray[np.uint16]

    @classmethod
    def open(cls, folder: str | Path) -> "SegmentBank":
        """Map a bank.

        Raises:
            SemsynthError: There is none, or it was written by another version, or a part of it is missing.
        """
        folder = Path(folder)
        if not (folder / "bank.json").exists():
            raise SemsynthError(f"{folder} is not a memory bank of segments; build one there.")
        path = folder / "bank.json"
        facts = read_json(path, MAX_FACTS)
        with parsing(path, "the description of a memory bank", "Build the bank again."):
            if facts["format"] != FORMAT:
                raise ValueError(f"its format is {shown(facts['format'])}; this version reads {FORMAT}")
            space = LabelSpace.from_dict(facts["label_space"])
            size, keys, front = facts["size"], facts["keys"], _front(facts, space.num_classes)
            if not _are(size, int) or len(size) != 2 or any(side < CELL or side % CELL for side in size):
                raise ValueError(f"its size is {shown(size)}; two multiples of {CELL} are needed")
            if not _are(keys, str):
                raise ValueError("its keys must be a list of names")
        bank = cls(
            folder, space, (size[0], size[1]), tuple(keys), front, **_map_arrays(folder, size, len(keys))
        )
        bank._check_rows()
        return bank

    def _check_rows(self) -> None:
        """Refuse segments of pictures or classes that there are not."""
        pictures, classes = self.segments[:, 0], self.segments[:, 1]
        fits = len(pictures) == 0 or (
            pictures[0] >= 0 and pictures[-1] < len(self.keys) and bool((pictures[1:] >= pictures[:-1]).all())
        )
        if not fits or bool(((classes < 0) | (classes >= self.space.num_classes)).any()):
            raise SemsynthError(
                f"{self.folder / 'segments.npy'} names pictures or classes that the bank does not have. "
                "Build the bank again."
            )

    def __len__(self) -> int:
        return len(self.segments)

    def __deepcopy__(self, memo: dict[int, Any]) -> "SegmentBank":
        # Nothing in a bank changes, and a copy would read the whole of it into memory.
        return self

    @cached_property
    def by_class(self) -> dict[int, NDArray[np.intp]]:
        """Rows of `segments` per class."""
        classes = self.segments[:, 1]
        return {int(c): np.flatnonzero(classes == c) for c in np.unique(classes)}

    @cached_property
    def _first_row(self) -> NDArray[np.intp]:
        return np.searchsorted(self.segments[:, 0], np.arange(len(self.keys)))

    def copy_to(self, folder: Path) -> None:
        """Make the same bank in a folder that does not exist yet; the files are shared where possible."""
        folder.mkdir()
        for path in sorted(self.folder.iterdir()):
            try:
                os.link(path, folder / path.name)  # a bank never changes
            except OSError:
                shutil.copyfile(path, folder / path.name)

    def mask(self, row: int) -> Mask:
        """(H, W) bool of one segment."""
        picture = int(self.segments[row, 0])
        mask: Mask = self.components[picture] == row - self._first_row[picture] + 1
        return mask

    def pixels(self, row: int) -> NDArray[np.uint8]:
        """(H, W, 3) of the whole photograph a segment is from."""
        photograph: NDArray[np.uint8] = self.images[int(self.segments[row, 0])]
        return photograph

    def bitmaps(self, rows: NDArray[np.intp]) -> NDArray[np.float32]:
        """(len(rows), cells) of 0 and 1: coarse masks, ready for matrix products."""
        return np.unpackbits(self.masks[rows], axis=1, count=self.cells.shape[1]).astype(np.float32)


def _front(facts: dict[str, Any], num_classes: int) -> FrontCounts:
    counts = [facts["in_front"], facts["compared"]]
    for values in counts:
        if not _are(values, int) or len(values) != num_classes or not all(0 <= v < 1 << 62 for v in values):
            raise ValueError(f"in_front and compared must be {num_classes} counts each")
    return FrontCounts(*(np.array(values, np.int64) for values in counts))


def _are(values: object, kind: type) -> bool:
    return isinstance(values, list) and all(type(value) is kind for value in values)


def _map_arrays(folder: Path, size: list[int], count: int) -> dict[str, Any]:
    """Map the arrays of a bank, their types and shapes compared with what they must be."""
    cells = size[0] // CELL * (size[1] // CELL)
    shapes: dict[str, tuple[type[np.generic], tuple[int | None, ...]]] = {
        "images": (np.uint8, (count, *size, 3)),
        "labels": (np.uint16, (count, *size)),
        "components": (np.uint16, (count, *size)),
        "segments": (np.int64, (None, 3)),
        "masks": (np.uint8, (None, -(-cells // 8))),
        "cells": (np.uint16, (count, cells)),
    }
    arrays: dict[str, Any] = {}
    for name, (kind, shape) in shapes.items():
        path = require_regular(folder / f"{name}.npy")
        with parsing(path, "an array of a memory bank", "Build the bank again."):
            array = np.lib.format.open_memmap(path, mode="r")
            wanted = tuple(
                actual if side is None else side for side, actual in zip(shape, array.shape, strict=False)
            )
            if array.dtype != kind or array.shape != wanted or len(wanted) != len(shape):
                raise ValueError(f"it is {array.dtype} of shape {array.shape}")
            arrays[name] = array
    if len(arrays["segments"]) != len(arrays["masks"]):
        raise SemsynthError(f"{folder} has not one mask for every segment. Build the bank again.")
    return arrays


def bitmap(mask: Mask) -> Mask:
    """(cells,) bool: which cells a mask half covers; where it covers none by half, its fullest."""
    height, width = mask.shape[0] // CELL, mask.shape[1] // CELL
    share = mask.reshape(height, CELL, width, CELL).mean((1, 3)).ravel()
    threshold = min(0.5, float(share.max()))
    cells: Mask = share >= threshold
    return cells
