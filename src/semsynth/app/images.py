"""Reading pictures that strangers send, and writing pictures that say how they were made."""

import base64
import contextlib
import ctypes
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from semsynth.app.limits import Limits
from semsynth.app.protocol import Format
from semsynth.errors import SemsynthError
from semsynth.hub.record import Record
from semsynth.images import open_header, open_image, orientation, upright

ALLOWED = ("PNG", "JPEG", "WEBP")
LABEL_MAP_KEY = "semsynth:labels"
"""Keyword of the text chunk of a picture's PNG file that holds its label map: a PNG file in base 64."""
Frame = tuple[int, int, int, int]
"""A part of a picture: left, top, width and height in pixels."""

_MMAP_THRESHOLD = -3
_decoding = threading.Lock()


def return_memory() -> None:
    """Have the memory of large pictures given back to the system once they are done with.

    glibc keeps what it once gave out in pieces below a threshold that it raises up to 32 MiB by itself; one
    that is set stays.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 20)


@contextlib.contextmanager
def decoding() -> Iterator[None]:
    """One picture at a time is unpacked: a compressed file of 100 kB can need 200 MB."""
    with _decoding:
        yield


def open_picture(data: bytes, limits: Limits, formats: tuple[str, ...] = ALLOWED) -> Image.Image:
    """Decode a picture from its bytes, after its header has been found harmless.

    Args:
        data: The file.
        limits: Refuses pictures of too many pixels before they are unpacked.
        formats: Pillow's names of the formats that are accepted.

    Raises:
        SemsynthError: It is no such picture, is damaged, or is too large.
    """
    with open_header(data, name="The file", max_pixels=limits.max_photo_pixels, formats=formats):
        pass  # a picture that is too large is refused before it is waited for
    with decoding():
        return open_image(data, name="The file", formats=formats)


def read_photo(data: bytes, limits: Limits) -> np.ndarray:
    """Read a whole photograph, turned as its camera says, in colour: (H, W, 3) uint8."""
    return np.asarray(upright(open_picture(data, limits)))


def photo_size(data: bytes, limits: Limits) -> tuple[int, int]:
    """Width and height of a photograph as it is shown; its pixels are not unpacked."""
    with open_header(data, name="The file", max_pixels=limits.max_photo_pixels, formats=ALLOWED) as picture:
        width, height = picture.size
    return (height, width) if orientation(data) > 4 else (width, height)


def centred(picture: tuple[int, int], size: tuple[int, int]) -> Frame:
    """The largest part of a picture in the shape of a map, from its middle; sizes are (width, height)."""
    factor = min(picture[0] / size[0], picture[1] / size[1])
    width, height = (max(1, round(factor * n)) for n in size)
    return (picture[0] - width) // 2, (picture[1] - height) // 2, width, height


def check_frame(frame: Frame, picture: tuple[int, int], size: tuple[int, int]) -> None:
    """Refuse a frame that does not lie on a picture, or does not have the shape of a map.

    Args:
        frame: A part of the picture.
        picture: (width, height).
        size: (width, height) of the map.

    Raises:
        SemsynthError: The frame lies outside the picture, or has another shape.
    """
    x, y, width, height = frame
    if min(x, y) < 0 or min(width, height) < 1 or x + width > picture[0] or y + height > picture[1]:
        raise SemsynthError(
            f"The frame of {width}x{height} pixels at x={x}, y={y} does not lie on the picture of "
            f"{picture[0]}x{picture[1]} pixels."
        )
    if abs(width * size[1] - height * size[0]) > width + height + sum(size):  # more than both were rounded by
        raise SemsynthError(
            f"The frame of {width}x{height} pixels does not have the shape of the map of {size[0]}x{size[1]}."
        )


def encode(
    pixels: np.ndarray,
    form: Format,
    *,
    scale: int = 1,
    quality: int = 0,
    record: Record | None = None,
    label_map: bytes = b"",
) -> bytes:
    """Encode a picture, enlarged smoothly if so wished.

    Args:
        pixels: (H, W, 3) uint8.
        form: The encoding.
        scale: Whole factor of enlargement (Lanczos).
        quality: 1..100 for JPEG and WebP; 0 takes 92.
        record: How the picture was made, written into a PNG.
        label_map: A label map file, written into a PNG with a record.
    """
    if scale == 1 and form is Format.RGB:
        return np.ascontiguousarray(pixels).tobytes()
    picture = Image.fromarray(pixels)
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.LANCZOS)
    if form is Format.RGB:
        return picture.tobytes()
    out = io.BytesIO()
    info = record and record.png_info()
    if info and label_map:
        info.add_itxt(LABEL_MAP_KEY, base64.b64encode(label_map).decode("ascii"))
    options: dict[Format, dict[str, Any]] = {
        Format.PNG: {"compress_level": 4, "pnginfo": info},
        Format.JPEG: {"quality": quality or 92},
        Format.WEBP: {"quality": quality or 92, "method": 1},
    }
    picture.save(out, form.name, **options[form])
    return out.getvalue()


def map_png(ids: np.ndarray, palette: np.ndarray, info: PngImagePlugin.PngInfo | None = None) -> bytes:
    """Write class ids as an indexed PNG; equal maps give equal bytes.

    Args:
        ids: (H, W) uint8.
        palette: (K, 3) uint8, the colour of each class; ids beyond it come out black.
        info: Text chunks.
    """
    picture = Image.fromarray(np.ascontiguousarray(ids, dtype=np.uint8))
    colors = np.zeros((256, 3), np.uint8)
    colors[: len(palette)] = palette
    picture.putpalette(colors.tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", bits=8, pnginfo=info)
    return out.getvalue()
