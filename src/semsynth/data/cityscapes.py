"""Cityscapes: leftImg8bit/{split}/city/*_leftImg8bit.png and gtFine/{split}/city/*_gtFine_*.png.

Synthesis uses the 35 label ids and the instance maps; evaluation the 19 classes, which `classes=19` gives.
"""

from pathlib import Path

from semsynth.data.filedataset import FileDataset
from semsynth.data.finding import list_images
from semsynth.data.pairing import pair, require
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace

CLASSES = {35: "cityscapes", 19: "cityscapes-19"}
"""Label set by number of classes."""


def load(root: Path, split: str, *, label_space: LabelSpace | None = None, classes: int = 35) -> FileDataset:
    """Load Cityscapes.

    Args:
        root: The folder that holds leftImg8bit/ and gtFine/.
        split: "train", "val" or "test"; "test" is val, since the maps of the test cities are not public.
        label_space: Another label set.
        classes: 35 label ids, or the 19 evaluation classes with 255 for void.
    """
    split = {"test": "val"}.get(split, split)
    if classes not in CLASSES:
        raise SemsynthError(f"Cityscapes has 35 label ids or 19 evaluation classes, not {classes}.")
    parts = {name: root / name / split for name in ("leftImg8bit", "gtFine")}
    missing = [f"{name}/{split}/" for name, part in parts.items() if not part.is_dir()]
    if missing:
        raise SemsynthError(f"{root}: expected {' and '.join(missing)}.")
    images = _frames(parts["leftImg8bit"], "_leftImg8bit")
    labels = _frames(parts["gtFine"], "_gtFine_labelIds")
    instances = _frames(parts["gtFine"], "_gtFine_instanceIds")
    files, left = pair(images, labels, instances)
    require(files, "city_seq_frame_leftImg8bit.png and ..._gtFine_labelIds.png", root, left)
    return FileDataset("cityscapes", files, label_space or LabelSpace.named(CLASSES[classes]), left)


def _frames(folder: Path, ending: str) -> dict[str, Path]:
    """Files of one kind by city_sequence_frame."""
    images = list_images(folder).items()
    return {Path(key).name.removesuffix(ending): path for key, path in images if key.endswith(ending)}


def looks_like(root: Path) -> bool:
    """Whether a folder is Cityscapes."""
    return (root / "leftImg8bit").is_dir() and (root / "gtFine").is_dir()
