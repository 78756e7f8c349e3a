"""Data sets that are files in folders: pairing, reading, and the plain layout for one's own pictures.

    root/                          root/
      labels.json                    labels.json
      images/     a.jpg              train/images/ train/labels/ [train/instances/]
      labels/     a.png              val/images/   val/labels/   [val/instances/]
      [instances/ a.png]

Files belong together when their paths below those folders agree up to the ending.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semsynth.data.sample import RawSample
from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.imagefile import IMAGE_SUFFIXES, read_photo
from semsynth.labels import LabelReading, LabelSpace, pack_colors, read_label_map, read_values


@dataclass(frozen=True)
class Files:
    """The files of one sample."""

    key: str
    image: Path
    labels: Path
    instances: Path | None = None


@dataclass(frozen=True)
class FileDataset:
    """Photographs and label maps paired up on disk.

    Attributes:
        name: The format it was read as.
        files: One entry per sample.
        label_space: The label set of the maps.
        unmatched: Files that were found and belong to no sample.
        resize_photos: Whether a photograph of another size than its map is resized to it instead of refused.
        palette: How indexed label files are taken, see `read_label_map`.
        fill_void: Whether `read` fills void that has no channel, see `LabelSpace.fill_void`.
        left_out: Keys of samples that were there and were left out as mostly void.
    """

    name: str
    files: tuple[Files, ...]
    label_space: LabelSpace
    unmatched: tuple[Path, ...] = ()
    resize_photos: bool = False
    palette: str = "index"
    fill_void: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def keys(self) -> Sequence[str]:
        """Names of the samples, in reading order."""
        return [entry.key for entry in self.files]

    @property
    def has_instances(self) -> bool:
        """Whether every sample has an instance map."""
        return bool(self.files) and all(entry.instances is not None for entry in self.files)

    @property
    def reading(self) -> str:
        """See `Dataset`."""
        return f"{type(self).__name__} {self.palette} {self.resize_photos} {self.fill_void}"

    def __len__(self) -> int:
        return len(self.files)

    def sources(self, index: int) -> tuple[Path, ...]:
        """The files of one sample."""
        entry = self.files[index]
        found = (entry.image, entry.labels, entry.instances if self.has_instances else None)
        return tuple(path for path in found if path is not None)

    def read(self, index: int) -> RawSample:
        """Decode one sample.

        Raises:
            SemsynthError: A file cannot be read, holds ids the label set does not have, or the sizes differ.
                Void is to be filled in a map that holds nothing else.
        """
        entry = self.files[index]
        labels = self.read_labels(index)
        if self.fill_void:
            try:
                labels = self.label_space.fill_void(labels)
            except SemsynthError as error:
                raise SemsynthError(f"{entry.labels}: {error}. largest_void leaves such maps out.") from None
        image = read_photo(entry.image, labels.shape)
        if image.shape[:2] != labels.shape:
            if not self.resize_photos:
                raise SemsynthError(
                    f"{entry.image} is {_size(image)} and its label map {entry.labels} is {_size(labels)} "
                    f"(width x height). They must agree; resize_photos=True resizes the photograph."
                )
            image = resize_photo(image, labels.shape)
        instances = None
        if self.has_instances and entry.instances is not None:
            instances = read_instance_map(entry.instances)
            if instances.shape != labels.shape:
                raise SemsynthError(
                    f"{entry.instances} is {_size(instances)} and its label map {entry.labels} is "
                    f"{_size(labels)} (width x height). They must agree."
                )
        return RawSample(image, labels, instances, entry.key)

    def read_labels(self, index: int) -> NDArray[np.int64]:
        """Decode one label map alone, void as it is stored, (H, W) int64."""
        return self.read_map(index).ids

    def read_map(self, index: int) -> LabelReading:
        """Decode one label map and say how it was read."""
        return read_label_map(self.files[index].labels, self.label_space, palette=self.palette)

    def without_instances(self) -> "FileDataset":
        """The same samples, instance maps left unread."""
        return replace(self, files=tuple(replace(entry, instances=None) for entry in self.files))

    def mostly_labelled(self, largest_void: float) -> "FileDataset":
        """The samples whose label map is void on at most this share of its pixels."""
        void = self.label_space.void_id

        def keep(index: int) -> bool:
            return float((self.read_labels(index) == void).mean()) <= largest_void

        with ThreadPoolExecutor(4) as pool:
            kept = list(pool.map(keep, range(len(self))))
        files = tuple(entry for entry, good in zip(self.files, kept) if good)
        left_out = tuple(entry.key for entry, good in zip(self.files, kept) if not good)
        return replace(self, files=files, left_out=self.left_out + left_out)


def _size(array: NDArray[np.generic]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"


def read_instance_map(path: str | Path) -> NDArray[np.int64]:
    """Read an instance map: 8-bit, 16-bit, or coded in the 24 bits of a colour.

    Returns:
        (H, W) int64; equal numbers are one instance, and nothing else is promised.
    """
    values = read_values(path).values
    return pack_colors(values) if values.ndim == 3 else values


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: picture2 before picture10."""
    parts = re.findall(r"\d+|\D+", text)
    return [(0, int(part), part) if part.isdecimal() else (1, 0, part) for part in parts]


