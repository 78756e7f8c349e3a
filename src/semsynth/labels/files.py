"""Reading and writing label map files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, PngImagePlugin

from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing
from semsynth.files.writing import write_atomically
from semsynth.images import MAX_PIXELS, MAX_SIDE, ImageSource, open_image, png_bytes, source_name
from semsynth.labels.interpret import LabelReading, check_ids, colored, fill_holes, interpret
from semsynth.labels.palettes import used_colors
from semsynth.labels.raw import TEXT_KEY, RawMap, unpack
from semsynth.labels.spaces import LabelSpace


def read_label_map(
    source: ImageSource | Image.Image,
    space: LabelSpace,
    *,
    palette: str = "auto",
    size: tuple[int, int] | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> LabelReading:
    """Read a label map.

    Grey, indexed, 1-bit and 16/32-bit files hold ids; colour files are looked up in the palette of the set.
    An RGB file that is grey all over and holds only valid ids is taken for ids. What is transparent is void,
    or takes the class of the nearest labelled pixel where the set has none.

    Args:
        source: The image file's path, its content, the file opened in binary, or an image.
        space: The label set.
        palette: How to take indexed files: "index" for their indices, "color" for their colours, "auto" for
            their colours where these are the set's and the indices are not its ids.
        size: Height and width to bring the map to, by taking the pixels nearest to the centres.
        name: What messages call the map; by default its path, or "The label map".
        max_pixels: See `open_image`.

    Raises:
        SemsynthError: The file cannot be read (see `open_image`), or holds ids or colours not in the set.
    """
    called = source_name(source, "The label map") if name is None else name
    if palette not in ("auto", "index", "color"):
        raise SemsynthError(f"palette is 'auto', 'index' or 'color', not {palette!r}.")
    raw = read_values(source, name=called, size=size, max_pixels=max_pixels)
    used, _, colors = used_colors(raw)
    reading = interpret(raw, space, called, palette)
    drawn = dict(zip(used.tolist(), colors.tolist()))
    return fill_holes(replace(reading, stored_size=raw.stored_size, drawn=drawn), raw, space)


def read_label_array(array: NDArray[Any], space: LabelSpace, *, name: str = "The label map") -> LabelReading:
    """Take an array for a label map.

    Args:
        array: (H, W) integers: ids as they are, `file_values` unused; or (H, W, 3) or (H, W, 4) uint8:
            colours (red first), looked up in the palette of the set.
        space: The label set.
        name: What messages call the map.

    Raises:
        SemsynthError: It has another shape or type, or holds ids or colours not in the set.
    """
    if array.ndim == 3 and array.shape[2] in (3, 4) and array.dtype == np.uint8 and array.size:
        return read_label_map(Image.fromarray(np.ascontiguousarray(array)), space, name=name)
    if array.ndim != 2 or array.dtype.kind not in "iub" or array.size == 0:
        raise SemsynthError(
            f"{name} is an array of {array.dtype} of shape {array.shape}; (H, W) integers are ids, (H, W, 3) "
            f"uint8 are colours."
        )
    ids = array.astype(np.int64)
    check_ids(name, ids, space)
    return LabelReading(ids, "array", stored_size=ids.shape)


def read_values(
    source: ImageSource | Image.Image,
    *,
    by_color: bool = False,
    name: str | None = None,
    size: tuple[int, int] | None = None,
    max_pixels: int = MAX_PIXELS,
) -> RawMap:
    """Read the plain values of a map file.

    Args:
        source: The image file, or an image.
        by_color: Whether indexed files give their colours instead of their indices.
        name: What messages call the map; by default its path, or "The label map".
        size: Height and width to bring it to, see `read_label_map`.
        max_pixels: See `open_image`.
    """
    called = source_name(source, "The label map") if name is None else name
    if size is not None and not (min(size) >= 1 and max(size) <= MAX_SIDE):
        raise SemsynthError(
            f"A size of {size[0]} x {size[1]} is wanted for {called}; 1 to {MAX_SIDE} pixels a side are "
            f"possible."
        )
    if isinstance(source, Image.Image):
        with parsing(called, "an image"):  # which may still have to be decoded
            source.load()
    else:
        source = open_image(source, name=called, max_pixels=max_pixels)
    raw = unpack(source, called, size=size)
    return colored(raw) if by_color else raw


def write_label_map(path: str | Path, ids: ArrayLike, space: LabelSpace) -> None:
    """Write ids as an indexed PNG with the palette of the set, or as 16-bit grey above 256 classes.

    A text chunk names the label set, so that the file reads back as ids. The file is whole or absent.

    Args:
        path: Where to; the folder must exist.
        ids: (H, W) integers.
        space: The label set.

    Raises:
        SemsynthError: An id the set does not have, no pixels, or a file that cannot be written.
    """
    array = np.asarray(ids)
    if array.ndim != 2 or array.dtype.kind not in "iub" or array.size == 0:
        raise SemsynthError(
            f"A label map is (H, W) integers; {array.dtype} of shape {array.shape} was given for {path}."
        )
    array = array.astype(np.int64)
    check_ids(path, array, space)
    info = PngImagePlugin.PngInfo()
    info.add_text(TEXT_KEY, space.name)
    if array.max() > 255:
        image = Image.fromarray(array.astype(np.uint16))
    else:
        image = Image.fromarray(array.astype(np.uint8))
        colors = np.zeros((256, 3), np.uint8)  # all of them: Pillow packs shorter palettes into fewer bits
        colors[: space.num_classes] = space.palette()[:256]
        image.putpalette(colors.tobytes())  # which also makes it an indexed image
    write_atomically(path, png_bytes(image, pnginfo=info, optimize=False))
