"""Checkpoints: everything a run needs to go on as if it had never stopped.

A checkpoint is one file named after the pictures seen and the first digits of its own SHA-256, so that it is
complete or not there: it is written under another name, flushed to the disk, hashed and renamed.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import torch

from semsynth.errors import SemsynthError
from semsynth.files.tensors import file_sha256
from semsynth.files.writing import flush_folder, temporary_name
from semsynth.hub import compat

_DIGITS = 16
_NAME = re.compile(rf"(\d{{10,}})-([0-9a-f]{{{_DIGITS}}})\.pt")
_FULL = 2**20  # bytes left, where a write failed
DAMAGED = ".damaged"
"""Added to the names of files that were passed over; they are no longer counted among the checkpoints."""


def save_checkpoint(folder: Path, images_seen: int, state: dict[str, Any], keep: int) -> Path:
    """Write a checkpoint into a folder, which is made if missing; its path.

    The oldest beyond `keep` are deleted, but never the one just written. The state has tensors, numbers, text
    and containers of them, and the pictures seen as `state["images_seen"]`.

    Raises:
        SemsynthError: The disk is full or not writable; earlier checkpoints stay as they were.
    """
    temporary = temporary_name(folder / "checkpoint")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        path = folder / f"{images_seen:010d}-{_digest(temporary)}.pt"
        temporary.replace(path)
        flush_folder(folder)
        others = [old for old in _newest_first(folder) if old != path]
        for old in (*others[max(keep, 1) - 1 :], *folder.glob(f"*{DAMAGED}")):
            old.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise SemsynthError(
            f"A checkpoint cannot be written into {folder}: {_reason(folder, error)}; earlier checkpoints "
            "are intact. Make room or choose another folder, then start the same command again to go on."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path


def load_newest(
    folder: Path, warn: Callable[[str], None], needs: Iterable[str] = ()
) -> dict[str, Any] | None:
    """Read the newest checkpoint whose content matches its name. Nothing is changed on the disk.

    None where there are none. `warn` is told of every file that had to be passed over. `needs` are entries it
    must have beside "images_seen".

    Raises:
        SemsynthError: There are checkpoints, and none can be read.
    """
    paths = _newest_first(folder)
    for path in paths:
        state = _read(path, needs)
        if not isinstance(state, str):
            return state
        warn(f"{path} is damaged: {state}; the one before it is tried.")
    if paths:
        raise SemsynthError(
            f"None of the {len(paths)} checkpoints in {folder} can be read; all are damaged, "
            f"{paths[0].name} too. Choose another folder to start from the beginning."
        )
    return None


def clean_up(folder: Path, images_seen: int, keep: int, log: Callable[[str], None]) -> None:
    """Rename the checkpoints that `load_newest` passed over, so that they displace no good ones.

    The one that was loaded is of `images_seen`. Those renamed are deleted once a good checkpoint has been
    written after them. The oldest beyond `keep`, which a kill may have left, go now.
    """
    for path in _newest_first(folder):
        seen = _pictures(path)
        if seen > images_seen or (seen == images_seen and _digest(path) != _promised(path)):
            path.replace(path.with_name(path.name + DAMAGED))
            log(f"{path} was renamed to {path.name}{DAMAGED}.")
    for old in _newest_first(folder)[max(keep, 1) :]:
        old.unlink(missing_ok=True)


def _read(path: Path, needs: Iterable[str]) -> dict[str, Any] | str:
    """A checkpoint's state, or what is wrong with it."""
    try:
        if _digest(path) != _promised(path):
            return "its content does not match the checksum in its name"
        state = torch.load(path, map_location="cpu", weights_only=True)
    except SemsynthError:  # it may not be read, or is no file
        raise
    except Exception as error:  # unpicklers raise whatever they trip over
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise SemsynthError(f"{path} does not fit into memory.") from None
        return f"it cannot be read ({type(error).__name__})"
    if not isinstance(state, dict) or state.get("images_seen") != _pictures(path):
        return "it is no checkpoint, or was renamed: what it holds is of another number of pictures"
    if missing := [name for name in needs if name not in state]:
        return f"it lacks {', '.join(missing)}"
    return compat.checkpoint(state)


def _reason(folder: Path, error: Exception) -> str:
    """Why a write failed, in words; torch says nothing of a full disk."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < _FULL:
            return "the disk is full"
    return str(error).partition("\n")[0].rstrip(".")


def _newest_first(folder: Path) -> list[Path]:
    paths = [path for path in folder.glob("*-*.pt") if _NAME.fullmatch(path.name)]
    return sorted(paths, key=lambda path: (_pictures(path), path.name), reverse=True)


def _pictures(path: Path) -> int:
    """The pictures seen, as the name says."""
    return int(path.name.partition("-")[0])


def _promised(path: Path) -> str:
    return path.stem.partition("-")[2]


def _digest(path: Path) -> str:
    return file_sha256(path)[:_DIGITS]
