"""What may be given for a label map or an instance map, and what it becomes.

Tensors are accepted, and torch is not imported.
"""

import operator
from typing import Any, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError
from semsynth.images import ImageLike, ImageSource, is_tensor, source_name
from semsynth.labels.colors import pack_colors
from semsynth.labels.files import read_label_array, read_label_map, read_values
from semsynth.labels.resize import resize_map
from semsynth.labels.spaces import LabelSpace

MapLike: TypeAlias = "ImageLike | list[ImageLike] | tuple[ImageLike, ...]"
"""An image file (its path, its bytes, or the file opened in binary), a PIL image, or an array or tensor: ids
(H, W) or (B, H, W) of integers, or colours (H, W, 3), red first, of uint8. A list holds maps of one size."""


def whole_number(value: object, what: str, low: int, high: int) -> int:
    """An int from whatever is one, NumPy's and PyTorch's included; True and False are none.

    Raises:
        SemsynthError: It is no whole number, or not in low..high.
    """
    try:
        if isinstance(value, (bool, np.bool_)) or (is_tensor(value) and str(value.dtype) == "torch.bool"):
            raise TypeError
        number = operator.index(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise SemsynthError(
            f"The {what} is {value!r} ({type(value).__name__}); it must be a whole number, {low} to {high}."
        ) from None
    if not low <= number <= high:
        raise SemsynthError(f"The {what} is {number}; it must be {low} to {high}.")
    return number


def to_size(size: object, most: int) -> tuple[int, int]:
    """Height and width, 1 to `most` each, of whatever integers.

    Raises:
        SemsynthError: It is no such pair.
    """
    try:
        height, width = cast(tuple[object, object], size)
    except (TypeError, ValueError):
        raise SemsynthError(f"The size is {size!r}; it must be (height, width) in pixels.") from None
    return whole_number(height, "height", 1, most), whole_number(width, "width", 1, most)


def to_ids(
    labels: MapLike, space: LabelSpace, *, drawn_with: LabelSpace | None = None, palette: str = "auto"
) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """A label map as ids with a channel each.

    Void that has no channel takes the class of the nearest labelled pixel.

    Args:
        labels: The map, or several of one size.
        space: The label set of the network.
        drawn_with: That of the map, where it is another one; classes are found again by their names.
        palette: How indexed files are taken, see `read_label_map`.

    Returns:
        (B, H, W) int64, and sentences on how the map was read that its owner should see.

    Raises:
        SemsynthError: This is no label map, or it holds ids that the label set does not have, or classes
            that the network does not have.
    """
    given = space if drawn_with is None else drawn_with
    read = [_read_ids(one, given, name, palette) for one, name in _each(labels, "label map")]
    if given.names != space.names:
        read = [(_translated(ids, given, space, name), notes, name) for ids, notes, name in read]
    ids = _joined([planes for planes, _, _ in read], "label maps")
    notes = tuple(dict.fromkeys(note for _, notes, _ in read for note in notes))
    if given.names != space.names:
        notes += (f"Classes of label set {given.name!r} were taken for those of {space.name!r} by name.",)
    return space.fill_void(ids), notes


def _read_ids(
    labels: ImageLike, space: LabelSpace, name: str, palette: str
) -> tuple[NDArray[np.int64], tuple[str, ...], str]:
    """One file, image or array: (B, H, W) int64, notes, and what messages call it."""
    if isinstance(labels, np.ndarray) or is_tensor(labels):
        array = _array(labels, name)
    else:
        source = cast(ImageSource, labels)
        name = source_name(source, name)
        reading = read_label_map(source, space, name=name, palette=palette)
        return reading.ids[None], reading.notes, name
    _refuse_planes(array, space, name)
    if array.ndim == 3 and array.shape[2] in (3, 4):
        _refuse_reversed(array, space, name)
        reading = read_label_array(array, space, name=name)
        return reading.ids[None], reading.notes, name
    ids = _integers(array, name, "; (H, W, 3) of uint8 are colours, red first")
    return np.stack([read_label_array(one, space, name=name).ids for one in ids]), (), name


def _translated(ids: NDArray[np.int64], given: LabelSpace, space: LabelSpace, name: str) -> NDArray[np.int64]:
    """Ids of one label set as those of the classes that are called the same in another."""
    ours = {class_name.casefold(): number for number, class_name in enumerate(space.names)}
    if given.void_id is not None and space.void_id is None:
        ids = given.fill_void(ids)
    used, places = np.unique(ids, return_inverse=True)
    theirs = [given.classes[i].name if i < given.num_classes else "void" for i in used.tolist()]
    known = [
        space.void_id if number == given.void_id else ours.get(class_name.casefold())
        for number, class_name in zip(used.tolist(), theirs)
    ]
    lacking = [class_name for class_name, number in zip(theirs, known) if number is None]
    if lacking:
        raise SemsynthError(
            f"{name} holds {', '.join(lacking[:8])} of label set {given.name!r}, which the model cannot "
            f"draw; it draws {', '.join(space.names)}."
        )
    return np.array(known, dtype=np.int64)[places].reshape(ids.shape)


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
        planes = space.num_classes, space.num_classes + 1  # with a plane for void
        if array.shape[axis] in planes and ones.max() == 1 and ones.mean() > 0.5:
            raise SemsynthError(
                f"{name} has the shape {array.shape} and holds zeros and ones, which looks like a plane a "
                f"class, ({order}); give the ids of the classes, (H, W): labels.argmax({axis})."
            )


def to_instances(instances: MapLike) -> NDArray[np.int64]:
    """An instance map as (B, H, W) int64; only differences of its ids matter, so colours are ids too.

    Raises:
        SemsynthError: This is no instance map.
    """
    read = []
    for one, name in _each(instances, "instance map"):
        if isinstance(one, np.ndarray) or is_tensor(one):
            array = _array(one, name)
        else:
            source = cast(ImageSource, one)
            array = read_values(source, name=source_name(source, name)).values
        if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype.kind in "iu":
            array = pack_colors(array)
        read.append(_integers(array, name))
    return _joined(read, "instance maps")


def fit_instances(
    instances: NDArray[np.int64], size: tuple[int, int] | None, like: NDArray[np.int64]
) -> NDArray[np.int64]:
    """An instance map (B, H, W) at the size wanted.

    Args:
        instances: The map.
        size: (H, W) wanted; None leaves the map as it is.
        like: The label map it belongs to; without a size theirs must be equal.

    Raises:
        SemsynthError: The sizes differ.
    """
    if size is not None:
        return resize_map(instances, size)
    if instances.shape[1:] != like.shape[1:]:
        raise SemsynthError(
            f"The instance map is {instances.shape[1]}x{instances.shape[2]}, "
            f"the label map {like.shape[1]}x{like.shape[2]}; they must be of one size."
        )
    return instances


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


def _joined(maps: list[NDArray[np.int64]], what: str) -> NDArray[np.int64]:
    """Maps (B, H, W) of one size as one array."""
    sizes = {planes.shape[1:] for planes in maps}
    if len(sizes) > 1:
        examples = " and ".join(f"{height}x{width}" for height, width in sorted(sizes)[:2])
        raise SemsynthError(
            f"The {what} of the list have different sizes, such as {examples}; draw them one by one."
        )
    return np.concatenate(maps)


def _array(given: Any, name: str) -> NDArray[Any]:
    """An array or a tensor as an array with values; a last axis of a single channel goes."""
    if is_tensor(given):
        if given.device.type == "meta":
            raise SemsynthError(f"{name} is a tensor on the meta device, which holds no values.")
        dense = given.detach() if str(given.layout) == "torch.strided" else given.detach().to_dense()
        given = (dense.float() if str(dense.dtype) == "torch.bfloat16" else dense).cpu().numpy()
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
