"""The data set of a run and its label set."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from semsynth.data import FileDataset, format_named, load_dataset, recognise
from semsynth.data.check import own_label_space
from semsynth.data.loader import Transform
from semsynth.data.sample import RawSample, Sample
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from semsynth.models.base import check_labels
from semsynth.training import distributed
from semsynth.training.settings import DataSettings

LABELS = "labels.json"
"""In a run folder: the label set that was made up for data without one."""


def open_dataset(data: DataSettings, label_space: LabelSpace | None, split: str | None = None) -> FileDataset:
    """The recipe's split of the data, or another one; void that has no channel is filled.

    Raises:
        SemsynthError: No such data.
    """
    options: dict[str, Any] = {"split": split or data.split, "fill_void": True, **data.options}
    if label_space is not None:
        options["label_space"] = label_space
    if data.name == "auto":
        return load_dataset(data.root, **options)
    return load_dataset(data.name, root=data.root, **options)


def choose_label_space(data: DataSettings, folder: Path, log: Callable[[str], None]) -> LabelSpace | None:
    """The label set to read the maps with; None is the data set's own.

    For a plain folder that has none, one is made up from its maps and kept in the run folder, so that the run
    goes on with the same one.

    Raises:
        SemsynthError: An unknown label set, or maps that fit none.
    """
    if data.label_set:
        file = data.label_set.endswith(".json")
        return (LabelSpace.from_file if file else LabelSpace.named)(data.label_set)
    root, kept = Path(data.root), folder / LABELS
    name = None if data.name == "auto" else data.name
    if not root.is_dir() or format_named(name or recognise(root)).own_labels is None:
        return None
    if kept.is_file():
        return LabelSpace.from_file(kept)
    space, guessed = own_label_space(root, name)
    if space is None or not guessed:
        return None
    if distributed.rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        space.save(kept)
    log(f"{root} has no labels.json; its maps look like {space.num_classes} classes, written to {kept}")
    return space


def checked(transform: Transform, num_classes: int) -> Transform:
    """A transform that also refuses ids that the networks do not know, in the thread that loads a sample."""

    def load(sample: RawSample, rng: np.random.Generator) -> Sample:
        loaded = transform(sample, rng)
        try:
            check_labels(loaded.labels[None], num_classes)
        except SemsynthError as error:
            raise SemsynthError(f"{sample.key}: {error}") from None
        return loaded

    return load
