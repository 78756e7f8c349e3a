"""The picture files below a folder, by name."""

import re
from dataclasses import dataclass
from pathlib import Path

from semsynth.errors import SemsynthError
from semsynth.files.walking import printable, walk
from semsynth.images import IMAGE_SUFFIXES

UNREAD_PHOTOS = (
    *(".heic", ".heif", ".avif", ".jxl", ".jp2", ".exr", ".hdr", ".psd", ".svg"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".raw"),
)
"""Endings of photographs that are not read, unless they are among IMAGE_SUFFIXES."""

DESCRIPTIONS = ("labels.json", "labelmap.txt", "_classes.csv", "class_names.txt")
"""Files that describe a label set, the most telling first; the last is labelme's."""


@dataclass(frozen=True)
class Listing:
    """What lies below a folder.

    Attributes:
        images: The pictures by their path below the folder, without ending, sorted naturally.
        others: The other files; what describes a label set is not among them.
    """

    images: dict[str, Path]
    others: tuple[Path, ...] = ()


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: picture2 before picture10."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def survey(folder: Path) -> Listing:
    """List a folder; one that is not there is empty.

    Raises:
        SemsynthError: Two pictures differ only in their ending, so that it is unclear which one is meant.
    """
    if not folder.is_dir():
        return Listing({})
    images: dict[str, Path] = {}
    others: list[Path] = []
    for path in sorted(walk(folder), key=lambda path: natural_key(path.as_posix())):
        if path.suffix.lower() not in IMAGE_SUFFIXES:
            if path.name not in DESCRIPTIONS:
                others.append(path)
            continue
        key = printable(path.relative_to(folder).with_suffix("").as_posix())
        if key in images:
            raise SemsynthError(f"{images[key]} and {path} have one name; remove one of them.")
        images[key] = path
    return Listing(images, tuple(others))


def list_images(folder: Path) -> dict[str, Path]:
    """The pictures below a folder by their path without ending, see `survey`."""
    return survey(folder).images


def is_unread_photo(path: Path) -> bool:
    """Whether a file is a photograph by its ending, of a kind that is not read."""
    return path.suffix.lower() in UNREAD_PHOTOS and path.suffix.lower() not in IMAGE_SUFFIXES
