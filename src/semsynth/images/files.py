"""Open image files one does not trust.

Everything that reads a picture from a user goes through `open_image`: the size in the header is checked
before a single pixel is decoded, and whatever the decoder trips over comes back as one sentence naming the
file.
"""

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, features

from semsynth.errors import SemsynthError
from semsynth.files.reading import open_regular
from semsynth.images.modes import load_pixels, to_rgb

MAX_SIDE = 16_384
"""Longest side of a picture or label map, in pixels."""
MAX_PIXELS = 1 << 26
"""Most pixels of a picture or label map: 8192 x 8192."""
MAX_BYTES = 1 << 30
"""Most bytes of an encoded picture that come from a stream: 1 GiB."""

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".png", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".ppm", ".pgm"),
    *((".avif",) if features.check("avif") else ()),
)
"""File name endings taken for pictures, in lower case."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What turns a photograph upright, by the orientation tag of its camera."""

FORMATS = (
    "PNG", "JPEG", "MPO", "WEBP", "TIFF", "BMP", "DIB", "GIF", "PPM", "TGA", "JPEG2000", "AVIF", "ICO", "PCX",
    "SGI",
)  # fmt: skip
"""Pillow's names of the formats that are read. Some of its others start programs, such as EPS."""

ImageSource = str | Path | bytes | bytearray | memoryview | BinaryIO
"""An image file: its path, its content, or the file opened in binary."""


def open_image(
    source: ImageSource,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] = FORMATS,
) -> Image.Image:
    """Open and decode an image file; the first frame where it holds several.

    Args:
        source: The file's path, its content, or the file opened in binary.
        name: What messages call it; by default its path, or "The picture".
        max_pixels: Most pixels that are decoded; at most MAX_SIDE a side are in any case.
        formats: The formats that are accepted, as Pillow names them.

    Returns:
        A loaded PIL image in the mode of the file.

    Raises:
        SemsynthError: The file is missing, empty, no image, damaged, or larger than the limits.
    """
    with open_header(source, name=name, max_pixels=max_pixels, formats=formats) as image:
        load_pixels(image)
        with contextlib.suppress(Exception):  # a damaged tag is the business of whoever asks for it
            image.getexif()  # some formats look it up in the file, which is about to be closed
    return image


@contextlib.contextmanager
def open_header(
    source: ImageSource,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    formats: tuple[str, ...] = FORMATS,
) -> Iterator[ImageFile.ImageFile]:
    """An image file opened, its size checked, none of its pixels decoded; see `open_image`."""
    called = source_name(source, "The picture") if name is None else name
    Image.init()  # so that formats which this Pillow was built without are known to be missing
    known = [form for form in formats if form in Image.OPEN]
    with _opened(source, called) as file:
        try:
            image = Image.open(file, formats=known)  # reads the header alone
            _check_size(called, *image.size, max_pixels)
            yield image
        except (SemsynthError, KeyboardInterrupt):
            raise
        except Image.DecompressionBombError:
            raise SemsynthError(
                f"{called} declares more pixels than any picture has; {_limits(max_pixels)}"
            ) from None
        except Exception as error:  # decoders raise whatever they trip over, and the file is to blame
            reason = str(error).split("\n")[0].rstrip(".") or type(error).__name__
            if "cannot identify image file" in reason:
                reason = "its content is no image format known here, whatever its name says"
            raise SemsynthError(f"{called} cannot be read as an image: {reason}.") from None


def source_name(source: object, otherwise: str) -> str:
    """What messages call a source that was given no name: its path, or `otherwise`."""
    return str(source) if isinstance(source, (str, Path)) else otherwise


@contextlib.contextmanager
def _opened(source: ImageSource, name: str) -> Iterator[BinaryIO]:
    if isinstance(source, (str, Path)):
        with open_regular(source) as file:
            if file.seek(0, io.SEEK_END) == 0:
                raise SemsynthError(
                    f"{name} is empty (0 bytes); it may be left over from an interrupted copy."
                )
            file.seek(0)
            yield file
        return
    if isinstance(source, (bytes, bytearray, memoryview)):
        content = bytes(source)
    elif hasattr(source, "read"):
        content = source.read(MAX_BYTES + 1)
    else:
        raise SemsynthError(
            f"{name} is given as {type(source).__name__}; a path, the bytes of an image file, or a file "
            f"opened in binary are read."
        )
    if not isinstance(content, bytes):
        raise SemsynthError(f"{name} was opened as text; open image files with open(path, 'rb').")
    if not content:
        raise SemsynthError(f"{name} is empty (0 bytes).")
    if len(content) > MAX_BYTES:
        raise SemsynthError(f"{name} is longer than {MAX_BYTES:,} bytes, which is more than is read.")
    yield io.BytesIO(content)


