"""Find the files below a folder: hidden ones and the droppings of other programs left out, links followed."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

from semsynth.errors import SemsynthError

DROPPINGS = frozenset({"__MACOSX", "@eaDir", "#recycle", "Thumbs.db", "desktop.ini"})
"""Folders and files that archives, network drives and file managers leave among one's own."""

MOST_COUNTED = 20_000
"""How many files `contents` looks at."""

Entry = tuple[Literal["file", "folder", "ignored", "broken link"], Path]


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or made by another program for itself."""
    return name.startswith(".") or name in DROPPINGS


def printable(name: str | Path) -> str:
    r"""A file name as text that UTF-8 can hold: bytes that are not UTF-8 become \xNN.

    Names from archives made under another encoding reach Python with lone surrogates in them, which neither
    JSON in UTF-8, nor PNG text, nor most terminals can hold.
    """
    text = str(name)
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that stands for no byte: names on Windows may hold any
        return text.encode("utf-8", "backslashreplace").decode("utf-8")


def real_path(path: Path) -> Path:
    """The absolute path without links; `Path.resolve` raises RuntimeError at links that lead in a circle."""
    return Path(os.path.realpath(path))


def walk(folder: Path, *, recursive: bool = True) -> Iterator[Path]:
    """The regular files below a folder, in order of their names, those of a folder before its folders'.

    Links to files and folders are followed, except to a folder that the link lies in.

    Args:
        folder: Where to look; it may be hidden itself.
        recursive: Whether to look into its folders too.

    Raises:
        SemsynthError: A folder cannot be listed.
    """
    return (path for kind, path in _entries(folder, recursive, ()) if kind == "file")


def folders(folder: Path) -> list[Path]:
    """The folders in a folder, by name; what `walk` ignores is left out."""
    return [path for kind, path in _entries(folder, False, ()) if kind == "folder"]


def contents(folder: Path) -> str:
    """What lies in a folder, in words, for a sentence that says what was not found there."""
    if not folder.is_dir():
        return "a file" if folder.exists() else "no such folder"
    names: dict[str, list[str]] = {"folder": [], "ignored": [], "broken link": []}
    endings: Counter[str] = Counter()
    for kind, path in islice(_entries(folder, True, ()), MOST_COUNTED):
        if kind == "file":
            endings[path.suffix.lower() or "no ending"] += 1
        elif kind != "folder" or path.parent == folder:
            names[kind].append(path.name)
    parts = []
    if names["folder"]:
        parts.append(f"folders: {_listed(names['folder'])}")
    if endings:
        parts.append("files: " + ", ".join(f"{ending} ({count})" for ending, count in endings.most_common(6)))
    if names["broken link"]:
        parts.append(f"links that lead nowhere: {_listed(names['broken link'])}")
    if names["ignored"]:
        parts.append(f"hidden or foreign entries, which are not looked at: {_listed(names['ignored'])}")
    return "; ".join(parts) or "nothing"


def _listed(names: list[str], most: int = 8) -> str:
    different = list(dict.fromkeys(names))
    more = f" and {len(different) - most} more" if len(different) > most else ""
    return ", ".join(different[:most]) + more


def _entries(folder: Path, recursive: bool, above: tuple[tuple[int, int], ...]) -> Iterator[Entry]:
    try:
        facts = folder.stat()
        here = (facts.st_dev, facts.st_ino)
        if here in above:
            return
        entries = sorted(folder.iterdir())
    except OSError as error:
        raise SemsynthError(f"The folder {folder} cannot be read: {error.strerror or error}.") from None
    below = []
    for path in entries:
        if is_ignored(path.name):
            yield "ignored", path
        elif path.is_file():
            yield "file", path
        elif path.is_dir():
            below.append(path)
        elif path.is_symlink():
            yield "broken link", path
    for path in below:
        yield "folder", path
        if recursive:
            yield from _entries(path, recursive, (*above, here))
