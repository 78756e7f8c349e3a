"""The folder of saved projects."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from semsynth.app.errors import NAME_TAKEN, NOT_STORED, ApiError
from semsynth.app.limits import Limits
from semsynth.errors import SemsynthError
from semsynth.files.locking import exclusive
from semsynth.files.writing import write_atomically

_MARKS = frozenset(" -_'’,()&+!\u200c\u200d")
"""What a name may hold beside letters, marks and digits; the last two join letters in some scripts."""
_DEVICES = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])")


def check_name(name: str) -> str:
    """Let through only names that can never be a path, on any system, composed as NFC.

    Raises:
        SemsynthError: It is too long, holds other characters, or is a device of Windows.
    """
    name = unicodedata.normalize("NFC", name).strip()
    known = all(unicodedata.category(c)[0] in "LMN" or c in _MARKS for c in name)
    if not known or not 1 <= len(name) <= 64 or len(name.encode("utf-8", "replace")) > 200:
        raise SemsynthError(
            "A project's name has up to 64 letters and digits of any script, spaces and - _ ' , ( ) & + !, "
            "no more."
        )
    if unicodedata.category(name[0])[0] not in "LN":
        raise SemsynthError("A project's name begins with a letter or a digit.")
    if _DEVICES.fullmatch(name):
        raise SemsynthError(f"Windows keeps the name {name} for a device; choose another.")
    return name


class ProjectStore:
    """Projects by their names, a file each.

    Args:
        folder: Created when the first project is saved.
        limits: What is accepted.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits

    def names(self) -> list[tuple[str, float, int]]:
        """List the projects, the newest first: (name, time saved in seconds since 1970, bytes)."""
        projects = []
        with _disk("The projects could not be listed"):
            for path in self.folder.glob("*.zip"):
                try:
                    status = path.stat()
                except FileNotFoundError:  # deleted this very moment
                    continue
                projects.append((path.stem, status.st_mtime, status.st_size))
        return sorted(projects, key=lambda item: -item[1])

    def save(self, name: str, data: bytes, *, replace: bool = False) -> None:
        """Save a project under a name, whole or not at all.

        Raises:
            ApiError: There is one of this name and ``replace`` was not said, or it cannot be written.
            SemsynthError: There are too many, or the name is none.
        """
        with _disk("The project could not be saved"):
            self.folder.mkdir(parents=True, exist_ok=True)
            with exclusive(self.folder / ".lock", wait=True):  # of two who save a new name, one is refused
                self._save(name, data, replace)

    def _save(self, name: str, data: bytes, replace: bool) -> None:
        path = self._path(name)
        exists = path.exists()
        if exists and not replace:
            raise ApiError("There is a project of this name already.", NAME_TAKEN, 409)
        if not exists and len(self.names()) >= self.limits.max_projects:
            raise SemsynthError(f"There are {self.limits.max_projects} projects already; delete some first.")
        try:
            write_atomically(path, data)
        except SemsynthError as error:  # it names the path, which is nobody's business
            sentence = str(error).replace(str(path), "the project")
            raise ApiError(sentence[0].upper() + sentence[1:], NOT_STORED, 507) from None

    def load(self, name: str) -> bytes:
        """Read a project's file."""
        with _disk("The project could not be opened"):
            return self._path(name).read_bytes()

    def delete(self, name: str) -> None:
        """Delete a project."""
        with _disk("The project could not be deleted"):
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        """The file of a project: one there is, or a new one.

        Raises:
            ApiError: There is a project whose name differs in capitals alone: many disks hold one of the two.
        """
        name = check_name(name)
        path = self.folder / f"{name}.zip"
        if path.exists():
            return path
        for other in self.folder.glob("*.zip"):
            if unicodedata.normalize("NFC", other.stem) == name:  # saved by a system that decomposes names
                return other
            if other.stem.casefold() == name.casefold():
                raise ApiError(
                    f"There is a project named {other.stem}, which differs in capitals alone.",
                    NAME_TAKEN,
                    409,
                )
        return path


@contextmanager
def _disk(failed: str) -> Iterator[None]:
    """Turn what the disk has to complain of into a sentence that tells nothing of the machine."""
    try:
        yield
    except FileNotFoundError:
        raise SemsynthError("There is no project of this name.") from None
    except OSError as error:
        raise ApiError(f"{failed}: {error.strerror or 'the disk refuses'}.", NOT_STORED, 507) from None