def _check_size(name: str, width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise SemsynthError(f"{name} is {width} x {height}: it has no pixels.")
    if max(width, height) > MAX_SIDE or width * height > max_pixels:
        raise SemsynthError(f"{name} is {width} x {height} (width x height); {_limits(max_pixels)}")


def _limits(max_pixels: int) -> str:
    return f"at most {MAX_SIDE} pixels a side and {max_pixels:,} pixels in all are read."


@dataclass(frozen=True)
class PhotoReading:
    """A photograph that was read, and how.

    Attributes:
        pixels: (H, W, 3) uint8.
        mode: Mode of the file as Pillow names it.
        notes: Sentences worth showing a user.
        orientation: The camera's orientation tag, 1 (upright) to 8.
        undecided: Whether that tag asks for a turn, and nothing said whether the label map was made of the
            photograph as stored or as shown: both have the same size. It was then left as stored.
    """

    pixels: NDArray[np.uint8]
    mode: str
    notes: tuple[str, ...] = ()
    orientation: int = 1
    undecided: bool = False


def read_photo(
    source: ImageSource,
    size: tuple[int, int] | None = None,
    *,
    orient: bool | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> NDArray[np.uint8]:
    """Read a photograph of a data set as RGB, see `examine_photo`.

    Returns:
        (H, W, 3) uint8.
    """
    return examine_photo(source, size, orient=orient, name=name, max_pixels=max_pixels).pixels


def examine_photo(
    source: ImageSource,
    size: tuple[int, int] | None = None,
    *,
    orient: bool | None = None,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
) -> PhotoReading:
    """Read a photograph of a data set as RGB, and say how it was read.

    A camera's orientation tag is honoured only where the photograph then lies as its label map does, and else
    lies across it: published data sets are labelled on the pixels as stored, photographs from a phone as
    shown. A photograph that comes by itself is read by `read_upright`.

    Args:
        source: The image file.
        size: Height and width of the label map it belongs to, where there is one.
        orient: True always turns the photograph as its tag says, False never; None as said above.
        name: What messages call it; by default its path, or "The picture".
        max_pixels: See `open_image`.

    Raises:
        SemsynthError: As for `open_image`, or the range of its values is unknown.
    """
    called = source_name(source, "The picture") if name is None else name
    image = open_image(source, name=called, max_pixels=max_pixels)
    tag = _orientation(image)
    across = tag > 4 and image.width != image.height  # so that the shape tells whether it is turned
    turn = orient if orient is not None else across and size is not None and _is_turned(image, size)
    undecided = tag != 1 and orient is None and size is not None and not (across and size[0] != size[1])
    rgb, notes = to_rgb(image, called)
    rgb = _turned(rgb, tag) if turn else rgb
    return PhotoReading(np.array(rgb, dtype=np.uint8), image.mode, notes, tag, undecided)


def read_upright(
    source: ImageSource, *, name: str | None = None, max_pixels: int = MAX_PIXELS
) -> NDArray[np.uint8]:
    """Read a photograph that somebody gives by itself: as RGB, turned as its camera was held.

    Returns:
        (H, W, 3) uint8.

    Raises:
        SemsynthError: As for `examine_photo`.
    """
    return examine_photo(source, orient=True, name=name, max_pixels=max_pixels).pixels


def orientation(source: ImageSource, *, name: str | None = None) -> int:
    """The orientation tag of a camera, 1 (upright) to 8; 1 where there is none or it is damaged."""
    with open_header(source, name=name) as image:
        return _orientation(image)


def _is_turned(image: Image.Image, size: tuple[int, int]) -> bool:
    """Whether a height and width are, in their proportion, rather those of the image turned by a quarter."""
    return (image.height > image.width) != (size[0] > size[1]) and size[0] != size[1]


def _orientation(image: Image.Image) -> int:
    with contextlib.suppress(Exception):  # Pillow raises whatever the tag makes it trip over
        tag = image.getexif().get(0x0112, 1)
        return tag if isinstance(tag, int) and 1 <= tag <= 8 else 1
    return 1


def upright(image: Image.Image, *, name: str = "The picture") -> Image.Image:
    """The image as RGB, turned as its camera was held; as stored where its orientation tag is damaged."""
    return _turned(to_rgb(image, name)[0], _orientation(image))


def _turned(image: Image.Image, tag: int) -> Image.Image:
    return image.transpose(TURNS[tag]) if tag in TURNS else image


def png_bytes(image: Image.Image, **options: object) -> bytes:
    """Encode an image as PNG."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", **options)
    return buffer.getvalue()
