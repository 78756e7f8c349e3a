"""Look through a data set before training on it, and say what was found in words."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semsynth.data import FileDataset, folder, load_dataset, recognise
from semsynth.data.guess import guess_label_space
from semsynth.errors import SemsynthError
from semsynth.labels import LabelReading, LabelSpace

MOSTLY_VOID = 0.5
"""A photograph is listed as mostly void above this share."""


@dataclass
class SplitReport:
    """What one split holds.

    Attributes:
        split: Its name.
        samples: How many pairs there are.
        pixels: Pixels by class id.
        samples_with: Samples by class id in which the class occurs.
        sizes: Samples by size, "width x height".
        map_modes: Label files by mode and kind, such as "L png".
        photo_modes: The same of photographs.
        repaired: Pixels whose colour had to be repaired.
        problems: Sentences about files that cannot be used.
        notes: Sentences about maps that can, with how many files each concerns.
        unmatched: Files that belong to no sample.
        left_out: Keys of samples the format leaves out of this split, because they are mostly void.
        mostly_void: Keys of samples more than half of which is void.
    """

    split: str
    samples: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    samples_with: Counter[int] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    map_modes: Counter[str] = field(default_factory=Counter)
    photo_modes: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    unmatched: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    mostly_void: list[str] = field(default_factory=list)


@dataclass
class CheckReport:
    """What a data set holds, and what to do with it.

    Attributes:
        root: The folder.
        format: The layout it was read as.
        label_space: The label set in use, guessed where `guessed`.
        guessed: Whether the label set was made up from the maps.
        has_instances: Whether there are instance maps for every sample.
        splits: One report a split.
    """

    root: Path
    format: str
    label_space: LabelSpace
    guessed: bool
    has_instances: bool
    splits: list[SplitReport]

    @property
    def usable(self) -> bool:
        """Whether every sample can be read."""
        return not any(part.problems for part in self.splits)

    def void_share(self) -> float:
        """Share of all pixels that are void, 0..1."""
        total = sum(part.pixels.total() for part in self.splits)
        void = self.label_space.void_id
        return sum(part.pixels[void] for part in self.splits) / total if void is not None and total else 0.0

    def advice(self) -> list[str]:
        """Sentences on how to train with this."""
        space = self.label_space
        lines = [
            f"Train with format {self.format!r}, {space.num_classes} classes (label set {space.name!r})."
        ]
        if self.guessed:
            lines.append("The label set is a guess: save it with --write-labels, then name its classes.")
        if self.has_instances:
            lines.append("Instance maps are present: their boundaries can be given to the generator.")
        else:
            lines.append("There are no instance maps (or not for every sample): train without.")
        sizes = Counter[str]()
        for part in self.splits:
            sizes += part.sizes
        if len(sizes) > 1:
            lines.append("Sizes differ: use a geometry that crops or resizes to one size.")
        unused = space.num_classes - len({i for part in self.splits for i in part.pixels})
        if unused > 0:
            lines.append(f"{unused} of the classes occur nowhere; a generator cannot learn to paint them.")
        if any(part.mostly_void for part in self.splits):
            lines.append(f"largest_void={MOSTLY_VOID} leaves out what is mostly void.")
        if not self.usable:
            lines.append("Files with problems stop a training run: mend or remove them first.")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "root": str(self.root),
            "format": self.format,
            "label_set": self.label_space.to_dict(),
            "guessed": self.guessed,
            "has_instances": self.has_instances,
            "usable": self.usable,
            "void_share": self.void_share(),
            "advice": self.advice(),
            "splits": [
                {name: dict(v) if isinstance(v, Counter) else v for name, v in vars(part).items()}
                for part in self.splits
            ],
        }


def check(
    root: str | Path,
    *,
    format: str | None = None,
    splits: tuple[str, ...] | None = None,
    label_space: LabelSpace | None = None,
    report: Callable[[str, int, int], None] = lambda split, done, total: None,
    **options: Any,
) -> CheckReport:
    """Read every file of a data set and report.

    Args:
        root: The folder.
        format: One of FORMATS; recognised by default.
        splits: Which splits; by default every one of train, val and test that is there.
        label_space: Another label set; without any, one is guessed from the maps.
        report: Called with the split, samples done and samples in all.
        **options: Passed to the format.

    Raises:
        SemsynthError: Nothing of a data set is there at all.
    """
    root = Path(root)
    name = format or recognise(root)
    guessed = False
    if name == "folder" and label_space is None:
        label_space, guessed = own_label_space(root)
    found: list[tuple[str, FileDataset]] = []
    errors: list[SemsynthError] = []
    for split in splits or ("train", "val", "test"):
        if splits is None and split == "test" and found and name not in ("folder", "camvid"):
            continue  # elsewhere "test" is another word for val
        try:
            data = load_dataset(
                name, root=root, split=split, label_space=label_space, fill_void=True, **options
            )
            found.append((split, data))
        except SemsynthError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    parts = [check_split(split, data, partial(report, split)) for split, data in found]
    space = found[0][1].label_space
    has_instances = all(data.has_instances for _, data in found)
    return CheckReport(root, name, space, guessed, has_instances, parts)


def own_label_space(root: Path) -> tuple[LabelSpace, bool]:
    """The label set of a plain folder, and whether it had to be guessed from all of its maps.

    Raises:
        SemsynthError: a labels.json that cannot be used, or maps that fit no label set.
    """
    parts = folder.split_folders(root, "all")
    try:
        return folder.find_label_space(root, parts[0]), False
    except SemsynthError:
        if any((place / "labels.json").exists() for place in (root, parts[0])):
            raise
    maps = [path for part in parts for path in folder.list_images(part / "labels").values()]
    return guess_label_space(_readable(maps), name=f"{root.resolve().name}-guess"), True


def _readable(maps: list[Path]) -> list[Path]:
    """Files that open at all; the others are reported with their sample."""

    def opens(path: Path) -> bool:
        try:
            with Image.open(path) as image:
                image.verify()
        except Exception:  # whatever is wrong with it, `check_split` says so
            return False
        return True

    return [path for path in maps if opens(path)]


def check_split(split: str, data: FileDataset, report: Callable[[int, int], None]) -> SplitReport:
    """Read every sample of one split."""
    out = SplitReport(split, len(data), left_out=list(data.left_out))
    out.unmatched = [str(path) for path in data.unmatched]
    with ThreadPoolExecutor(4) as pool:
        results = pool.map(lambda index: _look(data, index), range(len(data)))
        for index, result in enumerate(results):
            _count(out, data, index, result)
            report(index + 1, len(data))
    return out


def _look(data: FileDataset, index: int) -> LabelReading | str:
    """Read one sample whole; the sentence where that fails."""
    try:
        data.read(index)
        return data.read_map(index)
    except SemsynthError as error:
        return str(error)


def _count(out: SplitReport, data: FileDataset, index: int, result: LabelReading | str) -> None:
    if isinstance(result, str):
        out.problems.append(result)
        return
    entry = data.files[index]
    found, counts = np.unique(result.ids, return_counts=True)
    here = dict(zip(found.tolist(), counts.tolist()))
    out.pixels.update(here)
    out.samples_with.update(here.keys())
    out.sizes[f"{result.ids.shape[1]} x {result.ids.shape[0]}"] += 1
    out.map_modes[f"{result.mode} {entry.labels.suffix[1:]}"] += 1
    with Image.open(entry.image) as image:
        out.photo_modes[f"{image.mode} {entry.image.suffix[1:]}"] += 1
    out.repaired += result.repaired
    # Sentences that count pixels differ from file to file; what they have in common is counted instead.
    out.notes.update(
        "Some pixels had no exact class colour." if "exact" in note else note for note in result.notes
    )
    void = data.label_space.void_id
    if void is not None and here.get(void, 0) > MOSTLY_VOID * result.ids.size:
        out.mostly_void.append(entry.key)
