"""The folder of saved projects."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semsynth.app.limits import Limits
from semsynth.app.refusal import NAME_TAKEN, NOT_STORED, Refusal
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically

_NAME = re.compile(r"^\w(?:[\w \-]{0,62}\w)?$")


def check_name(name: str) -> str:
    """Let through only names that can never be a path.

    Raises:
        SemsynthError: There is anything in it but letters, digits, spaces, hyphens and underscores.
    """
    name = name.strip()
    if not _NAME.match(name) or len(name.encode()) > 200:
        raise SemsynthError(
            "A project's name has up to 64 letters, digits, spaces, hyphens and underscores, no more."
        )
    return name


class Shelf:
    """Projects by their names, a file each.

    Args:
        folder: Created when the first project is saved.
        limits: What is accepted.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits
        self._saving = threading.Lock()  # so that of two who save a new name at once, one is refused

    def names(self) -> list[tuple[str, float, int]]:
        """List the projects, the newest first: (name, time saved in seconds since 1970, bytes)."""
        found = []
        with _disk("The projects could not be listed"):
            for path in self.folder.glob("*.zip"):
                try:
                    status = path.stat()
                except FileNotFoundError:  # deleted this very moment
                    continue
                found.append((path.stem, status.st_mtime, status.st_size))
        return sorted(found, key=lambda item: -item[1])

    def save(self, name: str, data: bytes, *, replace: bool = False) -> None:
        """Save a project under a name, whole or not at all.

        Raises:
            Refusal: There is one of this name and ``replace`` was not said, or it cannot be written.
            SemsynthError: There are too many, or the name is none.
        """
        path = self._path(name)
        with self._saving, _disk("The project could not be saved"):
            self.folder.mkdir(parents=True, exist_ok=True)
            exists = path.exists()
            if exists and not replace:
                raise Refusal("There is a project of this name already.", NAME_TAKEN, 409)
            if not exists and len(self.names()) >= self.limits.max_projects:
                raise SemsynthError(
                    f"There are {self.limits.max_projects} projects already; delete some first."
                )
            try:
                write_atomically(path, data)
            except SemsynthError as error:  # it names the path, which is nobody's business
                sentence = str(error).replace(str(path), "the project")
                raise Refusal(sentence[0].upper() + sentence[1:], NOT_STORED, 507) from None

    def load(self, name: str) -> bytes:
        """Read a project's file."""
        with _disk("The project could not be opened"):
            return self._path(name).read_bytes()

    def delete(self, name: str) -> None:
        """Delete a project."""
        with _disk("The project could not be deleted"):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}.zip"


@contextmanager
def _disk(failed: str) -> Iterator[None]:
    """Turn what the disk has to complain of into a sentence that tells nothing of the machine."""
    try:
        yield
    except FileNotFoundError:
        raise SemsynthError("There is no project of this name.") from None
    except OSError as error:
        raise Refusal(f"{failed}: {error.strerror or 'the disk refuses'}.", NOT_STORED, 507) from None
