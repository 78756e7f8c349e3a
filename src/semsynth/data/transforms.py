"""From a stored photograph and map to tensors: resize, crop, flip.

Photographs are resized bicubically by Pillow (antialiased when shrinking), ids by looking up the pixel
Pillow's nearest filter would take; they are never interpolated. The modes are those of the published SPADE
loader. Where that loader distorts or makes things up, the default here does what the mode's name says, and
`published=True` repeats the release for the sake of comparison.
"""

from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsynth.data.sample import RawSample, Sample
from semsynth.errors import SemsynthError
from semsynth.labels.resize import resize_map

T = TypeVar("T", bound=np.generic)

MODES = {
    "resize_and_crop": "load_size x load_size, whatever the shape, then a square crop",
    "crop": "a square crop of the photograph as it is",
    "scale_width": "width load_size, height in proportion",
    "scale_width_and_crop": "the same, then a square crop",
    "scale_shortside": "shorter side load_size, the other in proportion",
    "scale_shortside_and_crop": "the same, then a square crop",
    "fixed": "width crop_size, height crop_size / aspect_ratio, whatever the shape",
    "none": "each side rounded to a multiple of 32",
}
"""What each mode does."""


class Draws(Protocol):
    """Where random numbers come from; numpy.random.Generator is one."""

    def integers(self, low: int, high: int, /) -> int:
        """A whole number from low up to, not including, high."""

    def random(self) -> float:
        """A number in [0, 1)."""


MAX_SIDE = 8192
"""Longest side of a picture to train on, in pixels."""


@dataclass(frozen=True)
class Plan:
    """One sample's geometry: resize to `size`, cut `crop` out of it, then mirror.

    Attributes:
        size: Height and width after resizing.
        crop: Top, left, height, width; it may reach beyond the picture only in the published geometry. None
            for no crop.
        flip: Whether to mirror left and right.
    """

    size: tuple[int, int]
    crop: tuple[int, int, int, int] | None = None
    flip: bool = False


