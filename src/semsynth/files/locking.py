"""A lock between processes, which the operating system releases however its holder ends."""

import contextlib
import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


fcntl = _optional("fcntl")  # not on Windows
msvcrt = _optional("msvcrt")  # on Windows alone


@contextlib.contextmanager
def exclusive(path: Path, *, wait: bool) -> Iterator[bool]:
    """Hold the lock of a file, which is made where it is missing and never deleted.

    Args:
        path: The lock file; its folder must exist.
        wait: Whether to wait for another holder, or to give up at once.

    Yields:
        Whether the lock is held. Where the platform has no file locks it counts as held.
    """
    with path.open("ab") as file:
        held = _try(file)
        while wait and not held:
            time.sleep(0.05)
            held = _try(file)
        try:
            yield held
        finally:
            if held:
                _release(file)


def _try(file: BinaryIO) -> bool:
    try:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        elif msvcrt is not None:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _release(file: BinaryIO) -> None:
    with contextlib.suppress(OSError):
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_UN)
        elif msvcrt is not None:
            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)
