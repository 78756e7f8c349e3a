"""Checkpoints: everything a run needs to go on as if it had never stopped.

A checkpoint is one file named after the pictures seen and the first digits of its own SHA-256, so that it is
complete or not there: it is written under another name, flushed to the disk, hashed and renamed.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from semsynth.errors import SemsynthError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_DIGITS = 16
_FULL = 2**20  # bytes left, where a write failed


def save_checkpoint(folder: Path, images_seen: int, state: dict[str, Any], keep: int) -> Path:
    """Write a checkpoint and delete the oldest beyond `keep`.

    Args:
        folder: where checkpoints lie; made if missing.
        images_seen: training pictures so far.
        state: tensors, numbers, text and containers of them.
        keep: how many checkpoints stay, at least 1.

    Returns:
        the file.

    Raises:
        SemsynthError: the disk is full or not writable; earlier checkpoints stay as they were.
    """
    temporary = folder / f".writing-{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"{images_seen:010d}-{_digest(temporary)}.pt"
        temporary.replace(path)
        _flush_folder(folder)
        for old in _newest_first(folder)[max(keep, 1) :]:
            old.unlink()
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        why = _reason(folder, error)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise SemsynthError(
            f"cannot write a checkpoint into {folder}: {why}; earlier checkpoints are intact. "
            "Make room or choose another folder, then start the same command again to go on"
        ) from error
    return path


def _reason(folder: Path, error: Exception) -> str:
    """Why a write failed, in words; torch says nothing of a full disk."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < _FULL:
            return "the disk is full"
    return str(error)


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Let no other process train in a run folder meanwhile; delete what a killed one left half-written.

    The folder is free again when the process ends, however it ends. One that nothing was written to goes.

    Args:
        folder: of the run; made if missing.

    Raises:
        SemsynthError: another process trains there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = folder / ".lock"
    with lock.open("ab") as held:
        if fcntl is not None:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise SemsynthError(
                    f"another process trains in {folder}; wait for it, or choose another folder (-o FOLDER)"
                ) from error
        for leftover in (folder / "checkpoints").glob(".writing-*.tmp"):
            with contextlib.suppress(OSError):
                leftover.unlink()
        try:
            yield
        finally:
            if list(folder.iterdir()) == [lock]:
                lock.unlink()
                folder.rmdir()


def load_newest(folder: Path, warn: Callable[[str], None]) -> dict[str, Any] | None:
    """Read the newest checkpoint whose content matches its name.

    Args:
        folder: where checkpoints lie.
        warn: told, in a sentence, of every file that had to be passed over.

    Returns:
        the saved state, or None where there is no checkpoint.

    Raises:
        SemsynthError: there are checkpoints, and none can be read.
    """
    paths = _newest_first(folder)
    for path in paths:
        if _digest(path) == path.stem.partition("-")[2]:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
            return state
        warn(f"{path} is damaged: its content does not match the checksum in its name; trying the one before")
    if paths:
        raise SemsynthError(f"none of the {len(paths)} checkpoints in {folder} can be read; all are damaged")
    return None


def _newest_first(folder: Path) -> list[Path]:
    return sorted(folder.glob("*-*.pt"), reverse=True)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]


def _flush_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
