"""The other end of the painting socket: requests as a client writes them, replies as it reads them."""

from dataclasses import dataclass

import numpy as np

from semsynth.app.protocol import REPLY, REQUEST, VERSION, Format, PaintJob, Reason, Reply, Request
from semsynth.errors import SemsynthError


def pack_request(request: PaintJob) -> bytes:
    """Write a request as a client would send it."""
    settings = request.settings.model_dump_json(exclude_defaults=True).encode()
    height, width = request.labels.shape
    header = REQUEST.pack(
        VERSION,
        Request.PAINT,
        request.format,
        request.scale,
        request.number,
        width,
        height,
        len(settings),
        request.quality,
        0,
    )
    return header + settings + np.ascontiguousarray(request.labels, dtype=np.uint8).tobytes()


@dataclass(frozen=True)
class ReadReply:
    """A reply as a client reads it."""

    kind: Reply
    number: int
    format: Format
    width: int
    height: int
    seconds: float
    payload: bytes
    reason: Reason = Reason.OTHER


def unpack_reply(message: bytes) -> ReadReply:
    """Read a reply; the counterpart of :func:`pack_reply`, for clients written in Python."""
    version, kind, form, reason, number, width, height, microseconds = REPLY.unpack_from(message)
    if version != VERSION:
        raise SemsynthError(f"The server speaks version {version} of the painting protocol, not {VERSION}.")
    payload = message[REPLY.size :]
    seconds = microseconds / 1e6
    return ReadReply(Reply(kind), number, Format(form), width, height, seconds, payload, Reason(reason))
