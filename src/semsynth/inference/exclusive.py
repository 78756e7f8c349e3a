"""One call at a time, for engines that keep features of the latest picture."""

import os
import threading
from types import TracebackType


class OneAtATime:
    """A lock between threads that a forked process does not inherit held.

    After a fork the thread that held it is not there to release it: the child begins with a lock of its own.
    """

    def __init__(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()

    def __enter__(self) -> None:
        if self._process != os.getpid():
            self._process, self._lock = os.getpid(), threading.Lock()
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
