"""A folder for one process at a time, such as that of a training run."""

import contextlib
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from semsynth.errors import SemsynthError
from semsynth.files.folders import OLD, recover
from semsynth.files.locking import exclusive
from semsynth.files.writing import PART

LOCK = ".lock"
_LEFTOVER = re.compile(rf"\.(.+)\.[0-9a-f]{{8}}({re.escape(PART)}|{re.escape(OLD)})")


@contextlib.contextmanager
def claimed(folder: Path, doing: str, within: tuple[str, ...] = ()) -> Iterator[None]:
    """Let no other process work in a folder meanwhile; put in order what a killed one left half-written.

    The folder is free again when the process ends, however it ends. One that nothing was written to goes.

    Args:
        folder: Made if missing.
        doing: What is done there, for the message: "trains".
        within: Its folders that are written to as well, with theirs.

    Raises:
        SemsynthError: Another process works there, or it cannot be written.
    """
    lock = folder / LOCK
    with contextlib.ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = stack.enter_context(exclusive(lock, wait=False))
        except OSError as error:
            raise SemsynthError(f"{folder} cannot be written: {error.strerror or error}.") from None
        if not held:
            raise SemsynthError(
                f"Another process {doing} in {folder}; wait for it, or choose another folder (-o FOLDER)."
            )
        _put_in_order(folder.glob(".*"))
        for name in within:
            _put_in_order((folder / name).rglob(".*"))
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                if list(folder.iterdir()) == [lock]:
                    lock.unlink()
                    folder.rmdir()


def _put_in_order(paths: Iterable[Path]) -> None:
    """Bring back folders that were being replaced, and delete what was not finished."""
    for path in sorted(paths):
        match = _LEFTOVER.fullmatch(path.name)
        if match is None:
            continue
        if match[2] == OLD:
            recover(path.with_name(match[1]))
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
