"""What may be given for a photograph. Tensors are accepted, and torch is not imported."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.images.files import ImageSource, read_upright, source_name, upright

if TYPE_CHECKING:
    from torch import Tensor

ImageLike: TypeAlias = "str | Path | bytes | BinaryIO | NDArray[Any] | Image.Image | Tensor"

PhotoLike: TypeAlias = ImageLike
"""An image file (its path, its bytes, or the file opened in binary), a PIL image, an array (H, W, 3) of
uint8, red first, or a tensor (3, H, W) in [-1, 1]."""

_ROUNDING = 1e-2  # by so much bicubic resizing and the like may leave [-1, 1]


def is_tensor(value: object) -> "TypeGuard[Tensor]":
    """Whether this is a tensor; there is none as long as torch is not imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def to_photo(photo: PhotoLike) -> NDArray[np.float32]:
    """A photograph as (3, H, W) float32 in [-1, 1]; files and images are turned as the camera was held.

    Raises:
        SemsynthError: This is no photograph.
    """
    if is_tensor(photo):
        return _checked(photo)
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or not photo.size or not _looks_like_pixels(photo.shape):
            raise SemsynthError(
                f"A photograph as an array is (H, W, 3) of uint8; "
                f"this is {photo.dtype} of shape {photo.shape}."
            )
        photo = Image.fromarray(np.ascontiguousarray(photo.squeeze(2) if photo.shape[2:] == (1,) else photo))
    if isinstance(photo, Image.Image):
        pixels = np.array(upright(photo), dtype=np.uint8)
    else:
        source = cast(ImageSource, photo)
        pixels = read_upright(source, name=source_name(source, "The photograph"))
    levels: NDArray[np.float32] = pixels.transpose(2, 0, 1).astype(np.float32)
    return levels / np.float32(127.5) - np.float32(1)


def _checked(photo: "Tensor") -> NDArray[np.float32]:
    given = f"{photo.dtype} of shape {tuple(photo.shape)}"
    if photo.dim() != 3 or photo.shape[0] != 3 or not photo.is_floating_point() or not photo.numel():
        raise SemsynthError(
            f"A photograph as a tensor is (3, H, W) of floating point in [-1, 1]; this is {given}."
        )
    values: NDArray[np.float32] = photo.detach().cpu().float().numpy()
    if not np.abs(values).max() <= 1 + _ROUNDING:  # nor where it is NaN
        raise SemsynthError(
            f"A photograph as a tensor lies in [-1, 1]; this one, {given}, reaches from "
            f"{values.min():.4g} to {values.max():.4g}."
        )
    return values


def _looks_like_pixels(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))