def list_images(folder: Path) -> dict[str, Path]:
    """The image files below a folder by their path without ending, sorted naturally.

    Raises:
        SemsynthError: Two files differ only in their ending, so that it is unclear which one is meant.
    """
    found: dict[str, Path] = {}
    paths = (path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    for path in sorted(paths, key=lambda path: natural_key(path.as_posix())):
        if path.name.startswith(".") or not path.is_file():
            continue
        key = path.relative_to(folder).with_suffix("").as_posix()
        if key in found:
            raise SemsynthError(f"{found[key]} and {path} have one name; remove one of them.")
        found[key] = path
    return found


def pair(
    images: Mapping[str, Path], labels: Mapping[str, Path], instances: Mapping[str, Path] | None = None
) -> tuple[tuple[Files, ...], tuple[Path, ...]]:
    """Join photographs, label maps and instance maps of one name.

    Returns:
        The samples, in the order of `images`, and the files left over.
    """
    instances = instances or {}
    files = tuple(Files(key, images[key], labels[key], instances.get(key)) for key in images if key in labels)
    joined = {entry.key for entry in files}
    sources: Iterable[Mapping[str, Path]] = (images, labels, instances)
    return files, tuple(path for source in sources for key, path in source.items() if key not in joined)


def require(files: Sequence[Files], what: str, root: Path, unmatched: Sequence[Path] = ()) -> None:
    """Raise unless there is at least one sample."""
    if files:
        return
    names = ", ".join(str(path.relative_to(root)) for path in unmatched[:4])
    found = (
        f"found {len(unmatched)} files that do not pair up, such as {names}" if unmatched else "found none"
    )
    raise SemsynthError(f"{root}: expected {what}; {found}.")


def load(
    root: Path, split: str, *, label_space: LabelSpace | None = None, palette: str = "index"
) -> FileDataset:
    """Load the plain layout at the top of this file.

    Args:
        root: The folder.
        split: A folder below it, or "all" for every sample there is. A flat folder counts as "train".
        label_space: The label set; without it, labels.json is read.
        palette: How indexed label files are taken, see `read_label_map`.
    """
    if palette not in ("index", "color"):
        raise SemsynthError(f"palette is 'index' or 'color', not {palette!r}.")
    parts = split_folders(root, split)
    space = label_space or find_label_space(root, parts[0])
    files: list[Files] = []
    unmatched: list[Path] = []
    for part in parts:
        found, left = pair(*(list_images(part / kind) for kind in ("images", "labels", "instances")))
        prefix = f"{part.name}/" if len(parts) > 1 else ""
        files += [replace(entry, key=prefix + entry.key) for entry in found]
        unmatched += left
    require(files, "images/ and labels/ with files of the same names", root, unmatched)
    return FileDataset("folder", tuple(files), space, tuple(unmatched), palette=palette)


def looks_like(root: Path) -> bool:
    """Whether a folder has the plain layout."""
    return bool(_parts(root))


def _parts(root: Path) -> dict[str, Path]:
    """The folders that hold images/ and labels/, by the split they stand for."""
    if (root / "images").is_dir() and (root / "labels").is_dir():
        return {"train": root}
    below = sorted(path for path in root.iterdir() if path.is_dir()) if root.is_dir() else []
    return {path.name: path for path in below if (path / "images").is_dir() and (path / "labels").is_dir()}


def split_folders(root: Path, split: str) -> list[Path]:
    """The folders that make up a split of the plain layout."""
    parts = _parts(root)
    if not parts:
        found = ", ".join(sorted(path.name for path in root.iterdir())[:8]) or "nothing"
        raise SemsynthError(
            f"{root}: expected images/ and labels/, or train/ and val/ that hold them; found {found}."
        )
    if split == "all":
        return list(parts.values())
    if split not in parts:
        have = "a flat folder, which is split 'train'" if parts.get("train") == root else ", ".join(parts)
        raise SemsynthError(f"{root} has no split {split!r}; found {have}, and 'all' takes everything.")
    return [parts[split]]


def find_label_space(root: Path, part: Path) -> LabelSpace:
    """Read labels.json beside the samples or above them."""
    for path in (part / "labels.json", root / "labels.json"):
        if path.is_file():
            return LabelSpace.from_file(path)
    raise SemsynthError(
        f"{root} has no labels.json, so the meaning of the ids is unknown. "
        f"`semsynth data check {root} --write-labels {root / 'labels.json'}` writes one from what the maps "
        f"hold; or name a label set."
    )
