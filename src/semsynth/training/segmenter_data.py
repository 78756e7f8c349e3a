"""What a segmenter learns from: photographs at hand, their balance, and how they are augmented."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from semsynth.data import Dataset, Geometry
from semsynth.data.cache import cached
from semsynth.errors import SemsynthError

Rng = np.random.Generator
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Photographs:
    """A data set as a segmenter learns from it.

    Attributes:
        data: Photographs and label maps, S x S pixels.
        ids: Label ids of the K classes; what is not listed is void, K.
    """

    data: Dataset
    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.data)

    @cached_property
    def _table(self) -> Pixels:
        """Label id → class index 0..K."""
        space = self.data.label_space
        table = np.full(max(space.num_classes, space.void_id or 0, 255) + 1, len(self.ids), np.uint8)
        table[list(self.ids)] = np.arange(len(self.ids))
        return table

    def image(self, index: int) -> Pixels:
        """A photograph, (S, S, 3) uint8."""
        return self.data.read(index).image

    def classes(self, index: int) -> Pixels:
        """Class indices 0..K of a photograph's pixels, (S, S) uint8."""
        ids: Pixels = self._table[self.data.read(index).labels]
        return ids


def decode(
    data: Dataset,
    ids: tuple[int, ...],
    size: int,
    folder: Path,
    name: str,
    log: Callable[[str], None] = lambda _: None,
) -> Photographs:
    """Decode a data set once into a cache in `folder` / `name`, at `size` x `size` pixels; see `cached`.

    Raises:
        SemsynthError: It is empty, or has more classes than a segmenter can be trained on.
    """
    if len(data) == 0:
        raise SemsynthError(f"The {name} photographs are none: check the data set's folders and its split.")
    if len(ids) > 255:
        raise SemsynthError(f"{len(ids)} classes are more than the 255 a segmenter can be trained on.")
    return Photographs(cached(data, folder / name, Geometry("resize_and_crop", size, size), log=log), ids)


@dataclass(frozen=True)
class Balance:
    """How rare classes get their say.

    Attributes:
        chances: (N,) chance of each picture to be drawn.
        weights: (K,) weight of each class in the loss; its mean over labelled pixels is 1.
    """

    chances: npt.NDArray[np.float64]
    weights: Tensor

    @classmethod
    def of(cls, photographs: Photographs, class_power: float, rare_share: float) -> "Balance":
        """Repeat-factor sampling (Gupta et al. 2019, LVIS) and softened inverse class frequencies.

        See `SegmenterRecipe` for both settings.
        """
        k = len(photographs.ids)
        maps = map(photographs.classes, range(len(photographs)))
        counts = np.stack([np.bincount(ids.ravel(), minlength=k + 1)[:k] for ids in maps])  # (N, K)
        held = (counts > 0).mean(axis=0)
        repeat = np.clip(np.sqrt(rare_share / np.maximum(held, 1e-9)), 1.0, 4.0)
        factors = np.where(counts > 0, repeat, 1.0).max(axis=1)
        share = counts.sum(axis=0) / max(1, counts.sum())
        weights = np.where(share > 0, np.maximum(share, 1e-6) ** -class_power, 0.0)
        weights = weights / max(1e-12, float((weights * share).sum()))
        return cls(factors / factors.sum(), torch.tensor(weights, dtype=torch.float32))


def augment(image: Pixels, classes: Pixels, least_crop: float, rng: Rng) -> tuple[Pixels, Pixels]:
    """A random crop of another shape at the full size again, mirrored half of the time."""
    side = image.shape[0]
    scale, shape = float(np.sqrt(rng.uniform(least_crop, 1.0))), float(np.exp(rng.uniform(-0.12, 0.12)))
    width, height = min(1.0, scale * shape) * side, min(1.0, scale / shape) * side
    left, top = rng.uniform(0, side - width), rng.uniform(0, side - height)
    box = (left, top, left + width, top + height)
    image = np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR, box=box))
    classes = np.asarray(Image.fromarray(classes).resize((side, side), Image.Resampling.NEAREST, box=box))
    return (image[:, ::-1], classes[:, ::-1]) if rng.random() < 0.5 else (image, classes)


def recolour(images: Tensor, rng: Rng) -> Tensor:
    """Other brightness, saturation and contrast for each of (B, 3, H, W) in [-1, 1]."""

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (len(images), 1, 1, 1)).astype(np.float32))

    images = images + draw(-0.25, 0.25)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * draw(0.5, 1.5)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * draw(0.7, 1.3)


def augmented(
    photographs: Photographs, indices: npt.NDArray[np.int64], least_crop: float, rng: Rng
) -> tuple[Tensor, Tensor]:
    """Augmented pictures (B, 3, S, S) in [-1, 1], channels last, and their classes (B, S, S) uint8."""
    pairs = [augment(photographs.image(i), photographs.classes(i), least_crop, rng) for i in indices]
    images = torch.from_numpy(np.stack([image for image, _ in pairs])).permute(0, 3, 1, 2)
    classes = torch.from_numpy(np.stack([ids for _, ids in pairs]))
    return recolour(images.float().div_(127.5).sub_(1), rng), classes


Draw = Callable[[npt.NDArray[np.int64], Rng], tuple[list[Tensor], Tensor]]
"""Photograph indices → what the late steps need, and the classes (B, S, S) uint8."""


def batches(
    draw: Draw, balance: Balance, batch_size: int, seed: int, seen: int
) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Batches without end from ``seen`` pictures on, the next one prepared while this one is learnt from.

    The batch after ``n`` pictures is a function of the seed and ``n`` alone.
    """

    def batch_at(number: int) -> tuple[list[Tensor], Tensor]:
        rng = np.random.default_rng([seed, number])
        return draw(rng.choice(len(balance.chances), batch_size, p=balance.chances), rng)

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(batch_at, seen)
        while True:
            seen += batch_size
            following = pool.submit(batch_at, seen)
            yield pending.result()
            pending = following
