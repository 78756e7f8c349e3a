"""What a step of the training loop is made of: who learns, how fast, from which parts, and the gradients."""

import torch
from torch import Tensor, nn
from torch.optim import Adam

from semsynth.data.sample import Batch
from semsynth.errors import SemsynthError
from semsynth.models import GeneratorModule
from semsynth.training.objective import Losses, Networks, Step
from semsynth.training.settings import Recipe


def check_batches(recipe: Recipe, samples: int, world: int) -> None:
    """Refuse batches that a data set or the processes cannot fill.

    Raises:
        SemsynthError: it names the flag to change.
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


def parameter_groups(networks: Networks) -> dict[str, nn.ModuleList]:
    """What each optimiser steps: generator and style encoder together; the discriminator."""
    makers = [m for m in (networks.generator, networks.style_encoder) if m is not None]
    sides = {"generator": nn.ModuleList(makers)}
    if networks.discriminator is not None:
        sides["discriminator"] = nn.ModuleList([networks.discriminator])
    return sides


def adam(recipe: Recipe, side: str, module: nn.Module) -> Adam:
    """The optimiser of a side."""
    settings = recipe.optimizer
    return Adam(module.parameters(), rate(recipe, side), (settings.beta1, settings.beta2), fused=True)


def rate(recipe: Recipe, side: str) -> float:
    """Learning rate of a side, before it falls."""
    return recipe.optimizer.lr_generator if side == "generator" else recipe.optimizer.lr_discriminator


def set_trainable(generator: GeneratorModule, outer_only: bool) -> None:
    """Let gradients into the whole generator, or into its outer part alone."""
    generator.requires_grad_(not outer_only)
    if outer_only:
        for parameter in generator.outer_parameters():
            parameter.requires_grad_(True)


def seed_of(seed: int, images_seen: int) -> int:
    """Seed of a step's random numbers: a function of the place in the run, so that nothing need be saved."""
    return (seed * 1_000_003 + images_seen) % 2**63


def split(batch: Batch, rng: torch.Generator, parts: int, rank: int, total: int) -> list[Step]:
    """Cut this process's batch into `parts` for gradient accumulation."""
    if len(batch) % parts:
        raise SemsynthError(
            f"A batch of {len(batch)} does not divide into {parts} parts; choose another --run.accumulate or "
            "--run.batch_size."
        )
    size = len(batch) // parts
    steps = []
    for start in range(0, len(batch), size):
        cut = slice(start, start + size)
        instances = None if batch.instances is None else batch.instances[cut]
        part = Batch(batch.images[cut], batch.labels[cut], instances, batch.keys[cut])
        part_rng = rng if start == 0 else torch.Generator().manual_seed(rng.initial_seed())
        steps.append(Step(part, part_rng, rank * len(batch) + start, total))
    return steps


def backward(losses: Losses, parts: int, images_seen: int) -> None:
    """Accumulate gradients of the mean over parts; stop at a loss that is not a number."""
    total: Tensor = torch.stack([value.float() for value in losses.values()]).sum()
    if not torch.isfinite(total):
        values = ", ".join(f"{name} {value.item():.4g}" for name, value in losses.items())
        raise SemsynthError(
            f"The loss is not a finite number after {images_seen} pictures ({values}); the last checkpoint "
            "is intact. Lower the learning rates, or take precision float32, and start the same command "
            "again."
        )
    (total / parts).backward()


def decay_of(recipe: Recipe, images_seen: int) -> float:
    """Factor of the learning rates: 1, then linearly to 0 at the end of the run."""
    start, end = recipe.run.constant_images, recipe.total_images()
    if not start or images_seen < start:
        return 1.0
    return (end - images_seen) / (end - start)
