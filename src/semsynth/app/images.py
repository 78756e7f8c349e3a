"""Reading pictures that strangers send, and writing pictures that say how they were made."""

import contextlib
import ctypes
import io
import sys
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin

from semsynth.app.limits import Limits
from semsynth.app.protocol import Format
from semsynth.hub.record import Record
from semsynth.images import open_header, open_image, upright

ALLOWED = ("PNG", "JPEG", "WEBP")

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


def middle(photo: np.ndarray, size: tuple[int, int], times: int = 1) -> np.ndarray:
    """Cut a photograph to the shape of a map.

    Args:
        photo: (H, W, 3) uint8.
        size: (width, height) to cover; the middle is kept and what overhangs is cut off. A photograph of
            exactly this size comes back untouched.
        times: Up to how many times larger than ``size``, a whole number, a larger photograph is kept.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = photo.shape[:2]
    most = max(1, min(times, width // size[0], height // size[1]))
    size = (most * size[0], most * size[1])
    if (width, height) == size:
        return photo
    return np.asarray(ImageOps.fit(Image.fromarray(photo), size, Image.Resampling.LANCZOS))


def encode(
    pixels: np.ndarray, form: Format, *, scale: int = 1, quality: int = 0, record: Record | None = None
) -> bytes:
    """Encode a picture, enlarged smoothly if so wished.

    Args:
        pixels: (H, W, 3) uint8.
        form: The encoding.
        scale: Whole factor of enlargement (Lanczos).
        quality: 1..100 for JPEG and WebP; 0 takes 92.
        record: How the picture was made, written into a PNG.
    """
    if scale == 1 and form is Format.RGB:
        return np.ascontiguousarray(pixels).tobytes()
    picture = Image.fromarray(pixels)
    if scale > 1:
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.LANCZOS)
    if form is Format.RGB:
        return picture.tobytes()
    out = io.BytesIO()
    options: dict[Format, dict[str, Any]] = {
        Format.PNG: {"compress_level": 4, "pnginfo": record and record.png_info()},
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
