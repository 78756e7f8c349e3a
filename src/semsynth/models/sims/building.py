"""Building a memory bank: a data set is cut into segments, and they are stored as `bank` describes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.files.folders import whole_folder
from semsynth.labels import LabelSpace, resize_map
from semsynth.models.sims.bank import CELL, FORMAT, SegmentBank, bitmap
from semsynth.models.sims.ordering import FrontCounts
from semsynth.models.sims.segments import SMALLEST, Labels, find_segments


class Raw(Protocol):
    """One photograph with its label map, as a data set reads it."""

    @property
    def image(self) -> NDArray[np.uint8]:
        """(H, W, 3)."""

    @property
    def labels(self) -> Labels:
        """(H, W) ids."""

    @property
    def key(self) -> str:
        """What it is called."""


class Source(Protocol):
    """A data set."""

    @property
    def label_space(self) -> LabelSpace:
        """Its label set."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> Raw:
        """Decode one sample."""


def build_bank(
    source: Source,
    folder: str | Path,
    size: tuple[int, int],
    *,
    smallest: float = SMALLEST,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> SegmentBank:
    """Cut a data set into segments and store them; the folder appears only when it is complete.

    Args:
        source: The data set.
        folder: Where to.
        size: (H, W) every picture is resized to; multiples of the coarse grid's cell.
        smallest: Share of the picture a segment must exceed.
        overwrite: Replace a bank that is there.
        progress: Told (done, total) after each picture.

    Raises:
        SemsynthError: The folder exists, the data set is empty, or the size does not fit the grid.
    """
    folder = Path(folder)
    if size[0] % CELL or size[1] % CELL:
        raise SemsynthError(
            f"A memory bank has the size {size[0]}x{size[1]}; both sides must be multiples of {CELL}."
        )
    if len(source) == 0:
        raise SemsynthError("The data set is empty; a memory bank needs photographs with label maps.")
    if folder.exists() and not (overwrite and (folder / "bank.json").is_file()):
        raise SemsynthError(f"{folder} exists; choose another folder, or ask to overwrite the bank there.")
    with whole_folder(folder) as part:
        _write(source, part, size, smallest, progress)
    return SegmentBank.open(folder)


def _write(
    source: Source,
    folder: Path,
    size: tuple[int, int],
    smallest: float,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Fill a folder, one picture after another; the large arrays grow on disk."""
    total, space = len(source), source.label_space

    def on_disk(name: str, kind: type[np.generic], *tail: int) -> Any:
        path, shape = folder / f"{name}.npy", (total, *size, *tail)
        return np.lib.format.open_memmap(path, mode="w+", dtype=kind, shape=shape)

    images, labels = on_disk("images", np.uint8, 3), on_disk("labels", np.uint16)
    components = on_disk("components", np.uint16)
    front = FrontCounts.none(space.num_classes)
    keys, rows, masks, cells = [], [], [], []
    for i in range(total):
        raw = source.read(i)
        images[i], ids = resized(raw.image, raw.labels, size)
        labels[i] = ids
        segments = find_segments(ids, space, smallest)
        for number, segment in enumerate(segments, 1):
            components[i][segment.mask] = number
            rows.append((i, segment.class_id, segment.area))
            masks.append(np.packbits(bitmap(segment.mask)))
        front.count(segments, space)
        keys.append(raw.key)
        cells.append(ids[CELL // 2 :: CELL, CELL // 2 :: CELL].ravel())
        if progress is not None:
            progress(i + 1, total)
    for array in (images, labels, components):
        array.flush()
    grid = size[0] // CELL * (size[1] // CELL)
    np.save(folder / "segments.npy", np.array(rows, dtype=np.int64).reshape(-1, 3))
    np.save(folder / "masks.npy", np.array(masks, dtype=np.uint8).reshape(-1, -(-grid // 8)))
    np.save(folder / "cells.npy", np.array(cells, dtype=np.uint16))
    facts = {
        "format": FORMAT,
        "size": size,
        "label_space": space.to_dict(),
        "keys": keys,
        "in_front": front.in_front.tolist(),
        "compared": front.compared.tolist(),
    }
    (folder / "bank.json").write_text(json.dumps(facts), encoding="utf-8")


def resized(
    image: NDArray[np.uint8], labels: Labels, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """A photograph (bicubic) and its label map (nearest, integers) at (H, W)."""
    if image.shape[:2] != size:
        image = np.asarray(Image.fromarray(image).resize((size[1], size[0]), Image.Resampling.BICUBIC))
    return image, resize_map(labels, size).astype(np.int64)
