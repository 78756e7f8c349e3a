"""What a segmenter learns from: photographs, the balance of their classes, and how they are augmented."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor

from semsynth.data import Dataset
from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.labels.resize import resize_map

Rng = np.random.Generator
Pixels = npt.NDArray[np.uint8]


class Photographs:
    """The photographs of a data set as a segmenter sees them.

    Args:
        data: Photographs and label maps; those of a cache are not decoded again.
        ids: Label ids of the K classes; what is not listed is void.
        size: Side they are resized to, in pixels.

    Raises:
        SemsynthError: There are none, or too many classes.
    """

    def __init__(self, data: Dataset, ids: tuple[int, ...], size: int) -> None:
        if len(data) == 0:
            raise SemsynthError("The data set holds no photographs: check its folders and its split.")
        if len(ids) > 255:
            raise SemsynthError(f"{len(ids)} classes are more than the 255 a segmenter can be trained on.")
        self.num_classes, self._data, self._size = len(ids), data, (size, size)
        space = data.label_space
        self._table = np.full(max(space.num_classes, space.void_id or 0, 255) + 1, len(ids), np.uint8)
        self._table[list(ids)] = np.arange(len(ids))

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, index: int) -> tuple[Pixels, Pixels]:
        """A photograph (S, S, 3) uint8, and its class indices (S, S) uint8, 0..K; K is void."""
        sample = self._data.read(index)
        classes: Pixels = self._table[resize_map(sample.labels, self._size)]
        return resize_photo(sample.image, self._size), classes


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

        Args:
            photographs: What is drawn from.
            class_power: Classes weigh (share of pixels) ** -class_power.
            rare_share: Pictures of a class that fewer than this share of pictures hold are drawn more often.
        """
        k = photographs.num_classes
        maps = (photographs[index][1] for index in range(len(photographs)))
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


def recolor(images: Tensor, rng: Rng) -> Tensor:
    """Other brightness, saturation and contrast for each of (B, 3, H, W) in [-1, 1]."""

    def draw(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (len(images), 1, 1, 1)).astype(np.float32))

    images = images + draw(-0.25, 0.25)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * draw(0.5, 1.5)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * draw(0.7, 1.3)


def augmented(
    photographs: Photographs, balance: Balance, count: int, least_crop: float, rng: Rng
) -> tuple[Tensor, Tensor]:
    """Pictures drawn by chance and augmented (B, 3, S, S) in [-1, 1], and their classes (B, S, S) uint8."""
    indices = rng.choice(len(photographs), count, p=balance.chances)
    pairs = [augment(*photographs[index], least_crop, rng) for index in indices.tolist()]
    images, classes = (torch.from_numpy(np.stack(part)) for part in zip(*pairs))
    return recolor(images.permute(0, 3, 1, 2).float().div_(127.5).sub_(1), rng), classes
