"""The training loop: one function, read from top to bottom."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from semsynth import hub
from semsynth.data.cache import cached
from semsynth.data.loader import ShardedSampler, batches
from semsynth.data.sample import Batch
from semsynth.data.transforms import Geometry
from semsynth.device import choose, isolated, keep_heap, training_dtype
from semsynth.files.claiming import claimed
from semsynth.files.writing import write_atomically
from semsynth.training import distributed
from semsynth.training.data import choose_label_space, open_dataset
from semsynth.training.ema import Ema
from semsynth.training.log import MetricsLog, describe_environment, plot_curves
from semsynth.training.model_folder import inference_networks, is_current
from semsynth.training.objective import Losses, TrainingContext, build_networks, build_objective
from semsynth.training.resume import (
    check_data,
    check_feature_network,
    check_ranks_agree,
    fingerprint,
    load_weights,
    record_settings,
    restoring,
)
from semsynth.training.samples import fixed_batch, write_samples
from semsynth.training.settings import Recipe, Stage
from semsynth.training.state import clean_up, load_newest, save_checkpoint
from semsynth.training.steps import (
    adam,
    backward,
    check_batches,
    decay_of,
    parameter_groups,
    rate,
    seed_of,
    set_trainable,
    split,
)
from semsynth.training.warm_start import start_from

WITHIN = ("checkpoints", "samples")
"""Folders of a run folder that are written to file by file."""
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
    """Train, or go on training, until the recipe's pictures have been seen.

    The folder gets config.json, environment.txt, log.jsonl, curves.png, checkpoints/, samples/ and model/,
    a model folder of the averaged networks. A folder with checkpoints is continued, exactly as if the run had
    never stopped. An interrupt (Ctrl-C, SIGTERM) ends the step, writes a checkpoint and returns.

    Args:
        recipe: the settings.
        folder: of the run.
        device: "auto", "cpu", "cuda", "mps".
        report: told after every step: pictures seen, pictures in all, the latest line of the log.
        log: Called with a sentence for each thing that happens.

    Returns:
        the model folder.

    Raises:
        SemsynthError: unusable settings or data, a full disk, a loss that is not a number, another process
            of the run that has ended.
    """
    rank, world = distributed.start()
    main = rank == 0
    try:
        with (
            distributed.report_lost_process(),
            claimed(folder, "trains", WITHIN) if main else contextlib.nullcontext(),
        ):
            return _train(recipe, folder, device, report, log if main else _silent, rank, world)
    finally:
        distributed.stop()


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
    main = rank == 0
    target = choose(device)
    precision = training_dtype(recipe.run.precision, target, log)
    keep_heap()

    # What to learn from, and where an earlier run stopped.
    dataset = open_dataset(recipe.data, choose_label_space(recipe.data, folder, log))
    for sentence in dataset.left.sentences():
        log(sentence)
    space = dataset.label_space
    check_batches(recipe, len(dataset), world)
    state = load_newest(folder / "checkpoints", log, NEEDS)
    images_seen, place = (0, None) if state is None else (state["images_seen"], state["sampler"])

    # Networks, losses, optimisers.
    networks = build_networks(recipe, space.num_classes, dataset.has_instances)
    inherited: tuple[str, ...] | None = ()
    if state is not None:
        with restoring(folder):
            check_data(state, dataset, folder, log)
            load_weights(networks.modules(), state["networks"], folder)
        inherited = state.get("inherited", ())
        log(f"Going on from {images_seen} pictures.")
    elif recipe.run.start_from:
        said, inherited = start_from(networks, Path(recipe.run.start_from), space)
        log(said)
    check_ranks_agree(images_seen, networks)
    if main and state is not None:
        clean_up(folder / "checkpoints", images_seen, recipe.run.keep, log)
    for module in networks.modules().values():
        module.to(target, memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    networks.generator.recompute = recipe.run.recompute
    objective = build_objective(recipe)
    for name, module in objective.frozen().items():
        log(f"Losses look through {name}.")
        module.to(target, memory_format=torch.channels_last)  # type: ignore[call-overload]
    if state is not None:
        check_feature_network(state.get("looks_through", []), list(objective.frozen()))
        objective.load_state_dict(state.get("objective", {}))
    content, first = fingerprint(dataset), _geometry(recipe, recipe.schedule()[0])
    objective.prepare(TrainingContext(dataset, first, folder, target, log), networks)
    sides = parameter_groups(networks)
    optimizers = {side: adam(recipe, side, module) for side, module in sides.items()}
    averaged = {
        name: Ema(module, recipe.run.ema_images, recipe.run.ema_rampup)
        for name, module in networks.modules().items()
        if name != "discriminator" and recipe.run.ema_images
    }
    counted: dict[str, Any] | None = None
    if state is not None:
        with restoring(folder):
            if state["averaged"]:  # else averages begin now
                load_weights(_networks_of(averaged), state["averaged"], folder)
            for side, optimizer in optimizers.items():
                optimizer.load_state_dict(state["optimizers"][side])
        counted = state.get("log")
        del state
    if main:
        record_settings(folder, recipe, images_seen, log)
        write_atomically(folder / "config.json", recipe.to_json().encode())
        write_atomically(folder / "environment.txt", describe_environment(target).encode())
        metrics = MetricsLog(
            folder / "log.jsonl", images_seen, counted, tensorboard=recipe.run.tensorboard, log=log
        )

    def save(sampler: ShardedSampler, size: tuple[int, int]) -> None:
        """Write a checkpoint and the model folder, and wait for it everywhere."""
        if main:
            state = {
                "images_seen": images_seen,
                "sampler": sampler.state_dict(),
                "networks": {name: module.state_dict() for name, module in networks.modules().items()},
                "averaged": {name: ema.network.state_dict() for name, ema in averaged.items()},
                "optimizers": {side: optimizer.state_dict() for side, optimizer in optimizers.items()},
                "objective": objective.state_dict(),
                "looks_through": list(objective.frozen()),
                "inherited": inherited,
                "log": metrics.state_dict(),
                "classes": list(space.names),
                "data": content,
            }
            save_checkpoint(folder / "checkpoints", images_seen, state, recipe.run.keep)
            hub.save_model(folder / "model", model_of(size), overwrite=True)
        distributed.barrier()

    def model_of(size: tuple[int, int]) -> hub.Model:
        """What is given away: the averaged networks, or the last ones."""
        best = inference_networks(networks, averaged)
        against = None if inherited is None else tuple(sorted({*inherited, *objective.frozen()}))
        encoder = best.style_encoder
        return hub.Model(
            best.generator, space, size, encoder, optimised_with=against, images_seen=images_seen
        )

    if main and images_seen:  # killed after a checkpoint and before its model
        stage = recipe.stage_at(images_seen)
        model = model_of(_size(fixed_batch(recipe.data, _geometry(recipe, stage), dataset, target)))
        if not is_current(folder / "model", model):
            hub.save_model(folder / "model", model, overwrite=True)
    begin, line, outer_only = 0, {}, False
    with _interruptible() as interrupted:
        for stage in recipe.schedule():
            # A stage: one picture size, one batch size, the whole generator or its outer part.
            end = begin + stage.images
            if images_seen == begin and stage.outer_only != outer_only:
                optimizers["generator"].state.clear()
            outer_only = stage.outer_only
            if images_seen >= end:
                begin = end
                continue
            set_trainable(networks.generator, outer_only)
            geometry = _geometry(recipe, stage)
            source = cached(dataset, folder / "cache", geometry, log=log) if recipe.data.cache else dataset
            sampler = ShardedSampler(
                len(dataset), stage.batch_size, rank=rank, world=world, seed=recipe.run.seed
            )
            if place is not None:
                sampler.load_state_dict(place)
            fixed = fixed_batch(recipe.data, geometry, dataset, target)
            size = _size(fixed)
            for batch in batches(source, geometry, sampler, threads=recipe.run.workers):
                rng = torch.Generator().manual_seed(seed_of(recipe.run.seed, images_seen))
                steps = split(batch.to(target), rng, recipe.run.accumulate, rank, stage.batch_size)
                decay = decay_of(recipe, images_seen)

                # The generator's step, on a frozen discriminator.
                terms: Losses = {}
                for side in ("generator", "discriminator"):
                    if side not in sides:
                        continue
                    if networks.discriminator is not None:
                        networks.discriminator.requires_grad_(side == "discriminator")
                    optimizers[side].zero_grad(set_to_none=True)
                    for step in steps:
                        with torch.autocast(target.type, precision, enabled=precision != torch.float32):
                            losses = (
                                objective.generator_loss(step, networks)
                                if side == "generator"
                                else objective.discriminator_loss(step, networks)
                            )
                        backward(losses, len(steps), images_seen)
                        for name, value in losses.items():
                            key = f"{side}/{name}"
                            terms[key] = terms.get(key, 0) + value.detach() / len(steps)
                    parameters = [p for p in sides[side].parameters() if p.requires_grad]
                    distributed.average_gradients(parameters)
                    for group in optimizers[side].param_groups:
                        group["lr"] = rate(recipe, side) * decay
                    optimizers[side].step()
                images_seen += stage.batch_size

                # The averaged copies.
                for name, ema in averaged.items():
                    ema.update(networks.modules()[name], images_seen, stage.batch_size)

                # What is written down, drawn and kept.
                terms = distributed.average_terms(terms)
                if main:
                    metrics.add(terms)
                due = _due(images_seen, stage.batch_size)
                if main and due(recipe.run.log_images):
                    line = metrics.write(images_seen, size=stage.crop_size)
                if main and (due(recipe.run.sample_images) or images_seen >= end):
                    grid = folder / "samples" / f"{images_seen:010d}.png"
                    write_samples(
                        grid, inference_networks(networks, averaged), fixed, space.palette(), precision
                    )
                    metrics.show("samples", grid, images_seen)
                    plot_curves(folder / "log.jsonl", folder / "curves.png")
                stopping = distributed.any_process(interrupted(), target)
                if due(recipe.run.checkpoint_images) or images_seen >= end or stopping:
                    save(sampler, size)
                report(images_seen, recipe.total_images(), line)
                if stopping:
                    log(f"Interrupted at {images_seen} pictures; the same command goes on from here.")
                    return folder / "model"
                if images_seen >= end:
                    break
            place, begin = sampler.state_dict(), end
    return folder / "model"


def _size(batch: Batch) -> tuple[int, int]:
    """Height and width of a batch's pictures."""
    return int(batch.labels.shape[1]), int(batch.labels.shape[2])


def _silent(_: str) -> None:
    """What the processes beside the first have to say."""


def _networks_of(averaged: dict[str, Ema]) -> dict[str, nn.Module]:
    return {name: ema.network for name, ema in averaged.items()}


def _geometry(recipe: Recipe, stage: Stage) -> Geometry:
    data = recipe.data
    return Geometry(data.preprocess, stage.load_size, stage.crop_size, data.aspect_ratio, data.flip)


def _due(images_seen: int, batch_size: int) -> Callable[[int], bool]:
    """Whether the latest step reached or passed a multiple of an interval."""
    return lambda interval: images_seen // interval > (images_seen - batch_size) // interval


@contextlib.contextmanager
def _interruptible() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a question; a second Ctrl-C interrupts at once."""
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
