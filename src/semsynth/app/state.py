"""What every route of the server shares."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from fastapi import Request, UploadFile

from semsynth.app.limits import Limits
from semsynth.app.project_store import ProjectStore
from semsynth.app.worker import Worker
from semsynth.errors import SemsynthError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class AppState:
    """The worker, the projects and the limits.

    Attributes:
        worker: Paints.
        projects: Keeps projects.
        limits: What clients may send.
        clients: Painting sockets that are open.
    """

    worker: Worker
    projects: ProjectStore
    limits: Limits
    clients: int = 0
    _decoders: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(2))

    async def run_in_thread(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run slow work beside the event loop, two at a time so that memory stays bounded."""
        async with self._decoders:
            return await asyncio.to_thread(function, *args, **kwargs)


def state_of(request: Request) -> AppState:
    """Find the state of the application that serves a request."""
    state = request.app.state.shared
    assert isinstance(state, AppState)
    return state


async def upload_bytes(file: UploadFile, limits: Limits) -> bytes:
    """Read an uploaded file, not beyond the limit; its name is never looked at."""
    data = await file.read(limits.max_body + 1)
    if not data:
        raise SemsynthError("The file is empty.")
    return data
