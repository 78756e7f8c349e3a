"""The binary messages of the painting socket: class ids in, a picture out.

Both headers are 16 bytes, little endian, so that a page can read them with one ``DataView``::

    request   version u8 | kind u8 | format u8 | scale u8 | number u32
              | width u16 | height u16 | settings u16 | quality u8 | 0
              then ``settings`` bytes of JSON, then width*height class ids, one byte each, row by row
    reply     version u8 | kind u8 | format u8 | reason u8 | number u32
              | width u16 | height u16 | microseconds u32
              then the picture, or a sentence in UTF-8
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from pydantic import ValidationError

from semsynth.app.limits import Limits
from semsynth.app.settings import Settings, explain
from semsynth.errors import SemsynthError

VERSION = 1
REQUEST = struct.Struct("<BBBBIHHHBB")
REPLY = struct.Struct("<BBBBIHHI")


class Request(IntEnum):
    """What a client may ask."""

    PAINT = 1


class Reply(IntEnum):
    """What the server may answer."""

    PICTURE = 1
    SUPERSEDED = 2
    """A newer request of the same client took this one's place; no picture will come for it."""
    ERROR = 3
    STARTED = 4
    """Painting has begun; ``microseconds`` is how long pictures took lately."""
    AWAY = 5
    """Of no request: the model's process is away, and a sentence why. Requests wait until it is back."""
    BACK = 6
    """Of no request: the model's process is there again."""


class Reason(IntEnum):
    """Why a request was answered with an error, where a client can do something about it by itself."""

    OTHER = 0
    PHOTO_LOST = 1
    """The photograph that is edited is not kept any more; hand it in again."""


class Format(IntEnum):
    """How the bytes of a picture are encoded."""

    PNG = 0
    JPEG = 1
    WEBP = 2
    RGB = 3
    """Raw: three bytes a pixel, row by row."""

    @property
    def media_type(self) -> str:
        """The MIME type to serve it under."""
        return "application/octet-stream" if self is Format.RGB else f"image/{self.name.lower()}"


@dataclass(frozen=True)
class PaintJob:
    """One label map to be painted.

    Attributes:
        labels: (H, W) uint8 class ids.
        settings: Style, photograph and feathering.
        format: Encoding of the picture wanted.
        scale: 1..4, how many times larger than the map the picture shall be; 0: as large as the photograph.
        quality: 1..100 for JPEG and WebP; 0 takes the default.
        number: The client's own count, where it is a request; the reply carries it back.
    """

    labels: np.ndarray
    settings: Settings
    format: Format = Format.RGB
    scale: int = 1
    quality: int = 0
    number: int = 0


def request_number(message: bytes) -> int:
    """Read the number of a request that may otherwise be nonsense, so that the refusal can name it."""
    return int(REQUEST.unpack_from(message)[4]) if len(message) >= REQUEST.size else 0


def unpack_request(message: bytes, limits: Limits, num_classes: int) -> PaintJob:
    """Read a request and refuse, with a sentence, whatever is not one.

    Args:
        message: The bytes as they came.
        limits: What is allowed; checked before anything is decoded.
        num_classes: Class ids must be below this.

    Raises:
        SemsynthError: The message is no valid request.
    """
    if len(message) < REQUEST.size:
        raise SemsynthError(f"A request has a header of {REQUEST.size} bytes; {len(message)} came.")
    version, kind, form, scale, number, width, height, length, quality, zero = REQUEST.unpack_from(message)
    if version != VERSION or kind != Request.PAINT or zero != 0:
        raise SemsynthError(
            f"This server speaks version {VERSION} of the painting protocol; reload the page."
        )
    if form > max(Format) or not 0 <= scale <= limits.max_scale or quality > 100:
        raise SemsynthError(
            f"Format must be 0..{int(max(Format))}, scale 0..{limits.max_scale}, quality 0..100."
        )
    limits.check_map(width, height)
    if len(message) != REQUEST.size + length + width * height:
        raise SemsynthError(
            f"A map of {width}x{height} needs {width * height} bytes after its settings; "
            f"{len(message) - REQUEST.size - length} came."
        )
    settings = parse_settings(message[REQUEST.size : REQUEST.size + length])
    labels = np.frombuffer(message, np.uint8, width * height, REQUEST.size + length).reshape(height, width)
    check_labels(labels, num_classes)
    return PaintJob(labels, settings, Format(form), scale, quality, number)


def parse_settings(text: bytes | str) -> Settings:
    """Read the JSON of a request's settings; nothing at all means the defaults."""
    try:
        return Settings.model_validate_json(text) if text else Settings()
    except ValidationError as error:
        raise SemsynthError(f"The settings cannot be used: {explain(error)}.") from None


def check_labels(labels: np.ndarray, num_classes: int) -> None:
    """Refuse class ids the model does not have, naming the first one.

    Args:
        labels: (H, W) class ids.
        num_classes: Ids must be below this.
    """
    if int(labels.max()) < num_classes:
        return
    y, x = (int(v[0]) for v in np.nonzero(labels >= num_classes))
    raise SemsynthError(
        f"Class {int(labels[y, x])} at x={x}, y={y} is unknown; the model has 0 to {num_classes - 1}."
    )


def pack_reply(
    kind: Reply,
    number: int,
    payload: bytes = b"",
    *,
    form: Format = Format.PNG,
    size: tuple[int, int] = (0, 0),
    seconds: float = 0.0,
    reason: Reason = Reason.OTHER,
) -> bytes:
    """Write a reply; ``size`` is (width, height) in pixels."""
    microseconds = min(int(seconds * 1e6), 2**32 - 1)
    return REPLY.pack(VERSION, kind, form, reason, number, *size, microseconds) + payload
