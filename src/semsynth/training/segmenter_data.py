"""What a segmenter learns from: photographs at hand, their balance, and how they are augmented.

Photographs are decoded once, into memory-mapped arrays.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from numpy.lib.format import open_memmap
from PIL import Image
from torch import Tensor

from semsynth.data import Dataset, Geometry
from semsynth.data.cache import fingerprint
from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes, require_regular
from semsynth.files.writing import write_atomically
from semsynth.labels.resize import resize_map

Rng = np.random.Generator
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Photographs:
    """A data set, decoded and at hand.

    Attributes:
        images: (N, S, S, 3) uint8.
        classes: (N, S, S) uint8, class indices 0..K; K is void.
        num_classes: K.
    """

    images: Pixels
    classes: Pixels
    num_classes: int

    def __len__(self) -> int:
        return len(self.images)


def decode(data: Dataset, ids: tuple[int, ...], size: int, folder: Path, name: str) -> Photographs:
    """Decode a data set once into memory-mapped files, or open the ones of an earlier run of the same data.

    Args:
        data: Photographs and label maps.
        ids: Label ids of the classes; what is not listed is void.
        size: Side to resize to.
        folder: Where the two files go.
        name: What they are called.
    """
    if len(data) == 0:
        raise SemsynthError(f"The {name} photographs are none: check the data set's folders and its split.")
    if len(ids) > 255:
        raise SemsynthError(f"{len(ids)} classes are more than the 255 a segmenter can be trained on.")
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{name}-{what}.npy" for what in ("images", "classes")]
    seal = folder / f"{name}.json"
    whole = Geometry("resize_and_crop", size, size)
    stamp = json.dumps({"fingerprint": fingerprint(data, whole), "ids": ids})
    shapes = ((len(data), size, size, 3), (len(data), size, size))
    kept = _kept(seal, stamp, paths, shapes)
    if kept is None:
        seal.unlink(missing_ok=True)
        images, classes = (
            open_memmap(path, "w+", np.uint8, shape) for path, shape in zip(paths, shapes, strict=True)
        )
        table = np.full(
            max(data.label_space.num_classes, data.label_space.void_id or 0, 255) + 1, len(ids), np.uint8
        )
        table[list(ids)] = np.arange(len(ids))
        for index in range(len(data)):
            sample = data.read(index)
            images[index] = resize_photo(sample.image, (size, size))
            classes[index] = table[resize_map(sample.labels, (size, size))]
        images.flush()
        classes.flush()
        write_atomically(seal, stamp.encode())
        kept = _kept(seal, stamp, paths, shapes)
    if kept is None:
        raise SemsynthError(f"{folder} cannot keep the {name} photographs: what was written is not there.")
    return Photographs(kept[0], kept[1], len(ids))


def _kept(
    seal: Path, stamp: str, paths: Sequence[Path], shapes: Sequence[tuple[int, ...]]
) -> list[Pixels] | None:
    """What an earlier run decoded, mapped; None where it is of other data, or damaged."""
    try:
        if not seal.exists() or read_bytes(seal) != stamp.encode():
            return None
        for path in paths:
            require_regular(path)
        arrays = [np.load(path, mmap_mode="r", allow_pickle=False) for path in paths]
    except (SemsynthError, OSError, ValueError, EOFError):
        return None
    fitting = all(a.shape == s and a.dtype == np.uint8 for a, s in zip(arrays, shapes, strict=True))
    return arrays if fitting else None


@dataclass(frozen=True)
class Balance:
    """How rare classes get their say.

    Attributes:
        chances: (N,) chance of each picture to be drawn.
        weights: (K,) weight of each class in the loss; its mean over labelled pixels is 1.
        share: (K,) share of each class among the labelled pixels.
    """

    chances: npt.NDArray[np.float64]
    weights: Tensor
    share: npt.NDArray[np.float64]

    @classmethod
    def of(cls, photographs: Photographs, class_power: float, rare_share: float) -> "Balance":
        """Repeat-factor sampling (Gupta et al. 2019, LVIS) and softened inverse class frequencies.

        Args:
            photographs: What is drawn from.
            class_power: Classes weigh (share of pixels) ** -class_power.
            rare_share: Pictures of a class that fewer than this share of pictures hold are drawn more often.
        """
        k = photographs.num_classes
        counts = np.stack(
            [np.bincount(c.ravel(), minlength=k + 1)[:k] for c in photographs.classes]
        )  # (N, K)
        held = (counts > 0).mean(axis=0)
        repeat = np.clip(np.sqrt(rare_share / np.maximum(held, 1e-9)), 1.0, 4.0)
        factors = np.where(counts > 0, repeat, 1.0).max(axis=1)
        share = counts.sum(axis=0) / max(1, counts.sum())
        weights = np.where(share > 0, np.maximum(share, 1e-6) ** -class_power, 0.0)
        weights = weights / max(1e-12, float((weights * share).sum()))
        return cls(factors / factors.sum(), torch.tensor(weights, dtype=torch.float32), share)


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
    pairs = [augment(photographs.images[i], photographs.classes[i], least_crop, rng) for i in indices]
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
