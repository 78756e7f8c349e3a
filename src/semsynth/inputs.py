"""What may be given for a label map, an instance map or a photograph, and what it becomes."""

import operator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.imagefile import read_upright, upright
from semsynth.labels import (
    LabelSpace,
    nearest_rows,
    pack_colors,
    read_label_array,
    read_label_map,
    read_values,
)

ImageLike = str | Path | bytes | BinaryIO | NDArray[Any] | Image.Image | Tensor

MapLike = ImageLike | list[ImageLike] | tuple[ImageLike, ...]
"""An image file (its path, its bytes, or the file opened in binary), a PIL image, or an array or tensor: ids
(H, W) or (B, H, W) of integers, or colours (H, W, 3), red first, of uint8. A list holds maps of one size."""

PhotoLike = ImageLike
"""An image file (its path, its bytes, or the file opened in binary), a PIL image, an array (H, W, 3) of
uint8, red first, or a tensor (3, H, W) in [-1, 1]."""

_ROUNDING = 1e-2  # by so much bicubic resizing and the like may leave [-1, 1]


def whole_number(value: object, what: str, low: int, high: int) -> int:
    """An int from whatever is one, NumPy's and PyTorch's included; True and False are none.

    Raises:
        SemsynthError: It is no whole number, or not in low..high.
    """
    try:
        if isinstance(value, (bool, np.bool_)) or (isinstance(value, Tensor) and value.dtype == torch.bool):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SemsynthError(
            f"The {what} is {value!r} ({type(value).__name__}); it must be a whole number, {low} to {high}."
        ) from None
    if not low <= number <= high:
        raise SemsynthError(f"The {what} is {number}; it must be {low} to {high}.")
    return number


def to_ids(labels: MapLike, space: LabelSpace) -> tuple[Tensor, tuple[str, ...]]:
    """A label map as ids with a channel each.

    Void that has no channel takes the class of the nearest labelled pixel.

    Returns:
        (B, H, W) int64, and sentences on how the map was read that its owner should see.

    Raises:
        SemsynthError: This is no label map, or it holds ids the label set does not have.
    """
    read = [_read_ids(one, space, name) for one, name in _each(labels, "label map")]
    ids = torch.cat(_of_one_size([planes for planes, _ in read], "label maps"))
    notes = tuple(dict.fromkeys(note for _, notes in read for note in notes))
    return torch.from_numpy(space.fill_void(ids.numpy())), notes


def _read_ids(labels: ImageLike, space: LabelSpace, name: str) -> tuple[Tensor, tuple[str, ...]]:
    """One file, image or array: (B, H, W) int64, and notes."""
    if not isinstance(labels, (np.ndarray, Tensor)):
        called = None if isinstance(labels, (str, Path)) else name
        reading = read_label_map(labels, space, name=called)
        return torch.from_numpy(reading.ids).unsqueeze(0), reading.notes
    array = _array(labels, name)
    _refuse_planes(array, space, name)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        _refuse_reversed(array, space, name)
        reading = read_label_array(array, space, name=name)
        return torch.from_numpy(reading.ids).unsqueeze(0), reading.notes
    ids = _integers(array, name, "; (H, W, 3) of uint8 are colours, red first")
    return torch.cat([torch.from_numpy(read_label_array(one, space, name=name).ids)[None] for one in ids]), ()


def _refuse_reversed(colors: NDArray[Any], space: LabelSpace, name: str) -> None:
    """Refuse colours (H, W, 3 or 4) that are the set's with red and blue exchanged, as OpenCV reads files."""
    known = pack_colors(space.palette())
    given, turned = (np.isin(pack_colors(c), known).mean() for c in (colors[..., :3], colors[..., 2::-1]))
    if turned > 0.9 and turned > given:
        raise SemsynthError(
            f"{name} holds the colours of label set {space.name!r} with red and blue exchanged, as OpenCV "
            f"reads files: convert it with cv2.cvtColor(labels, cv2.COLOR_BGR2RGB)."
        )


def _refuse_planes(array: NDArray[Any], space: LabelSpace, name: str) -> None:
    """Refuse one-hot planes, which would be taken for as many label maps as there are classes."""
    if (
        array.ndim != 3
        or array.dtype.kind not in "iub"
        or array.size == 0
        or array.max() != 1
        or array.min() != 0
    ):
        return
    for axis, order in ((0, "K, H, W"), (2, "H, W, K")):
        ones = array.sum(axis)
        if array.shape[axis] in _plane_counts(space) and ones.max() == 1 and ones.mean() > 0.5:
            raise SemsynthError(
                f"{name} has the shape {array.shape} and holds zeros and ones, which looks like a plane a "
                f"class, ({order}); give the ids of the classes, (H, W): labels.argmax({axis})."
            )


def _plane_counts(space: LabelSpace) -> tuple[int, int]:
    return space.num_classes, space.num_classes + 1  # with a plane for void


