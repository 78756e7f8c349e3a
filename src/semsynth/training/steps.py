"""The parts of a training step: what learns, how fast, from which pictures, and the gradients."""

import contextlib
from collections.abc import Iterator

import torch
from torch import nn
from torch.optim import Optimizer

from semsynth.data.sample import Batch
from semsynth.errors import SemsynthError
from semsynth.models import GeneratorModule
from semsynth.models.base import labels_checked
from semsynth.training import distributed
from semsynth.training.objectives.base import Losses, Networks, Step
from semsynth.training.settings import Recipe, Stage


def check_batches(recipe: Recipe, samples: int, world: int) -> None:
    """Refuse batches that a data set or the processes cannot fill.

    Raises:
        SemsynthError: It names the flag to change.
    """
    for stage in recipe.schedule():
        flag = "batch_size of the stage" if recipe.stages else "--run.batch_size"
        if samples < stage.batch_size:
            raise SemsynthError(
                f"The data set has {samples} pictures, fewer than one batch of {stage.batch_size}; choose a "
                f"{flag} of at most {samples}."
            )
        if stage.batch_size % (world * recipe.run.accumulate):
            raise SemsynthError(
                f"A batch of {stage.batch_size} does not divide into {world} processes with "
                f"{recipe.run.accumulate} parts each; choose another {flag} or --run.accumulate."
            )


def stages_left(recipe: Recipe, images_seen: int) -> Iterator[tuple[Stage, int, bool]]:
    """The stages that are not finished after `images_seen` pictures, each with the pictures seen at its end.

    The flag says whether it begins with another part of the generator learning than before.
    """
    begin, outer_only = 0, False
    for stage in recipe.schedule():
        end = begin + stage.images
        if images_seen < end:
            yield stage, end, images_seen <= begin and stage.outer_only != outer_only
        begin, outer_only = end, stage.outer_only


def parameter_groups(networks: Networks) -> dict[str, list[nn.Parameter]]:
    """The parameters of each optimizer: generator and style encoder together; the discriminator."""
    groups = {"generator": list(networks.generator.parameters())}
    if networks.style_encoder is not None:
        groups["generator"] += networks.style_encoder.parameters()
    if networks.discriminator is not None:
        groups["discriminator"] = list(networks.discriminator.parameters())
    return groups


def set_trainable(generator: GeneratorModule, outer_only: bool) -> None:
    """Give gradients to the whole generator, or to its outer part alone."""
    generator.requires_grad_(not outer_only)
    if outer_only:
        for parameter in generator.outer_parameters():
            parameter.requires_grad_(True)


def learning_rate(recipe: Recipe, name: str, images_seen: int) -> float:
    """Learning rate of an optimizer: constant, then linearly to 0 at the end of the run."""
    base = recipe.optimizer.lr_generator if name == "generator" else recipe.optimizer.lr_discriminator
    start, end = recipe.run.constant_images, recipe.total_images()
    if not start or images_seen < start:
        return base
    return base * ((end - images_seen) / (end - start))


def step_seed(seed: int, images_seen: int) -> int:
    """Seed of a step's random numbers. It depends on the place in the run, so that nothing need be saved."""
    return (seed * 1_000_003 + images_seen) % 2**63


def split(batch: Batch, rng: torch.Generator, parts: int, rank: int, total: int) -> list[Step]:
    """Cut this process's batch into `parts` for gradient accumulation; it divides, see `check_batches`."""
    size = len(batch) // parts
    steps = []
    for start in range(0, len(batch), size):
        cut = slice(start, start + size)
        instances = None if batch.instances is None else batch.instances[cut]
        part = Batch(batch.images[cut], batch.labels[cut], instances, batch.keys[cut])
        part_rng = rng if start == 0 else torch.Generator().manual_seed(rng.initial_seed())
        steps.append(Step(part, part_rng, rank * len(batch) + start, total))
    return steps


@contextlib.contextmanager
def forward_context(device: torch.device, precision: torch.dtype) -> Iterator[None]:
    """Compute in a precision, on labels that were checked when they were loaded."""
    with torch.autocast(device.type, precision, enabled=precision != torch.float32), labels_checked():
        yield


def backward(losses: Losses, parts: int, terms: Losses, name: str) -> None:
    """Accumulate the gradients of the mean over parts, and in `terms` the mean of each loss as NAME/TERM."""
    (torch.stack([value.float() for value in losses.values()]).sum() / parts).backward()
    for term, value in losses.items():
        key = f"{name}/{term}"
        terms[key] = terms.get(key, 0) + value.detach() / parts


def update(optimizer: Optimizer, rate: float) -> None:
    """Take an optimizer's step on the mean gradients of all processes."""
    for group in optimizer.param_groups:
        distributed.average_gradients([p for p in group["params"] if p.requires_grad])
        group["lr"] = rate
    optimizer.step()
