"""The training loop: one function, read from top to bottom."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

from semsynth import hub
from semsynth.data.cache import cached
from semsynth.data.loader import ShardedSampler, batches
from semsynth.data.transforms import Geometry
from semsynth.device import choose, isolated, keep_heap, training_dtype
from semsynth.files.claiming import claimed
from semsynth.files.writing import write_atomically
from semsynth.training import distributed
from semsynth.training.checkpoints import clean_up, load_newest, save_checkpoint
from semsynth.training.data import checked, choose_label_space, open_dataset
from semsynth.training.log import MetricsLog, describe_environment, plot_curves
from semsynth.training.objective import build_networks
from semsynth.training.objectives.base import GeneratorResult, Losses, TrainingContext
from semsynth.training.resume import check_ranks_agree, fingerprint, record_settings, restore
from semsynth.training.samples import fixed_batch, write_samples
from semsynth.training.settings import Recipe, Stage
from semsynth.training.state import TrainState, inference_networks, is_current, kept_discriminator, model_of
from semsynth.training.steps import (
    backward,
    check_batches,
    forward_context,
    learning_rate,
    set_trainable,
    split,
    stages_left,
    step_seed,
    update,
)
from semsynth.training.warm_start import start_from

WITHIN = ("checkpoints", "samples")
"""Folders in a run folder whose files are written one by one."""
NEEDS = ("sampler", "networks", "averaged", "optimizers")
"""What a checkpoint of a run must hold."""


@isolated()
def train(
    recipe: Recipe,
    folder: Path,
    *,
    device: str = "auto",
    report: Callable[[int, int, dict[str, Any]], None] = lambda *_: None,
    log: Callable[[str], None] = lambda _: None,
) -> Path:
    """Train, or continue a run, until the recipe's number of pictures has been seen.

    The folder gets config.json, environment.txt, log.jsonl, curves.png, checkpoints/, samples/ and model/,
    a model folder of the averaged networks. A folder with checkpoints is continued, exactly as if the run had
    never stopped. An interrupt (Ctrl-C, SIGTERM) ends the step, writes a checkpoint and returns.

    Args:
        recipe: The settings.
        folder: Of the run.
        device: "auto", "cpu", "cuda", "mps".
        report: Called after every step with the pictures seen, pictures in all, the latest line of the log.
        log: Called with a sentence for each thing that happens.

    Returns:
        The model folder.

    Raises:
        SemsynthError: Unusable settings or data, a full disk, a loss that is not a number, another process
            of the run that has ended.
    """
    with (
        distributed.joined() as (rank, world),
        claimed(folder, "trains", WITHIN) if rank == 0 else contextlib.nullcontext(),
    ):
        return _train(recipe, folder, device, report, log if rank == 0 else lambda _: None, rank, world)


def _train(
    recipe: Recipe,
    folder: Path,
    device: str,
    report: Callable[[int, int, dict[str, Any]], None],
    log: Callable[[str], None],
    rank: int,
    world: int,
) -> Path:
    """The run of one process; see `train`."""
    # Where to compute.
    main, run = rank == 0, recipe.run
    target = choose(device)
    precision = training_dtype(run.precision, target, log)
    keep_heap()

    # What to learn from.
    dataset = open_dataset(recipe.data, choose_label_space(recipe.data, folder, log))
    for sentence in dataset.left.sentences():
        log(sentence)
    space = dataset.label_space
    check_batches(recipe, len(dataset), world)

    # Networks, losses and optimizers: fresh, from another run, or from this run's newest checkpoint.
    saved = load_newest(folder / "checkpoints", log, NEEDS)
    networks = build_networks(recipe, space.num_classes, dataset.has_instances)
    if run.recompute:
        networks.generator.enable_recompute()
    loss_networks: tuple[str, ...] | None = ()
    if saved is None and run.start_from:
        sentence, loss_networks = start_from(networks, Path(run.start_from), space)
        log(sentence)
    if target.type != "cpu":
        networks.generator.label_mode = "dense"  # the number of distinct patches would have to be waited for
    state = TrainState.fresh(recipe, networks, target, loss_networks)
    for name in state.objective.loss_networks():
        log(f"The losses use the feature network {name}.")
    if saved is not None:
        restore(state, saved, dataset, folder, log)
        del saved
    check_ranks_agree(state.images_seen, networks)
    if main and state.images_seen:
        clean_up(folder / "checkpoints", state.images_seen, run.keep, log)
    content = {"classes": list(space.names), "data": fingerprint(dataset)}  # see `check_data`
    first = _geometry(recipe, recipe.schedule()[0])
    state.objective.prepare(TrainingContext(dataset, first, folder, target, log), networks)

    # The files of the run.
    kept = kept_discriminator(networks, run.keep_discriminator)
    if main:
        record_settings(folder, recipe, state.images_seen, log)
        write_atomically(folder / "config.json", recipe.to_json().encode())
        write_atomically(folder / "environment.txt", describe_environment(target).encode())
        metrics = MetricsLog(folder / "log.jsonl", state.images_seen, tensorboard=run.tensorboard, log=log)
    if main and state.images_seen:  # killed after a checkpoint and before its model
        geometry = _geometry(recipe, recipe.stage_at(state.images_seen))
        model = model_of(state, space, fixed_batch(recipe.data, geometry, dataset, target))
        if not is_current(folder / "model", model, kept):
            hub.save_model(folder / "model", model, discriminator=kept, overwrite=True)

    line: dict[str, Any] = {}
    with _interruptible() as interrupted:
        for stage, end, changes in stages_left(recipe, state.images_seen):
            # A stage: one picture size, one batch size, the whole generator or its outer part.
            if changes:
                state.optimizers["generator"].state.clear()
            set_trainable(networks.generator, stage.outer_only)
            geometry = _geometry(recipe, stage)
            source = cached(dataset, folder / "cache", geometry, log=log) if recipe.data.cache else dataset
            sampler = ShardedSampler(len(dataset), stage.batch_size, rank=rank, world=world, seed=run.seed)
            if state.sampler is not None:
                sampler.load_state_dict(state.sampler)
            fixed = fixed_batch(recipe.data, geometry, dataset, target)
            load = checked(geometry, space.num_classes)
            for batch in batches(source, load, sampler, threads=run.workers):
                rng = torch.Generator().manual_seed(step_seed(run.seed, state.images_seen))
                steps = split(batch.to(target), rng, run.accumulate, rank, stage.batch_size)
                terms: Losses = {}
                results: list[GeneratorResult] = []

                # The generator's step, on a frozen discriminator.
                if networks.discriminator is not None:
                    networks.discriminator.requires_grad_(False)
                optimizer = state.optimizers["generator"]
                optimizer.zero_grad(set_to_none=True)
                for step in steps:
                    with forward_context(target, precision):
                        results.append(state.objective.generator_loss(step, networks))
                    backward(results[-1].losses, len(steps), terms, "generator")
                update(optimizer, learning_rate(recipe, "generator", state.images_seen))

                # The discriminator's step, on photographs and the generator's pictures.
                if networks.discriminator is not None:
                    networks.discriminator.requires_grad_(True)
                    optimizer = state.optimizers["discriminator"]
                    optimizer.zero_grad(set_to_none=True)
                    for step, result in zip(steps, results, strict=True):
                        with forward_context(target, precision):
                            losses = state.objective.discriminator_loss(step, networks, result)
                        backward(losses, len(steps), terms, "discriminator")
                    update(optimizer, learning_rate(recipe, "discriminator", state.images_seen))

                # The averages, the loss terms, and the place in the data.
                state.losses.add(state.images_seen, distributed.average_terms(terms))
                state.images_seen += stage.batch_size
                state.sampler = sampler.state_dict()
                state.average(run, stage.batch_size)

                # What is due. Only then does the CPU wait for the device and look at the losses.
                due, last = _due(state.images_seen, stage.batch_size), state.images_seen >= end
                logs, samples = due(run.log_images), due(run.sample_images) or last
                asks = world == 1 or logs or target.type == "cpu"  # a GPU would be waited for
                stopping = asks and distributed.any_process(interrupted(), target)
                saves = due(run.checkpoint_images) or last or stopping
                if logs or samples or saves:
                    state.losses.read()
                if main and logs:
                    means = state.losses.means()
                    line = metrics.write(state.images_seen, size=stage.crop_size, **means)
                if main and samples:
                    grid = folder / "samples" / f"{state.images_seen:010d}.png"
                    best = inference_networks(networks, state.averaged)
                    write_samples(grid, best, fixed, space.palette(), precision)
                    metrics.show("samples", grid, state.images_seen)
                    plot_curves(folder / "log.jsonl", folder / "curves.png")
                if main and saves:
                    checkpoint = state.state_dict() | content
                    save_checkpoint(folder / "checkpoints", state.images_seen, checkpoint, run.keep)
                    model = model_of(state, space, fixed)
                    hub.save_model(folder / "model", model, discriminator=kept, overwrite=True)
                if saves:
                    distributed.barrier()
                report(state.images_seen, recipe.total_images(), line)
                if stopping:
                    log(f"Interrupted at {state.images_seen} pictures; the same command goes on from here.")
                    return folder / "model"
                if last:
                    break
    return folder / "model"


def _geometry(recipe: Recipe, stage: Stage) -> Geometry:
    data = recipe.data
    return Geometry(data.preprocess, stage.load_size, stage.crop_size, data.aspect_ratio, data.flip)


def _due(images_seen: int, batch_size: int) -> Callable[[int], bool]:
    """Whether the latest step reached or passed a multiple of an interval."""
    return lambda interval: images_seen // interval > (images_seen - batch_size) // interval


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Yield whether Ctrl-C or SIGTERM came; a second Ctrl-C interrupts at once."""
    asked = False

    def ask(*_: Any) -> None:
        nonlocal asked
        asked = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = (signal.SIGINT, signal.SIGTERM)
    try:
        before = {number: signal.signal(number, ask) for number in numbers}
    except ValueError:  # not in the main thread: whoever runs it handles signals
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
