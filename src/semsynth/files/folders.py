"""Replace a folder so that it is whole whenever the process or the machine stops.

A folder is filled under a temporary name, `.NAME.XXXXXXXX.part`. Then the one it replaces is renamed to
`.NAME.XXXXXXXX.old`, and the new one takes its name. A process that dies between the two renames leaves no
folder of that name, but a whole one beside it, which `recover` puts back.
"""

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from semsynth.errors import SemsynthError
from semsynth.files.locking import fcntl
from semsynth.files.walking import real_path
from semsynth.files.writing import PART, flush, flush_folder, hidden_stem, temporary_name

OLD = ".old"
_DAY = 86_400
_ATTEMPTS = 10


@contextlib.contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder to fill, which takes its own name once it is complete and on the disk.

    If the body raises, what stood at `folder` stays as it was. What processes that died left behind is put
    back or deleted.

    Raises:
        SemsynthError: The disk is full, or the folder cannot be written.
    """
    folder = real_path(folder) if folder.is_symlink() else folder
    part = temporary_name(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        recover(folder)
        _sweep(folder)
        part.mkdir()
        with _in_use(part):
            yield part
            _flush(part)
            _put_in_place(part, folder)
        flush_folder(folder.parent)
    except OSError as error:
        raise SemsynthError(f"{folder} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
        recover(folder)
        if folder.exists():
            shutil.rmtree(part.with_suffix(OLD), ignore_errors=True)


def recover(folder: Path) -> None:
    """Put back a folder that is missing because a process died while it replaced it."""
    if folder.exists():
        return
    old = max(_beside(folder, OLD), key=_changed, default=None)
    if old is not None:
        with contextlib.suppress(OSError):  # another process did, or the folder above may not be written
            old.rename(folder)


def _put_in_place(part: Path, folder: Path) -> None:
    """Rename a folder away and another one in; a reader may `recover` the first between the two."""
    for attempt in range(_ATTEMPTS):
        old = part.with_suffix(OLD)
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        try:
            part.rename(folder)
            return
        except OSError:
            if attempt == _ATTEMPTS - 1 or not folder.exists():
                raise


def _sweep(folder: Path) -> None:
    """Delete what processes that died while they wrote this folder left beside it."""
    for path in _beside(folder, PART):
        if not _is_in_use(path):
            shutil.rmtree(path, ignore_errors=True)
    if folder.exists():
        for path in _beside(folder, OLD):
            shutil.rmtree(path, ignore_errors=True)


def _beside(folder: Path, ending: str) -> list[Path]:
    pattern = re.compile(re.escape(hidden_stem(folder)) + "[0-9a-f]{8}" + re.escape(ending))
    try:
        return [path for path in folder.parent.iterdir() if pattern.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return []


def _changed(path: Path) -> float:
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


@contextlib.contextmanager
def _in_use(folder: Path) -> Iterator[None]:
    """Hold a lock of the folder itself, where the platform has one: it is renamed and deleted with it."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # some network file systems have no locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _is_in_use(folder: Path) -> bool:
    """Whether a process writes this folder; where there are no locks, whether it began within a day."""
    if fcntl is None:
        return time.time() - _changed(folder) < _DAY
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _flush(folder: Path) -> None:
    """Have everything below a folder on the disk."""
    if os.name != "posix":
        return
    for path in [*folder.rglob("*"), folder]:
        if path.is_dir():
            flush_folder(path)
        elif path.is_file():
            flush(path)
