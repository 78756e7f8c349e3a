"""ADE20K scene parsing (ADEChallengeData2016), and the outdoor part of it.

    root/images/{training,validation}/ADE_train_00000001.jpg
    root/annotations/{training,validation}/ADE_train_00000001.png
    root/sceneCategories.txt                                        (outdoor only)

or any tree of files whose names hold _train_ and _val_, as the published releases took it.
"""

from dataclasses import replace
from importlib import resources
from pathlib import Path

from semsynth.data.filedataset import FileDataset
from semsynth.data.pairing import Paired, pair, pair_folders, require
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_text
from semsynth.files.walking import walk
from semsynth.files.writing import write_atomically
from semsynth.labels import LabelSpace

SPLITS = {"train": ("training", "_train_"), "val": ("validation", "_val_")}
"""Folder of a split, and what its file names hold."""

NUMBERINGS = {"raw": "ade20k", "shifted": "ade20k-shifted"}
"""Label set by numbering: raw files have 0 other, 1..150; shifted is 0..149, 150 other."""


def load(
    root: Path, split: str, *, label_space: LabelSpace | None = None, numbering: str = "raw"
) -> FileDataset:
    """Load ADE20K.

    Args:
        root: The folder.
        split: "train" or "val".
        label_space: Another label set.
        numbering: "raw", which published generator weights expect, or "shifted", which some
            re-implementations train with.
    """
    if split not in SPLITS:
        raise SemsynthError(f"ADE20K has the splits train and val, not {split!r}.")
    if numbering not in NUMBERINGS:
        raise SemsynthError(f"ADE20K is numbered 'raw' or 'shifted', not {numbering!r}.")
    files, left = _pairs(root, split)
    require(files, f"images/{SPLITS[split][0]}/ and annotations/{SPLITS[split][0]}/", root, left)
    return FileDataset("ade20k", files, label_space or LabelSpace.named(NUMBERINGS[numbering]), left)


def _pairs(root: Path, split: str) -> Paired:
    name, mark = SPLITS[split]
    images, labels = root / "images" / name, root / "annotations" / name
    if images.is_dir() and labels.is_dir():
        return pair_folders(images, labels)
    pictures: dict[str, Path] = {}
    maps: dict[str, Path] = {}
    for path in walk(root):
        into = {".jpg": pictures, ".png": maps}.get(path.suffix.lower())
        if into is None or mark not in path.name:
            continue
        if path.stem in into:
            raise SemsynthError(f"{into[path.stem]} and {path} have one name; remove one of them.")
        into[path.stem] = path
    if any(stem.endswith("_seg") for stem in maps) and not set(maps) & set(pictures):
        raise SemsynthError(
            f"{root} is the full ADE20K release: its colour-coded *_seg.png and *_parts_*.png know thousands "
            f"of classes. The scene-parsing release ADEChallengeData2016, whose maps hold 0..150, is needed."
        )
    return pair(pictures, {stem: path for stem, path in maps.items() if "_parts_" not in stem})


def looks_like(root: Path) -> bool:
    """Whether a folder is ADE20K."""
    if (root / "annotations" / "training").is_dir() or (root / "annotations" / "validation").is_dir():
        return True
    levels = ("ADE_*_0*.png", "*/ADE_*_0*.png", "*/*/ADE_*_0*.png")  # not deeper: root may be anything
    return any(next(root.glob(level), None) is not None for level in levels)


def load_outdoor(
    root: Path, split: str, *, label_space: LabelSpace | None = None, numbering: str = "raw"
) -> FileDataset:
    """Load the photographs of ADE20K whose scene is outdoors by `outdoor_scenes`."""
    data = load(root, split, label_space=label_space, numbering=numbering)
    wanted = set(outdoor_keys(root))
    files = tuple(entry for entry in data.files if Path(entry.key).name in wanted)
    require(files, "photographs with an outdoor scene", root, data.left)
    return replace(data, name="ade20k-outdoor", files=files)


def outdoor_scenes() -> frozenset[str]:
    """Scene names that count as outdoors besides those that say so themselves."""
    text = resources.files("semsynth.data").joinpath("ade20k_outdoor_scenes.txt").read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))


def is_outdoor(scene: str, scenes: frozenset[str]) -> bool:
    """The rule: the scene says it is outdoors or exterior, or it is on the list."""
    return scene.endswith(("_outdoor", "exterior")) or scene in scenes


def outdoor_keys(root: Path) -> list[str]:
    """File stems of the outdoor photographs of both splits, in the order of sceneCategories.txt."""
    path = root / "sceneCategories.txt"
    if not path.exists():
        raise SemsynthError(f"{root} lacks sceneCategories.txt, which says which photographs are outdoors.")
    scenes = outdoor_scenes()
    rows = [line.split() for line in read_text(path).splitlines() if line.strip()]
    wrong = next((number for number, row in enumerate(rows, 1) if len(row) != 2), None)
    if wrong is not None:
        raise SemsynthError(f"{path}, line {wrong}: expected a file name and a scene.")
    return [key for key, scene in rows if is_outdoor(scene, scenes)]


def write_outdoor_list(root: Path, path: Path) -> int:
    """Write the outdoor photographs' names, one a line; returns how many. It is not the list of any paper."""
    keys = outdoor_keys(root)
    write_atomically(path, ("\n".join(keys) + "\n").encode())
    return len(keys)
