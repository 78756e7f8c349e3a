"""Roboflow's export of "Semantic Segmentation Masks".

    root/{train,valid,test}/a.jpg   a_mask.png   _classes.csv

The maps hold ids; _classes.csv says what they are called. A single folder of such files is split "train".
"""

from pathlib import Path

from semsynth.data import folder
from semsynth.data.filedataset import FileDataset
from semsynth.data.finding import survey
from semsynth.data.pairing import Paired, joined, pair, require
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes
from semsynth.files.walking import contents, folders
from semsynth.labels import LabelSpace

CLASSES, MASK = "_classes.csv", "_mask"


def load(root: Path, split: str, *, label_space: LabelSpace | None = None) -> FileDataset:
    """Load an export of Roboflow.

    Args:
        root: The folder that holds train/, valid/ and test/, or the files themselves.
        split: "train", "val", "test", or "all".
        label_space: Another label set than that of _classes.csv.
    """
    available = _parts(root)
    if not available:
        raise SemsynthError(f"{root}: expected a.jpg, a{MASK}.png and {CLASSES}; found {contents(root)}.")
    if split != "all" and split not in available:
        raise SemsynthError(f"{root} has no split {split!r}; found {', '.join(available)}.")
    chosen = available if split == "all" else {split: available[split]}
    space = label_space or folder.find_label_space(root, available.values())
    if space is None:
        raise SemsynthError(f"{root}: expected {CLASSES} beside the pictures, which names the classes.")
    files, left = joined({name: _pairs(place) for name, place in chosen.items()})
    require(files, f"pictures and their maps, called the same with {MASK} at the end", root, left)
    return FileDataset("roboflow", files, space, left)


def looks_like(root: Path) -> bool:
    """Whether a folder is an export of label maps from Roboflow."""
    return bool(_parts(root))


def own_labels(root: Path) -> tuple[LabelSpace | None, list[Path]]:
    """The label set that the exports of all splits agree on."""
    return folder.find_label_space(root, _parts(root).values()), []


def _parts(root: Path) -> dict[str, Path]:
    """The folders that hold such files, by split."""
    if _holds_classes(root):
        return {"train": root}
    below = folders(root) if root.is_dir() else []
    return {folder.split_name(path.name): path for path in below if _holds_classes(path)}


def _holds_classes(place: Path) -> bool:
    """Whether there is a list of pixel values; Roboflow's exports for classification have another one."""
    path = place / CLASSES
    return path.is_file() and b"pixel" in read_bytes(path).partition(b"\n")[0].lower()


def _pairs(place: Path) -> Paired:
    files = survey(place)
    maps = {key.removesuffix(MASK): path for key, path in files.images.items() if key.endswith(MASK)}
    photos = {key: path for key, path in files.images.items() if not key.endswith(MASK)}
    return pair(photos, maps, None, [path for path in files.others if path.name != CLASSES])
