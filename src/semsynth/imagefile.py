"""Open image files one does not trust.

Everything that reads a picture from a user goes through `open_image`: the size in the header is checked
before a single pixel is decoded, and whatever the decoder trips over comes back as one sentence naming the
file.
"""

import contextlib
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, features

from semsynth.errors import SemsynthError

MAX_SIDE = 16_384
"""Longest side of a picture or label map, in pixels."""
MAX_PIXELS = 1 << 26
"""Most pixels of a picture or label map: 8192 x 8192."""

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm"),
    *((".avif",) if features.check("avif") else ()),
)
"""File name endings taken for pictures, in lower case."""


def open_image(path: str | Path) -> Image.Image:
    """Open and decode an image file; the first frame where it holds several.

    Returns:
        A loaded PIL image in the mode of the file.

    Raises:
        SemsynthError: The file is missing, empty, no image, damaged, or larger than MAX_SIDE or MAX_PIXELS.
    """
    path = Path(path)
    if not path.exists():
        raise SemsynthError(f"{path} does not exist.")
    if path.is_dir():
        raise SemsynthError(f"{path} is a folder; an image file was expected.")
    if path.stat().st_size == 0:
        raise SemsynthError(f"{path} is empty (0 bytes); it may be left over from an interrupted copy.")
    try:
        image = Image.open(path)  # reads the header alone
        _check_size(path, *image.size)
        image.load()
    except SemsynthError:
        raise
    except Image.DecompressionBombError:
        raise SemsynthError(f"{path} declares more pixels than any picture has; {_limits()}") from None
    except Exception as error:  # decoders raise whatever their parsers trip over, and the file is to blame
        reason = str(error).split("\n")[0] or type(error).__name__
        if "cannot identify image file" in reason:
            reason = "its content is no image format known here, whatever its name says"
        raise SemsynthError(f"{path} cannot be read as an image: {reason}.") from None
    return image


def _check_size(path: Path, width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise SemsynthError(f"{path} is {width} x {height}: it has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
        raise SemsynthError(f"{path} is {width} x {height} (width x height); {_limits()}")


def _limits() -> str:
    return f"at most {MAX_SIDE} pixels a side and {MAX_PIXELS:,} pixels in all are read."


def read_photo(path: str | Path, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """Read a photograph of a data set as RGB.

    A camera's orientation tag is honoured only where that makes the photograph as large as its label map:
    published data sets are labelled on the pixels as stored, photographs from a phone as shown. A photograph
    that comes by itself is read by `read_upright`.

    Args:
        path: The image file.
        size: Height and width of the label map it belongs to, where there is one.

    Returns:
        (H, W, 3) uint8.

    Raises:
        SemsynthError: As for `open_image`.
    """
    image = open_image(path)
    if size is not None and (image.height, image.width) != size and (image.width, image.height) == size:
        image = upright(image)  # where the tag is damaged, the caller compares sizes and says so
    return np.array(_to_rgb(image), dtype=np.uint8)


def read_upright(path: str | Path) -> NDArray[np.uint8]:
    """Read a photograph that somebody gives by itself: as RGB, turned as its camera was held.

    Returns:
        (H, W, 3) uint8.

    Raises:
        SemsynthError: As for `open_image`.
    """
    return np.array(upright(open_image(path)), dtype=np.uint8)


def upright(image: Image.Image) -> Image.Image:
    """The image as RGB, turned as its camera was held; as stored where its orientation tag is damaged."""
    with contextlib.suppress(Exception):  # Pillow raises whatever the tag makes it trip over
        image = ImageOps.exif_transpose(image)
    return _to_rgb(image)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip to 255; a photograph wants its high byte
        high = (np.asarray(image, dtype=np.uint16) >> 8).astype(np.uint8)
        return Image.fromarray(high).convert("RGB")
    return image.convert("RGB")


def png_bytes(image: Image.Image, **options: object) -> bytes:
    """Encode an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()
