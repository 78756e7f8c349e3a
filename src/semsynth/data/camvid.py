"""CamVid: photographs and colour-coded maps called the same, or the map with _L at the end.

root/[{train,val,test}/]{images,labels}/         maps coloured or holding ids
root/701_StillsRaw_full/  LabeledApproved_full/  the download; split "all" only
root/{train,val,test}/    {train,val,test}_labels/
"""

from pathlib import Path

from semsynth.data import folder
from semsynth.data.filedataset import FileDataset
from semsynth.data.finding import list_images
from semsynth.data.pairing import Paired, joined, pair, require
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace

DOWNLOAD = ("701_StillsRaw_full", "LabeledApproved_full")


def load(root: Path, split: str, *, label_space: LabelSpace | None = None) -> FileDataset:
    """Load CamVid.

    Args:
        root: The folder.
        split: "train", "val", "test", or "all". The download itself is not divided: only "all" reads it.
        label_space: Another label set; the 32 classes by default.
    """
    space = label_space or LabelSpace.named("camvid")
    if folder.looks_like(root):
        places = {name: (part.images, part.labels) for name, part in folder.choose_parts(root, split).items()}
    elif (root / f"{split}_labels").is_dir():
        places = {split: (root / split, root / f"{split}_labels")}
    elif split == "all" and (root / DOWNLOAD[0]).is_dir():
        places = {split: (root / DOWNLOAD[0], root / DOWNLOAD[1])}
    else:
        wanted = f"{split}/ and {split}_labels/, or {split}/images/ and {split}/labels/"
        raise SemsynthError(f"{root}: expected {wanted}; {' and '.join(DOWNLOAD)} are read as split 'all'.")
    files, left = joined({name: _pairs(*folders) for name, folders in places.items()})
    require(files, "photographs, and maps of the same names with or without _L", root, left)
    return FileDataset("camvid", files, space, left, palette="color")


def _pairs(images: Path, labels: Path) -> Paired:
    maps = {key.removesuffix("_L"): path for key, path in list_images(labels).items()}
    return pair(list_images(images), maps)


def looks_like(root: Path) -> bool:
    """Whether a folder is CamVid as downloaded; the other layouts need the name."""
    return all((root / name).is_dir() for name in DOWNLOAD)
