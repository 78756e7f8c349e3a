"""Stop a process at a chosen write: every change of a folder's files counts as two events, before and after.

`watch` replaces the functions of `os` and `io` through which Python's own code changes files. Events are
numbered in the order in which they happen; at a chosen number the process is killed, as a power cut would.
"""

import builtins
import functools
import io
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Watch:
    """The events within a folder so far.

    Args:
        folder: what is watched.
        stop: number of the event at which the process is killed; -1 is never.
    """

    def __init__(self, folder: Path, stop: int = -1) -> None:
        self.folder = os.path.realpath(folder)
        self.stop = stop
        self.events: list[str] = []
        self.unseen: list[str] = []
        self._opening = False

    def event(self, kind: str, path: str) -> None:
        """Count an event, and die at the chosen one."""
        self.events.append(f"{kind} {label(path[len(self.folder) + 1 :])}")
        if len(self.events) - 1 == self.stop:
            os.kill(os.getpid(), signal.SIGKILL)

    def dies_next(self) -> bool:
        """Whether the next event is the chosen one."""
        return len(self.events) == self.stop

    def within(self, path: Any, dir_fd: int | None = None) -> str | None:
        """The whole path, if it lies within the folder."""
        if isinstance(path, int):
            path = os.fspath(Path(f"/proc/self/fd/{path}").readlink())
        path = os.fsdecode(path)
        if dir_fd is not None:
            path = f"{Path(f'/proc/self/fd/{dir_fd}').readlink()}/{path}"
        parent, name = os.path.split(os.path.abspath(path))  # noqa: PTH100
        path = f"{os.path.realpath(parent)}/{name}"
        return path if path.startswith(self.folder + "/") else None

    def start(self) -> None:
        """Replace the functions, for good."""
        for name in ("replace", "rename"):
            self._wrap(name, lambda args, kwargs: args[1])
        for name in ("unlink", "remove", "rmdir", "mkdir", "fsync"):
            self._wrap(name, lambda args, kwargs: args[0])
        real_open, real_descriptor = io.open, os.open

        def opened(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
            where = self.within(file) if set(mode) & set("wax+") else None
            if where is None:
                return real_open(file, mode, *args, **kwargs)
            self.event("before open", where)
            self._opening = True
            result = real_open(file, mode, *args, **kwargs)
            self._opening = False
            self.event("after open", where)
            return Halved(result, self, where)

        def descriptor(path: Any, flags: int, *args: Any, dir_fd: int | None = None, **kwargs: Any) -> int:
            if flags & WRITING and self.within(path, dir_fd):
                raise AssertionError(f"{path} is written to by os.open, which is not watched")
            return real_descriptor(path, flags, *args, dir_fd=dir_fd, **kwargs)

        def audit(name: str, args: tuple[Any, ...]) -> None:
            if (
                name == "open"
                and args[2] & WRITING
                and not self._opening
                and isinstance(args[0], str | bytes)
            ):
                where = self.within(args[0])
                if where is not None:
                    self.unseen.append(where)

        io.open = builtins.open = opened  # type: ignore[assignment]
        os.open = descriptor  # type: ignore[assignment]
        sys.addaudithook(audit)

    def _wrap(self, name: str, target: Callable[[Any, Any], Any]) -> None:
        real = getattr(os, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            where = self.within(target(args, kwargs), kwargs.get("dir_fd"))
            if where is None:
                return real(*args, **kwargs)
            self.event(f"before {name}", where)
            result = real(*args, **kwargs)
            self.event(f"after {name}", where)
            return result

        setattr(os, name, wrapped)


class Halved:
    """A file every write of which may end amid it."""

    def __init__(self, file: Any, watch: Watch, where: str) -> None:
        self._file, self._watch, self._where = file, watch, where

    def write(self, data: Any) -> int:
        half = len(data) // 2
        for moment, part in (("amid", data[:half]), ("after", data[half:])):
            self._file.write(part)
            if self._watch.dies_next():
                self._file.flush()
            self._watch.event(f"{moment} write", self._where)
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Halved":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@functools.cache
def label(path: str) -> str:
    """A path without what differs between runs: hashes, random names, numbers of pictures."""
    return re.sub(r"\d{10}|\b[0-9a-f]{8,}\b|\b\d+(?=\.part)", "#", path)