def to_instances(instances: MapLike) -> Tensor:
    """An instance map as (B, H, W) int64; only differences of its ids matter, so colours are ids too.

    Raises:
        SemsynthError: This is no instance map.
    """
    read = []
    for one, name in _each(instances, "instance map"):
        if isinstance(one, (np.ndarray, Tensor)):
            array = _array(one, name)
        else:
            array = read_values(one, name=None if isinstance(one, (str, Path)) else name).values
        if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype.kind in "iu":
            array = pack_colors(array)
        read.append(torch.from_numpy(_integers(array, name)))
    return torch.cat(_of_one_size(read, "instance maps"))


def to_photo(photo: PhotoLike) -> Tensor:
    """A photograph as (3, H, W) float32 in [-1, 1]; files and images are turned as the camera was held.

    Raises:
        SemsynthError: This is no photograph.
    """
    if isinstance(photo, Tensor):
        found = f"{photo.dtype} of shape {tuple(photo.shape)}"
        if photo.dim() != 3 or photo.shape[0] != 3 or not photo.is_floating_point() or not photo.numel():
            raise SemsynthError(
                f"A photograph as a tensor is (3, H, W) of floating point in [-1, 1]; this is {found}."
            )
        photo = photo.detach().cpu().float()
        if not float(photo.abs().max()) <= 1 + _ROUNDING:  # nor where it is NaN
            raise SemsynthError(
                f"A photograph as a tensor lies in [-1, 1]; this one, {found}, reaches from "
                f"{float(photo.min()):.4g} to {float(photo.max()):.4g}."
            )
        return photo
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
        pixels = read_upright(photo, name=None if isinstance(photo, (str, Path)) else "The photograph")
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 127.5 - 1


def _looks_like_pixels(shape: tuple[int, ...]) -> bool:
    return len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))


def resized(planes: Tensor, size: tuple[int, int] | None, like: Tensor) -> Tensor:
    """An id or instance map (B, H, W) at the size wanted: nearest, in integers.

    Args:
        planes: The map.
        size: (H, W) wanted; None leaves the map as it is.
        like: The label map an instance map belongs to; without a size theirs must be equal.

    Raises:
        SemsynthError: The sizes differ.
    """
    if size is not None:
        rows, columns = (
            torch.from_numpy(nearest_rows(a, b)) for a, b in zip(planes.shape[1:], size, strict=True)
        )
        return planes[:, rows[:, None], columns]
    if planes.shape[1:] != like.shape[1:]:
        raise SemsynthError(
            f"The instance map is {planes.shape[1]}x{planes.shape[2]}, "
            f"the label map {like.shape[1]}x{like.shape[2]}; they must be of one size."
        )
    return planes


def _each(given: MapLike, what: str) -> list[tuple[ImageLike, str]]:
    """The maps of a list, or the one that was given; with what to call each."""
    if not isinstance(given, (list, tuple)):
        return [(given, f"The {what}")]
    if not given:
        raise SemsynthError(f"There is no {what} in an empty list.")
    if isinstance(given[0], (list, tuple, int, float, np.number)):  # numbers, in lists within lists
        return [(_numbers(given, what), f"The {what}")]
    return [(one, f"{what.capitalize()} {i} of the list") for i, one in enumerate(given)]


def _numbers(given: object, what: str) -> NDArray[Any]:
    try:
        return np.asarray(given)
    except ValueError:
        raise SemsynthError(
            f"The {what} is a list of rows of unequal lengths; they must be equally long."
        ) from None


def _of_one_size(maps: list[Tensor], what: str) -> list[Tensor]:
    sizes = {tuple(planes.shape[1:]) for planes in maps}
    if len(sizes) > 1:
        found = " and ".join(f"{height}x{width}" for height, width in sorted(sizes)[:2])
        raise SemsynthError(
            f"The {what} of the list have different sizes, such as {found}; draw them one by one."
        )
    return maps


def _array(given: NDArray[Any] | Tensor, name: str) -> NDArray[Any]:
    """The same as an array with values; a last axis of a single channel goes."""
    if isinstance(given, Tensor):
        if given.device.type == "meta":
            raise SemsynthError(f"{name} is a tensor on the meta device, which holds no values.")
        given = given.detach().to_dense() if given.layout != torch.strided else given.detach()
        given = given.cpu().float().numpy() if given.dtype == torch.bfloat16 else given.cpu().numpy()
    if isinstance(given, np.ma.MaskedArray) and given.mask.any():
        raise SemsynthError(
            f"{name} is a masked array; fill what is masked with an id first: labels.filled(0)."
        )
    array = np.asarray(given)
    return array[..., 0] if array.ndim in (3, 4) and array.shape[-1] == 1 else array


def _integers(array: NDArray[Any], name: str, more: str = "") -> NDArray[np.int64]:
    """(H, W) or (B, H, W) integers → (B, H, W) int64."""
    if array.ndim not in (2, 3) or array.dtype.kind not in "iub" or array.size == 0:
        advice = (
            " Whole numbers become integers by labels.astype(np.int64)." if array.dtype.kind == "f" else ""
        )
        raise SemsynthError(
            f"{name} is {array.dtype} of shape {array.shape}; "
            f"ids are integers, (H, W) or (B, H, W){more}.{advice}"
        )
    return array.astype(np.int64).reshape(-1, *array.shape[-2:])
