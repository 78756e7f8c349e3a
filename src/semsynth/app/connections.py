"""Connections that say nothing, or say it slowly: a request has a time to arrive in, strangers are few.

uvicorn waits for ever for the rest of a header, and accepts connections until the process has no descriptors
left. Whoever reaches the port, with or without the key, could so keep everybody else out.
"""

import asyncio
import importlib
import logging
import socket
import time
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from semsynth.app.limits import Limits
from semsynth.errors import SemsynthError

HEADER_SECONDS, BODY_SECONDS = 10.0, 60.0
"""Within which the header of a request, and then its body, must be there as a whole."""
ADMIT = "semsynth.admit"
"""In the state of a connection's requests: to be called once the connection has shown the key."""
ACCEPTED, QUEUE = 8, 512
"""Connections that are accepted at a time, and that may wait to be."""

log = logging.getLogger("semsynth.app")


def server_config(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """How the application is served."""
    return uvicorn.Config(
        app,
        http=timed_protocol(),
        backlog=ACCEPTED,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws_max_size=limits.max_message,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=2,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens, for the server to accept from.

    Raises:
        SemsynthError: The port is taken, or there is no such address.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off, which holds each answer back by 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if not host:  # which would be every address
            raise socket.gaierror
        listener.bind((host, port))
    except (OSError, OverflowError, TypeError, UnicodeError) as error:
        listener.close()
        reason = getattr(error, "strerror", error)
        why = f"Cannot listen on {host}, port {port}: {reason}. Choose another with --port."
        if isinstance(error, OverflowError):
            why = f"There is no port {port}: ports are 0 to 65535; 0 takes a free one."
        elif isinstance(error, socket.gaierror | TypeError | UnicodeError):  # the text may be no name at all
            why = f"--host is {host!r}, which is no name or address of this machine; "
            why += "127.0.0.1 is it alone, and 0.0.0.0 all of its addresses."
        raise SemsynthError(why) from None
    return listener


def timed_protocol(
    *, header: float = HEADER_SECONDS, body: float = BODY_SECONDS, most: int | None = None
) -> type[asyncio.Protocol]:
    """uvicorn's HTTP protocol, but with time limits, and with a bound on connections of strangers.

    Args:
        header: Seconds for the header of a request.
        body: Seconds for its body.
        most: Connections that may be open without having shown the key; beyond them the oldest is closed.
            None takes a quarter of the descriptors this process may have, at most 128.
    """
    limit = _quarter_of_descriptors() if most is None else most
    strangers: dict[Any, None] = {}  # the oldest first

    class TimedProtocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
        phase = ""
        timer: asyncio.TimerHandle | None = None

        def __init__(self, *arguments: Any, app_state: dict[str, Any], **keywords: Any) -> None:
            state = {**app_state, ADMIT: lambda: strangers.pop(self, None)}
            super().__init__(*arguments, app_state=state, **keywords)

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.follow()
            strangers[self] = None
            if len(strangers) > limit:
                next(iter(strangers)).drop()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.phase != "gone":  # not handed over to a WebSocket
                self.follow()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            if self.phase != "gone":
                self.follow()

        def handle_websocket_upgrade(self, *arguments: Any) -> None:
            self.enter("gone")
            super().handle_websocket_upgrade(*arguments)

        def connection_lost(self, error: Exception | None) -> None:
            self.enter("gone")
            super().connection_lost(error)

        def follow(self) -> None:
            """See what is waited for: a request, its body, or nothing as it is being answered."""
            if self.cycle is None or self.cycle.response_complete:
                self.enter("header")
            else:
                self.enter("body" if self.cycle.more_body else "answer")

        def enter(self, phase: str) -> None:
            if phase == self.phase:
                return  # the time runs on: a byte now and then gains nothing
            self.phase = phase
            if self.timer is not None:
                self.timer.cancel()
                self.timer = None
            if phase in ("header", "body"):
                seconds = header if phase == "header" else body
                self.timer = asyncio.get_running_loop().call_later(seconds, self.drop)
            elif phase == "gone":
                strangers.pop(self, None)

        def drop(self) -> None:
            self.enter("gone")
            self.transport.abort()

    return TimedProtocol


class Server(uvicorn.Server):
    """uvicorn's server, but taking few connections at a time out of a long queue.

    asyncio accepts as many in a row as the queue is long, before it serves any of them.
    """

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(QUEUE)
        _say_exhaustion_once(asyncio.get_running_loop())


def _say_exhaustion_once(loop: asyncio.AbstractEventLoop) -> None:
    """Have one line a minute where no connection can be accepted; asyncio writes thousands a second."""
    last = float("-inf")

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        if "system resource" not in context.get("message", ""):
            loop.default_exception_handler(context)
        elif time.monotonic() - last > 60:
            last = time.monotonic()
            log.warning("No further connections can be accepted: %s.", context.get("exception"))

    loop.set_exception_handler(handle)


def _quarter_of_descriptors() -> int:
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return 128
    return max(8, min(128, int(resource.getrlimit(resource.RLIMIT_NOFILE)[0]) // 4))
