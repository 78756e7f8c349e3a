"""Look through a data set before training on it, and say what was found in words."""

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from semsynth.data import FileDataset, format_named, load_dataset, recognise
from semsynth.data.guess import guess_label_space
from semsynth.data.report import MOSTLY_VOID, CheckReport, SplitReport
from semsynth.errors import SemsynthError
from semsynth.files.walking import printable, real_path
from semsynth.images import PhotoReading
from semsynth.labels import LabelReading, LabelSpace

HAVE_TEST = ("folder", "camvid", "voc", "roboflow")
"""Formats that may have a split "test" of its own."""
MOST_PIXELS = 1 << 26
"""How many pixels of label maps are decoded at a time, by all threads together."""


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
    if label_space is None:
        label_space, guessed = own_label_space(root, name)
    loaded: list[tuple[str, FileDataset]] = []
    errors: list[SemsynthError] = []
    for split in splits or ("train", "val", "test"):
        if splits is None and split == "test" and loaded and name not in HAVE_TEST:
            continue  # elsewhere "test" is another word for val
        try:
            data = load_dataset(
                name, root=root, split=split, label_space=label_space, fill_void=True, **options
            )
            loaded.append((split, data))
        except SemsynthError as error:
            errors.append(error)
    if not loaded:
        raise errors[0]
    parts = [check_split(split, data, partial(report, split)) for split, data in loaded]
    space = loaded[0][1].label_space
    has_instances = all(data.has_instances for _, data in loaded)
    return CheckReport(root, name, space, guessed, has_instances, parts)


def own_label_space(root: Path, format: str | None = None) -> tuple[LabelSpace | None, bool]:
    """The label set that a data set brings along, and whether it had to be guessed from all of its maps.

    Returns:
        None where the format itself has one.

    Raises:
        SemsynthError: A description that cannot be used, or maps that fit no label set.
    """
    own_labels = format_named(format or recognise(root)).own_labels
    if own_labels is None:
        return None, False
    space, maps = own_labels(root)
    if space is not None or not maps:
        return space, False
    return guess_label_space(_readable(maps), name=f"{printable(real_path(root).name)}-guess"), True


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
    out = SplitReport(split, len(data), left_out=list(data.left_out), usage=data.left.sentences())
    out.unmatched = [str(path) for path in data.left.unmatched]
    budget = PixelBudget(MOST_PIXELS)

    def look(index: int) -> Look | str:
        with budget.for_pixels(_pixels(data.files[index].labels)):
            return _look(data, index)

    with ThreadPoolExecutor(4) as pool:
        for index, seen in enumerate(pool.map(look, range(len(data)))):
            _count(out, data, index, seen)
            report(index + 1, len(data))
    return out


class PixelBudget:
    """Lets threads in as long as all of them together decode at most so many pixels."""

    def __init__(self, most: int) -> None:
        self._most, self._free = most, most
        self._change = threading.Condition()

    @contextmanager
    def for_pixels(self, wanted: int) -> Iterator[None]:
        """Wait until there is room for so many pixels; more than fit at all come in alone."""
        wanted = min(wanted, self._most)
        with self._change:
            self._change.wait_for(lambda: wanted <= self._free)
            self._free -= wanted
        try:
            yield
        finally:
            with self._change:
                self._free += wanted
                self._change.notify_all()


def _pixels(path: Path) -> int:
    """How many pixels a picture has by its header; 0 where that cannot be read."""
    try:
        with Image.open(path) as image:
            return image.width * image.height
    except Exception:  # whatever is wrong with it is said when it is read
        return 0


@dataclass(frozen=True)
class Look:
    """What is kept of one sample that was read: no pixels.

    Attributes:
        counts: Pixels by class id.
        size: Height and width.
        labels: How the label map was read, without its ids.
        photo: How the photograph was read, without its pixels.
    """

    counts: dict[int, int]
    size: tuple[int, ...]
    labels: LabelReading
    photo: PhotoReading


def _look(data: FileDataset, index: int) -> Look | str:
    """Read one sample whole; the sentence where that fails."""
    try:
        sample = data.examine(index)
    except SemsynthError as error:
        return str(error)
    except Exception as error:  # one file must not end the check of the others
        return f"{data.files[index].labels}: {type(error).__name__}: {error}"
    labels, photo = sample.labels, sample.photo
    no_ids, no_pixels = labels.ids[:0], photo.pixels[:0]
    counts, size = labels.counts(), labels.ids.shape
    return Look(counts, size, replace(labels, ids=no_ids.copy()), replace(photo, pixels=no_pixels.copy()))


def _count(out: SplitReport, data: FileDataset, index: int, look: Look | str) -> None:
    if isinstance(look, str):
        out.problems.append(look)
        return
    entry, labels, photo = data.files[index], look.labels, look.photo
    out.pixels.update(look.counts)
    out.samples_with.update(look.counts.keys())
    out.sizes[f"{look.size[1]} x {look.size[0]}"] += 1
    out.map_modes[f"{labels.mode} {entry.labels.suffix[1:]}"] += 1
    out.photo_modes[f"{photo.mode} {entry.image.suffix[1:]}"] += 1
    out.repaired += labels.repaired
    for number, color in () if labels.by_color else labels.drawn.items():
        out.drawn.setdefault(number, {}).setdefault(color, str(entry.labels))
    if photo.undecided:
        out.turned.append(f"{entry.image} (tag {photo.orientation})")
    for note in (*labels.notes, *photo.notes):
        # Sentences that count pixels differ from file to file: the first of a kind stands for all.
        kind = re.sub(r"\d[\d,.]*|'.*?'|#\w+", "", note)
        out.notes[out.kinds.setdefault(kind, note)] += 1
    void = data.label_space.void_id
    if void is not None and look.counts.get(void, 0) > MOSTLY_VOID * sum(look.counts.values()):
        out.mostly_void.append(entry.key)
