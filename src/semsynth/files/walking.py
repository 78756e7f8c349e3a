"""Find the files below a folder: hidden ones and the droppings of other programs left out, links followed."""

from collections.abc import Iterator
from pathlib import Path

DROPPINGS = frozenset({"__MACOSX", "@eaDir", "Thumbs.db", "desktop.ini"})
"""Folders and files that archives, network drives and file managers leave among one's own."""


def is_ignored(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or made by another program for itself."""
    return name.startswith(".") or name in DROPPINGS


def walk(folder: Path, *, recursive: bool = True) -> Iterator[Path]:
    """The regular files below a folder, in order of their names, those of a folder before its folders'.

    Links to files and folders are followed, except to a folder that the link lies in.

    Args:
        folder: Where to look; it may be hidden itself.
        recursive: Whether to look into its folders too.
    """
    yield from _walk(folder, recursive, ())


def _walk(folder: Path, recursive: bool, above: tuple[tuple[int, int], ...]) -> Iterator[Path]:
    facts = folder.stat()
    here = (facts.st_dev, facts.st_ino)
    if here in above:
        return
    entries = sorted(path for path in folder.iterdir() if not is_ignored(path.name))
    yield from (path for path in entries if path.is_file())
    if recursive:
        for path in entries:
            if path.is_dir():
                yield from _walk(path, recursive, (*above, here))
