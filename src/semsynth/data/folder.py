"""The plain layout for one's own pictures.

    root/                          root/                           root/
      labels.json                    labels.json                     labels.json
      images/     a.jpg              train/images/ train/labels/     images/train/ images/val/
      labels/     a.png              val/images/   val/labels/       labels/train/ labels/val/
      [instances/ a.png]             [train/instances/]              [instances/train/]

Folders have other names too (KINDS, SPLITS). Files belong together when their paths below those folders
agree up to the ending, see `semsynth.data.pairing`; folders below them that are no splits belong to the path.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from semsynth.data.filedataset import FileDataset
from semsynth.data.finding import DESCRIPTIONS
from semsynth.data.pairing import Leftovers, Paired, joined, pair_folders, require
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents, folders, walk
from semsynth.images import IMAGE_SUFFIXES
from semsynth.labels import LabelSpace

KINDS = {
    "images": ("images", "image", "imgs", "img", "img_dir", "photos"),
    "labels": ("labels", "label", "masks", "mask", "ann_dir", "annotations", "label_maps"),
    "instances": ("instances",),
}
"""What the folders of photographs, label maps and instance maps are called, in small or capital letters."""

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
"""What the folders of a split are called."""


@dataclass(frozen=True)
class Part:
    """Where the files of one split lie.

    Attributes:
        images: The folder of photographs.
        labels: Of label maps.
        instances: Of instance maps; it may be missing.
        above: The folder that holds them. A description of the label set may lie there, or beside the maps.
        notes: Sentences on what lies beside and is not read.
    """

    images: Path
    labels: Path
    instances: Path
    above: Path
    notes: tuple[str, ...] = ()


def load(root: Path, split: str, *, label_space: LabelSpace | None = None) -> FileDataset:
    """Load the plain layout at the top of this file.

    Args:
        root: The folder.
        split: "train", "val", "test", another folder below it, or "all" for every sample there is. A flat
            folder counts as "train".
        label_space: The label set; without it, the file that describes it is read, such as labels.json.
    """
    chosen = choose_parts(root, split)
    space = label_space or need_label_space(root, chosen.values())
    files, left = pair_parts(root, chosen)
    return FileDataset("folder", files, space, left)


def pair_parts(root: Path, chosen: dict[str, Part]) -> Paired:
    """Join the files of some splits; with more than one, keys begin with the split.

    Raises:
        SemsynthError: Nothing pairs up.
    """
    paired: dict[str, Paired] = {}
    for name, part in chosen.items():
        own, rest = pair_folders(part.images, part.labels, part.instances)
        paired[name] = own, rest + Leftovers(notes=part.notes)
    files, left = joined(paired)
    places = [place for part in chosen.values() for place in (part.images, part.labels)]
    require(files, "images/ and labels/ with files of the same names", root, left, *places[:2])
    return files, left


def looks_like(root: Path) -> bool:
    """Whether a folder has the plain layout."""
    return bool(parts(root))


def own_labels(root: Path) -> tuple[LabelSpace | None, list[Path]]:
    """The label set a folder describes; where it describes none, the label maps it may be guessed from."""
    chosen = choose_parts(root, "all")
    space = find_label_space(root, _described(chosen.values()))
    if space is not None:
        return space, []
    return None, [entry.labels for entry in pair_parts(root, chosen)[0]]


def parts(root: Path) -> dict[str, Part]:
    """Where the files lie, by split; {} where a folder has not this layout."""
    if not root.is_dir():
        return {}
    whole = _part(root)
    if whole is not None:
        return _by_split(whole) or {"train": whole}
    by_split: dict[str, Part] = {}
    for folder in folders(root):
        part = _part(folder)
        if part is not None:
            name = split_name(folder.name)
            by_split[folder.name if name in by_split else name] = part
    return {name: by_split[name] for name in sorted(by_split, key=_rank)}


def split_name(name: str) -> str:
    """The split a folder stands for; a name nobody uses stands for itself."""
    return next((split for split, names in SPLITS.items() if name.casefold() in names), name)


def _rank(split: str) -> tuple[int, str]:
    """Training first, then the others as people know them, then by name."""
    return (list(SPLITS).index(split) if split in SPLITS else len(SPLITS), split)


def _part(folder: Path) -> Part | None:
    """The folders of photographs and label maps in a folder, if it holds both."""
    here = folders(folder)
    named = {kind: _named(here, names) for kind, names in KINDS.items()}
    if not named["images"] or not named["labels"]:
        return None
    notes = tuple(
        f"{folder / others[0].name} is taken for {kind}; {other.name} beside it is not read."
        for kind, others in named.items()
        for other in others[1:]
    )
    instances = (named["instances"] or [folder / "instances"])[0]
    return Part(named["images"][0], named["labels"][0], instances, folder, notes)


def _named(here: list[Path], names: tuple[str, ...]) -> list[Path]:
    """Folders of these names, in the order of the names."""
    return [path for name in names for path in here if path.name.casefold() == name]


def _by_split(whole: Part) -> dict[str, Part]:
    """The splits below the folders of photographs and label maps; {} where there are none below both."""
    photos, maps, drawn = (_splits_in(place) for place in (whole.images, whole.labels, whole.instances))
    both = [split for split in SPLITS if split in photos and split in maps]
    if not both:
        return {}
    notes = whole.notes
    for ours, theirs, place in ((photos, maps, whole.labels), (maps, photos, whole.images)):
        notes += tuple(
            f"{ours[split]} is not read: {place} has no folder for split {split!r}."
            for split in ours
            if split not in theirs
        )
    for place, used in ((whole.images, photos), (whole.labels, maps)):
        beside = [path.name for path in folders(place) if path not in used.values()]
        files = walk(place, recursive=False)
        beside += [path.name for path in files if path.suffix.lower() in IMAGE_SUFFIXES][:1]
        if beside:
            notes += (f"{place} is divided into splits; what lies beside them is not read: {beside[0]}.",)
    missing = whole.instances / "none"
    return {
        split: Part(photos[split], maps[split], drawn.get(split, missing), whole.above, notes)
        for split in both
    }


def _splits_in(folder: Path) -> dict[str, Path]:
    """The folders of splits in a folder, by split."""
    if not folder.is_dir():
        return {}
    return {split_name(path.name): path for path in folders(folder) if split_name(path.name) in SPLITS}


def choose_parts(root: Path, split: str) -> dict[str, Part]:
    """The folders that make up a split of the plain layout.

    Raises:
        SemsynthError: The folder has not this layout, or not this split.
    """
    splits = parts(root)
    if not splits:
        raise SemsynthError(
            f"{root}: expected images/ and labels/, or train/ and val/ that hold them; found "
            f"{contents(root)}."
        )
    if split == "all":
        return splits
    if split not in splits:
        flat = next(iter(splits.values())).images.parent == root
        have = "a flat folder, which is split 'train'" if flat else ", ".join(splits)
        only = next(iter(splits.values())).above
        hint = "" if flat or len(splits) > 1 or set(splits) & set(SPLITS) else f" Or give {only} itself."
        raise SemsynthError(f"{root} has no split {split!r}; found {have}, and 'all' takes everything.{hint}")
    return {split: splits[split]}


def find_label_space(root: Path, places: Iterable[Path]) -> LabelSpace | None:
    """The label set that a file describes which lies in the folder, above the samples, or beside the maps.

    Raises:
        SemsynthError: The file cannot be used, or there are several that say different things.
    """
    spaces: dict[Path, LabelSpace] = {}
    for place in dict.fromkeys((*places, root)):
        for name in DESCRIPTIONS:
            if (place / name).is_file() and (place != root or not spaces):
                spaces[place / name] = LabelSpace.from_file(place / name)
                break
    first = next(iter(spaces), None)
    for path, space in spaces.items():
        if first is not None and space.to_dict() != spaces[first].to_dict():
            raise SemsynthError(f"{first} and {path} describe different label sets; make them one.")
    return None if first is None else spaces[first]


def _described(chosen: Iterable[Part]) -> list[Path]:
    """The folders in which a label set may be described: above the samples, and beside the maps."""
    return [place for part in chosen for place in (part.above, part.labels)]


def need_label_space(root: Path, chosen: Iterable[Part] = ()) -> LabelSpace:
    """The label set that a folder describes, see `find_label_space`.

    Raises:
        SemsynthError: It describes none; it says how to make one.
    """
    space = find_label_space(root, _described(chosen))
    if space is None:
        raise SemsynthError(
            f"{root} has no labels.json, so the meaning of the ids is unknown. "
            f"`semsynth data check {root} --write-labels {root / 'labels.json'}` writes one from what the "
            f"maps hold; or name a label set (--label-set; in training, --data.label_set)."
        )
    return space
