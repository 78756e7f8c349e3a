"""What a data set yields, before and after the transform, and the protocol every data set meets."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace


@dataclass(frozen=True)
class RawSample:
    """One photograph with its label map, as stored.

    Attributes:
        image: (H, W, 3) uint8.
        labels: (H, W) integers, class ids.
        instances: (H, W) integers, or None where the data set has no instance maps.
        key: What the sample is called: the file stem, unique within a data set.
        original: Height and width before a cache brought it to load size, which its crop is decided by; None
            where it is as stored.
    """

    image: NDArray[np.uint8]
    labels: NDArray[np.integer]
    instances: NDArray[np.integer] | None
    key: str
    original: tuple[int, int] | None = None


@dataclass(frozen=True)
class Sample:
    """One photograph with its label map, as networks want it.

    Attributes:
        image: (3, H, W) float32 in [-1, 1].
        labels: (H, W) int64.
        instances: (H, W) int64, or None.
        key: What the sample is called.
    """

    image: Tensor
    labels: Tensor
    instances: Tensor | None
    key: str


@dataclass(frozen=True)
class Batch:
    """Samples of one size, stacked.

    Attributes:
        images: (B, 3, H, W) float32 in [-1, 1].
        labels: (B, H, W) int64.
        instances: (B, H, W) int64, or None.
        keys: The B keys.
    """

    images: Tensor
    labels: Tensor
    instances: Tensor | None
    keys: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch on another device."""
        instances = None if self.instances is None else self.instances.to(device, non_blocking=True)
        images = self.images.to(device, non_blocking=True)
        return Batch(images, self.labels.to(device, non_blocking=True), instances, self.keys)


class Dataset(Protocol):
    """What training and evaluation read from."""

    @property
    def keys(self) -> Sequence[str]:
        """Names of the samples, in reading order."""

    @property
    def label_space(self) -> LabelSpace:
        """The label set of the maps `read` gives."""

    @property
    def has_instances(self) -> bool:
        """Whether samples carry instance maps."""

    @property
    def reading(self) -> str:
        """How the files are read, as far as it decides what they give: for fingerprints."""

    def __len__(self) -> int: ...

    def read(self, index: int) -> RawSample:
        """Decode one sample."""

    def sources(self, index: int) -> tuple[Path, ...]:
        """The files one sample is read from, for fingerprints and messages."""


def collate(samples: Sequence[Sample]) -> Batch:
    """Stack samples of one size.

    Raises:
        SemsynthError: There are none, their sizes differ, or only some have instance maps.
    """
    if not samples:
        raise SemsynthError("A batch needs at least one sample.")
    first = samples[0]
    for sample in samples[1:]:
        if sample.labels.shape != first.labels.shape:
            raise SemsynthError(
                f"A batch needs one size: {first.key} is {_size(first)}, {sample.key} is {_size(sample)}. "
                f"Choose a geometry with a crop, or batch size 1."
            )
    maps = [sample.instances for sample in samples if sample.instances is not None]
    if maps and len(maps) != len(samples):
        lacking = next(sample.key for sample in samples if sample.instances is None)
        raise SemsynthError(f"{lacking} has no instance map; the others of its batch have one.")
    return Batch(
        images=torch.stack([sample.image for sample in samples]),
        labels=torch.stack([sample.labels for sample in samples]),
        instances=torch.stack(maps) if maps else None,
        keys=tuple(sample.key for sample in samples),
    )


def _size(sample: Sample) -> str:
    height, width = sample.labels.shape
    return f"{width} x {height}"
