"""What every route of the server shares."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from fastapi import Request, UploadFile

from semsynth.app.limits import Limits
from semsynth.app.shelf import Shelf
from semsynth.app.worker import Worker
from semsynth.errors import SemsynthError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Desk:
    """The worker, the projects and the limits.

    Attributes:
        worker: Paints.
        shelf: Keeps projects.
        limits: What clients may send.
        clients: Painting sockets that are open.
    """

    worker: Worker
    shelf: Shelf
    limits: Limits
    clients: int = 0
    _decoders: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def aside(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run slow work beside the event loop, two at a time so that memory stays bounded."""
        async with self._decoders:
            return await asyncio.to_thread(function, *args, **kwargs)


def desk_of(request: Request) -> Desk:
    """Find the desk of the application that serves a request."""
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk


async def upload_bytes(file: UploadFile, limits: Limits) -> bytes:
    """Read an uploaded file, not beyond the limit; its name is never looked at."""
    data = await file.read(limits.max_body + 1)
    if not data:
        raise SemsynthError("The file is empty.")
    return data
