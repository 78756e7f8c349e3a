"""Write files that are either whole or absent, whenever the process or the machine stops."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from semsynth.errors import SemsynthError

PART = ".part"
"""How the temporary names of files and folders being written end; they begin with a dot."""


@contextlib.contextmanager
def whole_file(path: str | Path, *, name: str | None = None) -> Iterator[BinaryIO]:
    """A new file under a temporary name, which takes its own name once it is complete and on the disk.

    If the body raises, the temporary file is deleted and what stood at `path` stays as it was.

    Args:
        path: Where to.
        name: What messages call the file; by default its path.

    Raises:
        SemsynthError: The disk is full, the folder is missing or may not be written.
    """
    path = Path(path)
    called = str(path) if name is None else name
    temporary = temporary_name(path)
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        flush_folder(path.parent)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise SemsynthError(f"The disk is full: {called} was not written, nothing was changed.") from None
        raise SemsynthError(f"{called} cannot be written: {error.strerror or error}.") from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: bytes, *, name: str | None = None) -> None:
    """Write a file whole, see `whole_file`."""
    with whole_file(path, name=name) as file:
        file.write(content)


def temporary_name(path: Path) -> Path:
    """A name beside `path` that no other process takes, for what will be renamed to it.

    Raises:
        SemsynthError: The path has no name, such as "." and "/".
    """
    if not path.name:
        raise SemsynthError(f"{str(path)!r} cannot be written: it names no new file or folder.")
    return path.with_name(f"{hidden_stem(path)}{secrets.token_hex(4)}{PART}")


def hidden_stem(path: Path) -> str:
    """How temporary names beside `path` begin; names have at most 255 bytes on most disks."""
    return f".{os.fsencode(path.name)[:200].decode('utf-8', 'ignore')}."


def flush_folder(folder: Path) -> None:
    """Make renames within a folder durable, where the operating system can."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError):  # some network file systems cannot
        flush(folder)


def flush(path: Path) -> None:
    """Have a file or folder on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
