"""Whether the model's process is there, told at once to everybody who asked."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

AWAY = "The model is restarting."
GONE = "The model cannot be started again; the server's terminal says why."


class Presence:
    """What clients are told of the model's process."""

    def __init__(self) -> None:
        self.away = ""
        """A sentence while the process is away; empty while it is there."""
        self.listeners: set[Callable[[], None]] = set()
        """Called, in the event loop, when ``away`` has changed."""

    def tell(self, away: str) -> None:
        """Say that the process is away, and why, or (empty) that it is there."""
        if away == self.away:
            return
        self.away = away
        for listener in tuple(self.listeners):
            listener()


def when_ended(process: BaseProcess, then: Callable[[BaseProcess], None]) -> None:
    """Call something in the running event loop once a process has ended, though it had nothing to do."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        wait([process.sentinel])
        with contextlib.suppress(RuntimeError):  # the loop has ended first
            loop.call_soon_threadsafe(then, process)

    threading.Thread(target=watch, daemon=True, name="semsynth-watch").start()
