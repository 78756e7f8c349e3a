"""What may be given for a label map, an instance map or a photograph, and what it becomes."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.imagefile import read_upright, upright
from semsynth.labels import LabelSpace, read_label_map, read_values
from semsynth.ops.pyramid import nearest

MapLike = str | Path | NDArray[Any] | Image.Image | Tensor
"""A file, a (H, W) array of integers, an image of ids (mode L, P or I), or a tensor (H, W) or (B, H, W)."""

PhotoLike = str | Path | NDArray[Any] | Image.Image | Tensor
"""A file, a (H, W, 3) uint8 array, an image, or a tensor (3, H, W) in [-1, 1]."""


def to_ids(labels: MapLike, space: LabelSpace) -> Tensor:
    """A label map as ids (B, H, W) int64 with a channel each.

    Void that has no channel takes the class of the nearest labelled pixel.

    Raises:
        SemsynthError: this is no label map, or it holds ids the label set does not have.
    """
    if isinstance(labels, (str, Path)):
        ids = torch.from_numpy(read_label_map(labels, space).ids).unsqueeze(0)
    else:
        ids = _integers(labels, "a label map")
        if isinstance(labels, Image.Image):
            ids = torch.from_numpy(space.to_ids(ids.numpy()))
        outside = space.unknown(ids.numpy())
        if outside.any():
            found, counts = np.unique(ids.numpy()[outside], return_counts=True)
            raise SemsynthError(
                f"the label map holds id {found[0]} at {counts[0]:,} pixels; "
                f"label set {space.name!r} has {space.allowed()}"
            )
    return torch.from_numpy(space.fill_void(ids.numpy()))


def to_instances(instances: MapLike) -> Tensor:
    """An instance map as (B, H, W) int64; only differences of its ids matter."""
    if isinstance(instances, (str, Path)):
        return _integers(read_values(instances).values, f"the instance map {instances}")
    return _integers(instances, "an instance map")


def to_photo(photo: PhotoLike) -> Tensor:
    """A photograph as (3, H, W) float32 in [-1, 1]; files and images are turned as the camera was held."""
    if isinstance(photo, Tensor):
        if photo.dim() != 3 or photo.shape[0] != 3 or not photo.is_floating_point():
            raise SemsynthError(
                f"a photograph as a tensor is (3, H, W) in [-1, 1]; got {photo.dtype} of {tuple(photo.shape)}"
            )
        return photo.float()
    if isinstance(photo, (str, Path)):
        pixels: NDArray[Any] = read_upright(photo)
    else:
        pixels = np.array(upright(photo) if isinstance(photo, Image.Image) else photo)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or pixels.size == 0:
        raise SemsynthError(f"a photograph is (H, W, 3) uint8; got {pixels.dtype} of {pixels.shape}")
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1


def resized(planes: Tensor, size: tuple[int, int] | None, like: Tensor) -> Tensor:
    """An id or instance map (B, H, W) at the size wanted: nearest, in integers.

    Args:
        planes: the map.
        size: (H, W) wanted; None leaves the map as it is.
        like: the label map an instance map belongs to; without a size theirs must be equal.

    Raises:
        SemsynthError: the sizes differ.
    """
    if size is not None:
        return nearest(planes, *size)
    if planes.shape[1:] != like.shape[1:]:
        raise SemsynthError(
            f"the instance map is {planes.shape[1]}x{planes.shape[2]}, "
            f"the label map {like.shape[1]}x{like.shape[2]}"
        )
    return planes


def _integers(given: NDArray[Any] | Image.Image | Tensor, what: str) -> Tensor:
    """(H, W) or (B, H, W) integers → (B, H, W) int64 on the CPU."""
    if isinstance(given, Image.Image) and given.mode not in ("1", "L", "P") and given.mode[0] != "I":
        raise SemsynthError(f"{what} as an image holds ids (mode L, P, I); this one is {given.mode}")
    if not isinstance(given, Tensor):
        array = np.asarray(given)
        given = torch.from_numpy(array.astype(np.int64) if array.dtype.kind in "iub" else array)
    if given.dim() not in (2, 3) or given.is_floating_point() or given.numel() == 0:
        raise SemsynthError(
            f"{what} is (H, W) or (B, H, W) integers; got {given.dtype}, {tuple(given.shape)}"
        )
    return given.detach().cpu().long().reshape(-1, *given.shape[-2:])
