"""The layout of Pascal VOC, which CVAT, Datumaro, labelme and others export label maps in.

    root/JPEGImages/a.jpg   SegmentationClass/a.png   [ImageSets/Segmentation/{train,val}.txt]
    [SegmentationObject/a.png]   [labelmap.txt]

labelmap.txt names the classes and their colours. The lists in ImageSets/Segmentation divide the data set;
without any, everything is split "train". Without labelmap.txt, the maps hold ids, and 255 is void.
"""

from dataclasses import replace
from pathlib import Path

from semsynth.data import folder
from semsynth.data.filedataset import FileDataset
from semsynth.data.pairing import Leftovers, Paired, pair_folders, require
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes
from semsynth.files.walking import walk
from semsynth.labels import LabelSpace

PHOTOS, OBJECTS, LISTS = "JPEGImages", "SegmentationObject", "ImageSets/Segmentation"
MAPS = ("SegmentationClassPNG", "SegmentationClass")
"""Where label maps lie; the first is labelme's, beside arrays in the second."""


def load(root: Path, split: str, *, label_space: LabelSpace | None = None) -> FileDataset:
    """Load a data set in the layout of Pascal VOC.

    Args:
        root: The folder that holds JPEGImages/.
        split: "train", "val", another list of ImageSets/Segmentation, or "all".
        label_space: The label set; without it, labelmap.txt or labels.json is read.
    """
    files, left = _pairs(root)
    space = label_space or _with_void(folder.need_label_space(root))
    lists = read_lists(root)
    if split != "all":
        files, left = _listed(root, split, lists, (files, left))
    return FileDataset("voc", files, space, left)


def looks_like(root: Path) -> bool:
    """Whether a folder has the layout of Pascal VOC, with label maps."""
    return (root / PHOTOS).is_dir() and any((root / name).is_dir() for name in MAPS)


def own_labels(root: Path) -> tuple[LabelSpace | None, list[Path]]:
    """The label set the folder describes; where it describes none, the label maps it may be guessed from."""
    space = folder.find_label_space(root, ())
    if space is not None:
        return _with_void(space), []
    return None, [entry.labels for entry in _pairs(root)[0]]


def _with_void(space: LabelSpace) -> LabelSpace:
    """The label set with 255, which maps of this layout hold where nothing is labelled."""
    free = space.void_id is None and space.num_classes <= 255 and not space.file_values
    return replace(space, void_id=255) if free else space


def read_lists(root: Path) -> dict[str, list[str]]:
    """The names of the pictures of each split; {} where there are no lists, or one of everything alone."""
    place = root / LISTS
    lists: dict[str, list[str]] = {}
    for path in walk(place, recursive=False) if place.is_dir() else ():
        if path.suffix == ".txt":
            lines = read_bytes(path).decode("utf-8", "surrogateescape").removeprefix("\ufeff").splitlines()
            lists[folder.split_name(path.stem)] = [
                line.strip().strip("\"'") for line in lines if line.strip()
            ]
    return lists if set(lists) & set(folder.SPLITS) else {}


def _pairs(root: Path) -> Paired:
    maps = next((root / name for name in MAPS if (root / name).is_dir()), root / MAPS[-1])
    files, left = pair_folders(root / PHOTOS, maps, root / OBJECTS)
    require(files, f"{PHOTOS}/ and {maps.name}/ with files of the same names", root, left, maps)
    return files, left


def _listed(root: Path, split: str, lists: dict[str, list[str]], paired: Paired) -> Paired:
    """The samples that the list of a split names."""
    files, left = paired
    if not lists:
        if split == "train":
            return files, left
        raise SemsynthError(f"{root} is not divided: without lists in {LISTS}/, everything is split 'train'.")
    if split not in lists:
        raise SemsynthError(f"{root} has no split {split!r}; {LISTS}/ lists {', '.join(lists)}.")
    wanted = set(lists[split])
    notes = left.notes
    known = {entry.key for entry in files}
    if missing := [key for key in lists[split] if key not in known]:
        notes += (
            f"{len(missing)} of the {len(wanted)} pictures in the list of split {split!r} are not there, "
            f"such as {missing[0]}.",
        )
    for other, names in lists.items():
        if {split, other} == {"train", "val"} and wanted & set(names):
            shared = sorted(wanted & set(names))
            notes += (f"{len(shared)} pictures are in both train and val, such as {shared[0]}.",)
    chosen = tuple(entry for entry in files if entry.key in wanted)
    require(chosen, f"the pictures that {LISTS}/{split}.txt lists", root, Leftovers(), root / PHOTOS)
    return chosen, Leftovers(len(chosen), notes=notes)
