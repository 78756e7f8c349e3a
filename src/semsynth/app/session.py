"""The painting socket: one slot a client, the newest request takes it, and the last one is always painted."""

import asyncio
import contextlib
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from semsynth.app.errors import PHOTO_LOST, ApiError
from semsynth.app.protocol import PaintJob, Reason, Reply, pack_reply, request_number, unpack_request
from semsynth.app.state import AppState
from semsynth.app.worker import WorkerBroke
from semsynth.errors import SemsynthError

SLOW = 0.3
"""Seconds; where pictures take longer, the client is told when one is begun, so that it can show progress."""

router = APIRouter()


@router.websocket("/api/paint")
async def paint(socket: WebSocket) -> None:
    """Serve one client until it leaves."""
    state = socket.app.state.shared
    assert isinstance(state, AppState)
    if state.clients >= state.limits.max_clients:
        await socket.accept()  # or the browser hears of a failed connection, not of the reason
        await socket.close(1013, f"{state.limits.max_clients} pages are open already; close one of them.")
        return
    state.clients += 1
    try:
        await socket.accept()
        await ClientSession(socket, state).serve()
    finally:
        state.clients -= 1


class _Left(Exception):
    """The client has gone; nothing needs painting."""


class ClientSession:
    """One client at the painting socket.

    Args:
        socket: Accepted already.
        state: What the server shares.
    """

    def __init__(self, socket: WebSocket, state: AppState) -> None:
        self._socket = socket
        self._state = state
        self._newest: PaintJob | None = None
        self._filled = asyncio.Event()
        self._left = False

    async def serve(self) -> None:
        """Receive and paint, side by side, until the client leaves."""
        painting = asyncio.create_task(self._paint_newest())
        presence = self._state.worker.presence
        presence.listeners.add(self._tell_presence)
        if presence.away:
            self._tell_presence()
        try:
            await self._receive()
        except (WebSocketDisconnect, RuntimeError):  # the latter comes of sending to a closed socket
            return
        finally:
            self._left = True
            presence.listeners.discard(self._tell_presence)
            painting.cancel()
            with contextlib.suppress(asyncio.CancelledError, WebSocketDisconnect, RuntimeError, _Left):
                await painting

    async def _receive(self) -> None:
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            try:
                if not data:
                    raise SemsynthError("Only binary messages are understood here.")
                model = await self._state.worker.describe()
                request = unpack_request(data, self._state.limits, model.label_space.num_classes)
            except SemsynthError as error:
                await self._send(Reply.ERROR, request_number(data or b""), str(error).encode())
                continue
            replaced, self._newest = self._newest, request
            self._filled.set()
            if replaced is not None:
                await self._send(Reply.SUPERSEDED, replaced.number)

    async def _paint_newest(self) -> None:
        while True:
            await self._filled.wait()
            await self._paint_one()

    async def _paint_one(self) -> None:
        taken: PaintJob | None = None

        def take() -> PaintJob:
            nonlocal taken
            taken = self._take()
            return taken

        try:
            painted = await self._state.worker.paint(take)
        except (SemsynthError, WorkerBroke) as error:
            # A worker that cannot be started never takes anything: its client is answered all the same.
            lost = isinstance(error, ApiError) and error.code == PHOTO_LOST
            reason = Reason.PHOTO_LOST if lost else Reason.OTHER
            number = (taken or self._take()).number
            return await self._send(Reply.ERROR, number, str(error).encode(), reason=reason)
        assert taken is not None
        size = (painted.width, painted.height)
        number, form, seconds = taken.number, taken.format, painted.seconds
        await self._send(Reply.PICTURE, number, painted.data, form=form, size=size, seconds=seconds)

    def _take(self) -> PaintJob:
        if self._left or self._newest is None:
            raise _Left
        request, self._newest = self._newest, None
        self._filled.clear()
        expected = self._state.worker.expected
        if expected > SLOW:
            self._say_soon(Reply.STARTED, request.number, seconds=expected)
        return request

    def _tell_presence(self) -> None:
        away = self._state.worker.presence.away
        self._say_soon(Reply.AWAY if away else Reply.BACK, 0, away)

    def _say_soon(self, kind: Reply, number: int, sentence: str = "", *, seconds: float = 0.0) -> None:
        sent = asyncio.ensure_future(self._send(kind, number, sentence.encode(), seconds=seconds))
        sent.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _send(self, kind: Reply, number: int, payload: bytes = b"", **fields: Any) -> None:
        await self._socket.send_bytes(pack_reply(kind, number, payload, **fields))
