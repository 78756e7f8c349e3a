"""COCO-Stuff, as the published releases lay it out and as it is downloaded.

    root/{train,val}_img/   {train,val}_label/   [{train,val}_inst/]   [..._portrait/ for each]
    root/{train,val}2017/   stuffthingmaps/{train,val}2017/   [instancemaps/{train,val}2017/]

Photographs may also lie in images/{train,val}2017, maps in annotations/{train,val}2017. Instance maps are no
part of the download: `coco_instances.draw_instance_maps` draws them from annotations/instances_*.json.
"""

from pathlib import Path

from semsynth.data.filedataset import FileDataset
from semsynth.data.pairing import Paired, pair_folders, require, with_prefix
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents, walk
from semsynth.labels import LabelSpace

IMAGE_FOLDERS = ("images/{0}2017", "{0}2017")
LABEL_FOLDERS = ("stuffthingmaps/{0}2017", "stuffthingmaps_trainval2017/{0}2017", "annotations/{0}2017")
INSTANCE_FOLDER = "instancemaps/{0}2017"


def load(
    root: Path, split: str, *, label_space: LabelSpace | None = None, portraits: bool = True
) -> FileDataset:
    """Load COCO-Stuff.

    Args:
        root: The folder.
        split: "train", "val" or "test"; "test" is the validation photographs, as in the published releases.
        label_space: Another label set.
        portraits: Whether training adds the ..._portrait folders of the published layout, where they exist.
    """
    split = {"test": "val"}.get(split, split)
    if split not in ("train", "val"):
        raise SemsynthError(f"COCO-Stuff has the splits train and val, not {split!r}.")
    if (root / f"{split}_img").is_dir() or (root / f"{split}_label").is_dir():
        files, left = _pairs(root, split, "")
        if portraits and split == "train" and (root / "train_img_portrait").is_dir():
            more, rest = _pairs(root, split, "_portrait")
            files += with_prefix(more, "portrait")
            left += rest
    else:
        images, labels = (_first(root, names, split) for names in (IMAGE_FOLDERS, LABEL_FOLDERS))
        instances = root / INSTANCE_FOLDER.format(split)
        files, left = pair_folders(images, labels, instances)
    require(files, f"photographs and label maps of split {split}", root, left)
    return FileDataset("coco-stuff", files, label_space or LabelSpace.named("coco-stuff"), left)


def _pairs(root: Path, split: str, ending: str) -> Paired:
    parts = [root / f"{split}_{kind}{ending}" for kind in ("img", "label", "inst")]
    for part in parts[:2]:
        if not part.is_dir():
            raise SemsynthError(f"{root}: expected {part.name}/ beside {split}_img/ and {split}_label/.")
    return pair_folders(*parts)


def _first(root: Path, names: tuple[str, ...], split: str) -> Path:
    places = [root / name.format(split) for name in names]
    for place in places:
        if place.is_dir():
            return place
    wanted = " or ".join(name.format(split) + "/" for name in names)
    raise SemsynthError(
        f"{root}: expected {split}_img/ and {split}_label/, or {wanted}; found {contents(root)}."
    )


def looks_like(root: Path) -> bool:
    """Whether a folder is COCO-Stuff in either layout."""
    if any(
        (root / f"{split}_label").is_dir() and _is_coco(root / f"{split}_img") for split in ("train", "val")
    ):
        return True
    return any((root / name.format(split)).is_dir() for name in LABEL_FOLDERS for split in ("train", "val"))


def _is_coco(images: Path) -> bool:
    """Facades have the same layout; COCO's file names are twelve digits."""
    files = walk(images, recursive=False) if images.is_dir() else iter(())
    first = next((path for path in files if path.suffix == ".jpg"), None)
    return first is not None and first.stem[-12:].isdecimal() and len(first.stem) >= 12
