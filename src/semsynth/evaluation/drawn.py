"""What a method drew, by its content: a picture that was replaced since is not evaluated in its name."""

import hashlib
from pathlib import Path

from semsynth.files.reading import read_bytes

LARGEST = 1 << 30
"""Largest picture, and longest record, in bytes."""


class PictureRecord:
    """A file with a line "sha256 key" for every picture that was drawn; lines that are damaged do not count.

    Args:
        path: The file; it is made with the first line.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        text = read_bytes(path, LARGEST).decode("utf-8", "replace") if path.is_file() else ""
        rows = (line.split(" ", 1) for line in text.splitlines())
        self._known = {row[1]: row[0] for row in rows if len(row) == 2 and len(row[0]) == 64}

    def add(self, key: str, picture: Path) -> None:
        """Record a picture that was just drawn."""
        self._known[key] = _digest(picture)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(f"{self._known[key]} {key}\n")

    def was_replaced(self, key: str, picture: Path) -> bool:
        """Whether a picture differs from what was recorded of it; one without a record does not."""
        return key in self._known and self._known[key] != _digest(picture)


def _digest(path: Path) -> str:
    return hashlib.sha256(read_bytes(path, LARGEST)).hexdigest()