@dataclass(frozen=True)
class Geometry:
    """How photographs and maps are brought to the network's size.

    Attributes:
        mode: One of MODES.
        load_size: Size resized to before cropping, in pixels.
        crop_size: Side of the crop, or width in mode "fixed", in pixels.
        aspect_ratio: Width over height in mode "fixed".
        flip: Mirror half of the training samples.
        training: Random crops and flips. Otherwise crops are taken from the centre and nothing is mirrored.
        published: Repeat the release's geometry: shortside modes stretch one side only, test crops are
            random, and a picture smaller than the crop is padded with black and class 0 (ours enlarges it).
    """

    mode: str = "resize_and_crop"
    load_size: int = 286
    crop_size: int = 256
    aspect_ratio: float = 1.0
    flip: bool = True
    training: bool = True
    published: bool = False

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise SemsynthError(f"There is no geometry {self.mode!r}; there are {', '.join(MODES)}.")
        if min(self.load_size, self.crop_size) < 1 or not self.aspect_ratio > 0:
            raise SemsynthError("load_size, crop_size and aspect_ratio must be above 0.")
        if max(self.load_size, self.crop_size) > MAX_SIDE:
            raise SemsynthError(
                f"load_size is {self.load_size}, crop_size {self.crop_size}; "
                f"pictures of at most {MAX_SIDE} pixels a side are trained on."
            )
        if self.mode == "resize_and_crop" and self.load_size < self.crop_size and not self.published:
            raise SemsynthError(f"load_size {self.load_size} is below crop_size {self.crop_size}.")

    def plan(self, height: int, width: int, rng: Draws) -> Plan:
        """Decide one sample's geometry; three numbers are drawn, in the order x, y, flip."""
        size = self.size(height, width)
        # The release draws its offsets before resizing, within the size it believes the picture will have.
        bounds = self._believed_size(height, width) if self.published else size
        left = int(rng.integers(0, max(0, bounds[1] - self.crop_size) + 1))
        top = int(rng.integers(0, max(0, bounds[0] - self.crop_size) + 1))
        mirror = bool(rng.random() > 0.5) and self.flip and self.training
        if not self.mode.endswith("crop"):
            return Plan(size, None, mirror)
        if not self.training and not self.published:
            top, left = (size[0] - self.crop_size) // 2, (size[1] - self.crop_size) // 2
        return Plan(size, (top, left, self.crop_size, self.crop_size), mirror)

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after resizing."""
        load, short, long = self.load_size, min(height, width), max(height, width)
        if self.mode == "resize_and_crop":
            size = load, load
        elif self.mode.startswith("scale_width"):
            size = max(1, load * height // width), load
        elif self.mode.startswith("scale_shortside"):
            scaled = load * long // short
            kept = short if self.published else load
            size = (kept, scaled) if height <= width else (scaled, kept)
        elif self.mode == "fixed":
            size = max(1, round(self.crop_size / self.aspect_ratio)), self.crop_size
        elif self.mode == "none":
            size = max(32, round(height / 32) * 32), max(32, round(width / 32) * 32)
        else:
            size = height, width
        if self.mode.endswith("crop") and not self.published and min(size) < self.crop_size:
            short = min(size)
            size = -(-size[0] * self.crop_size // short), -(-size[1] * self.crop_size // short)
        return size

    def to_one_size(self) -> "Geometry":
        """The same with a crop, where pictures of unlike shape would come out at unlike sizes."""
        cropped = {"none": "crop", "scale_width": "scale_width_and_crop"}
        cropped["scale_shortside"] = "scale_shortside_and_crop"
        return replace(self, mode=cropped.get(self.mode, self.mode))

    def _believed_size(self, height: int, width: int) -> tuple[int, int]:
        if self.mode in ("resize_and_crop", "scale_width_and_crop", "scale_shortside_and_crop"):
            return self.size(height, width)
        return height, width

    def __call__(self, raw: RawSample, rng: Draws) -> Sample:
        """Transform one sample; `rng` decides crop and flip."""
        height, width = raw.original or raw.labels.shape
        return apply(raw, self.plan(height, width, rng))  # of a cached sample, the size is already the plan's


def apply(raw: RawSample, plan: Plan) -> Sample:
    """Carry out a plan."""
    instances = None if raw.instances is None else _to_ids(raw.instances, plan)
    pixels = _cut(resize_photo(raw.image, plan.size), plan)
    return Sample(to_image(pixels), _to_ids(raw.labels, plan), instances, raw.key)


def _to_ids(ids: NDArray[np.integer], plan: Plan) -> Tensor:
    return torch.from_numpy(_cut(resize_map(ids, plan.size), plan).astype(np.int64, order="C"))


def _cut(array: NDArray[T], plan: Plan) -> NDArray[T]:
    """Crop (H, W, ...), padding with 0 beyond the border, and mirror."""
    if plan.crop is not None:
        top, left, height, width = plan.crop
        array = array[top : top + height, left : left + width]
        missing = (height - array.shape[0], width - array.shape[1])
        if any(missing):
            rest = [(0, 0)] * (array.ndim - 2)
            array = np.pad(array, [(0, missing[0]), (0, missing[1]), *rest])
    return array[:, ::-1] if plan.flip else array


def resize_photo(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (H, W, 3) uint8 bicubically to (height, width)."""
    if pixels.shape[:2] == size:
        return pixels
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC))


def to_image(pixels: NDArray[np.uint8]) -> Tensor:
    """(H, W, 3) uint8 → (3, H, W) float32 in [-1, 1]."""
    # By NumPy, for a thread that reads must not start OpenMP threads: once there are more of those than
    # processors, all of them sleep between two loops, and the training step waits for each to wake up.
    values = np.array(pixels.transpose(2, 0, 1), dtype=np.float32, order="C")
    values /= 255
    values -= 0.5
    values /= 0.5
    return torch.from_numpy(values)
