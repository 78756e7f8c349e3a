"""CamVid: photographs and colour-coded maps called the same, or the map with _L at the end.

root/[{train,val,test}/]{images,labels}/         maps coloured or holding ids
root/701_StillsRaw_full/  LabeledApproved_full/  the download; split "all" only
root/{train,val,test}/    {train,val,test}_labels/
"""

from pathlib import Path

from semsynth.data import folder
from semsynth.data.folder import FileDataset, list_images, pair, require
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
        images, labels = (folder.split_folders(root, split)[0] / kind for kind in ("images", "labels"))
    elif (root / f"{split}_labels").is_dir():
        images, labels = root / split, root / f"{split}_labels"
    elif split == "all" and (root / DOWNLOAD[0]).is_dir():
        images, labels = (root / name for name in DOWNLOAD)
    else:
        wanted = f"{split}/ and {split}_labels/, or {split}/images/ and {split}/labels/"
        raise SemsynthError(f"{root}: expected {wanted}; {' and '.join(DOWNLOAD)} are read as split 'all'.")
    maps = {key.removesuffix("_L"): path for key, path in list_images(labels).items()}
    files, unmatched = pair(list_images(images), maps)
    require(files, "photographs, and maps of the same names with or without _L", root, unmatched)
    return FileDataset("camvid", files, space, unmatched, palette="color")


def looks_like(root: Path) -> bool:
    """Whether a folder is CamVid as downloaded; the other layouts need the name."""
    return all((root / name).is_dir() for name in DOWNLOAD)
