"""Continuing a run: what may have changed since, and what may not."""

import dataclasses
import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from semsynth.data import Dataset
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_json
from semsynth.hub import compat
from semsynth.training import distributed
from semsynth.training.objectives.base import Networks
from semsynth.training.settings import Recipe, flat
from semsynth.training.state import TrainState

_OF_THE_RUN = (
    "images recompute workers log_images sample_images checkpoint_images keep keep_discriminator tensorboard "
    "start_from"
)
INDIFFERENT = {"data.root", "data.cache", "stages", *(f"run.{name}" for name in _OF_THE_RUN.split())}
"""Settings that may differ in a finished run: they change how it was trained, not what was learned."""

_LONGEST = 60  # characters of a value in a sentence


def record_settings(folder: Path, recipe: Recipe, images_seen: int, log: Callable[[str], None]) -> None:
    """Compare the recipe with the settings of the run so far; log what changed, and keep the old ones.

    The settings so far are those of config.json in the run's folder; after 0 pictures the run begins.

    Raises:
        SemsynthError: The run is finished, and was trained with other settings.
    """
    path = folder / "config.json"
    if not images_seen or not path.exists():
        return
    try:
        before = dict(flat(compat.run_settings(read_json(path), recipe.objective)))
    except (SemsynthError, AttributeError, RecursionError):  # no JSON, no table, or one without end
        log(f"{path} is damaged and is written again; what changed in the settings is not known.")
        return
    now, default = (dict(flat(json.loads(json.dumps(dataclasses.asdict(r))))) for r in (recipe, Recipe()))
    before = {name: value for name, value in default.items() if name in now} | before  # newer settings
    changed = [name for name in sorted(before | now) if before.get(name) != now.get(name)]
    if not changed:
        return
    listed = "; ".join(
        f"{name} is {_short(now.get(name))}, was {_short(before.get(name))}" for name in changed
    )
    if images_seen >= recipe.total_images() and not INDIFFERENT.issuperset(changed):
        raise SemsynthError(
            f"{folder} holds a finished run of {images_seen} pictures with other settings: {listed}. Choose "
            "another folder (-o FOLDER), or more pictures (--run.images) to go on with these settings."
        )
    log(f"settings changed: {listed}")
    aside = folder / f"config-until-{images_seen:010d}.json"
    if not aside.exists():  # else settings that nothing was trained with would displace those of the run
        path.replace(aside)


def check_feature_network(before: Sequence[str], now: Sequence[str]) -> None:
    """Refuse to go on with losses on another feature network, as when "auto" finds a file that was not there.

    Raises:
        SemsynthError: The networks before and now differ.
    """
    if before and now and list(before) != list(now):
        raise SemsynthError(
            f"This run's losses use the feature network {', '.join(before)}, and would use {', '.join(now)} "
            f"from now on; add --objective.perceptual_network {before[0]}, or choose another folder "
            "(-o FOLDER)."
        )


class DataChangedError(SemsynthError):
    """A run cannot go on with its data, but another one can start from it."""


def restore(
    state: TrainState, saved: dict[str, Any], dataset: Dataset, folder: Path, log: Callable[[str], None]
) -> None:
    """Continue a run from its newest checkpoint `saved`: the fresh state is changed to that.

    Raises:
        SemsynthError: The checkpoint is of other networks, data or frozen networks in the losses, or does not
            hold what a run saves.
    """
    try:
        check_data(saved, dataset, folder, log)
        check_feature_network(saved.get("loss_networks", []), list(state.objective.loss_networks()))
        state.load_state_dict(saved, folder)
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        raise SemsynthError(
            f"The newest checkpoint in {folder / 'checkpoints'} does not hold what this version of semsynth "
            f"saves ({type(error).__name__}: {reason}). Choose another folder (-o FOLDER)."
        ) from error
    log(f"Going on from {state.images_seen} pictures.")


def check_data(state: Mapping[str, Any], dataset: Dataset, folder: Path, log: Callable[[str], None]) -> None:
    """Refuse to go on with other classes or another number of pictures; say where files have changed.

    Raises:
        DataChangedError: The run cannot go on with this data; it names the setting with which another can.
    """
    anew = (
        "To train on with its weights, start a new run from it: the same command with "
        f"-o NEW_FOLDER --run.start_from {shlex.quote(str(folder))}"
    )
    then, now = list(state.get("classes", dataset.label_space.names)), list(dataset.label_space.names)
    if then != now:
        if len(then) != len(now):
            changed = f"the run has {len(then)} classes, the data has {len(now)} now"
        else:
            i = next(i for i in range(len(now)) if then[i] != now[i])
            changed = f"class {i} of {len(now)} was {then[i]!r}, and is {now[i]!r} now"
        if len(then) != len(now) or set(then) & {b for a, b in zip(then, now) if a != b}:
            raise DataChangedError(f"The classes of {folder} have changed: {changed}. {anew}.")
        log(f"Classes were renamed since the last checkpoint: {changed}.")
    samples = state["sampler"]["num_samples"]
    if samples != len(dataset):
        raise DataChangedError(
            f"The data set has {len(dataset)} pictures now; the run in {folder} began with {samples}, and "
            f"its order cannot be continued. {anew}."
        )
    if state.get("data", fingerprint(dataset)) != fingerprint(dataset):
        log("Photographs or label maps have changed since the last checkpoint; the run goes on with them.")


def fingerprint(dataset: Dataset) -> str:
    """Digits that change with the files of a data set, wherever it lies."""
    digest = hashlib.sha256()
    for i, key in enumerate(dataset.keys):
        for path in dataset.sources(i):
            facts = path.stat()
            digest.update(f"{key}|{facts.st_size}|{facts.st_mtime_ns}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


def check_ranks_agree(images_seen: int, networks: Networks) -> None:
    """Refuse to train where processes begin with different weights, such as those of different disks.

    Raises:
        SemsynthError: They do.
    """
    if distributed.world() == 1:
        return
    digest = hashlib.sha256()
    for module in networks.modules().values():
        for value in module.state_dict().values():
            digest.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy())
    begins = distributed.gather((images_seen, digest.hexdigest()))
    if len(set(begins)) > 1:
        seen = ", ".join(str(pictures) for pictures, _ in begins)
        raise SemsynthError(
            f"The processes begin with different weights (after {seen} pictures): every machine needs the "
            "same run folder and the same run.start_from; share the folder, or copy it to each."
        )


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST else text[:_LONGEST] + "..."
