"""Training our own segmenter: `semsynth segmenter train`.

Made for two processor cores: the early steps of a pretrained encoder stay frozen; of the late steps the
pointwise convolutions learn (the depthwise filters cost more time than they give); the loss is taken at a
quarter of the size; and everything runs in bfloat16 where the processor has its arithmetic.
"""

import copy
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from rich.progress import Progress
from torch import Tensor, nn

from semsynth.data import Dataset, Geometry
from semsynth.data.cache import cached
from semsynth.data.loader import in_advance
from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.evaluation.segmentation import ConfusionMatrix, SegmentationScores
from semsynth.files.claiming import claimed
from semsynth.files.reading import parsing
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.ops import processor
from semsynth.training.checkpoints import clean_up, load_newest, save_checkpoint
from semsynth.training.log import append_line, keep_lines
from semsynth.training.segmenter_data import Balance, Photographs, augmented
from semsynth.training.segmenter_settings import SegmenterRecipe

CHECKPOINTS = "checkpoints"
KEEP = 2
"""Checkpoints that stay."""
NEEDS = ("settings", "model", "averaged", "optimiser", "spent")
"""What a checkpoint must hold."""


def parameter_groups(model: PyramidSegmenter, recipe: SegmenterRecipe) -> list[dict[str, Any]]:
    """Freeze what stays, and pair the rest with learning rates."""
    if recipe.encoder == "scratch":
        return [{"params": list(model.parameters()), "peak": recipe.learning_rate}]
    model.encoder.requires_grad_(False)
    for step in list(model.encoder.steps)[recipe.frozen :]:
        for module in step.modules():
            if isinstance(module, nn.Conv2d) and module.groups == 1:
                module.requires_grad_(True)
    late = [p for p in model.encoder.parameters() if p.requires_grad]
    inside = {id(p) for p in model.encoder.parameters()}
    decoder = [p for p in model.parameters() if id(p) not in inside]
    groups = [{"params": decoder, "peak": recipe.learning_rate}]
    return [*groups, {"params": late, "peak": recipe.encoder_rate}] if late else groups


def loss_at_quarter_size(logits: Tensor, classes: Tensor, weights: Tensor, phase: int) -> Tensor:
    """Cross-entropy of logits (B, K, S/4, S/4) on one pixel of every 4 x 4, another one each step.

    Args:
        logits: Of any floating type.
        classes: (B, S, S); K is void and left out.
        weights: (K,).
        phase: Counts the steps; all sixteen pixels get their turn.
    """
    row, column = divmod(phase * 5 % 16, 4)
    target = classes[:, row::4, column::4].long()  # (B, S/4, S/4)
    return F.cross_entropy(logits.float(), target, weight=weights, ignore_index=len(weights))


@torch.no_grad()
def validate(
    model: PyramidSegmenter, photographs: Photographs, *, fast: bool = False, batch_size: int = 4
) -> SegmentationScores:
    """Scores on whole photographs, void ignored, over the classes that occur.

    ``fast`` reads every picture once and as training does, for a look meanwhile; else as an evaluator does.
    """
    model.eval()
    matrix = ConfusionMatrix(photographs.num_classes)
    for start in range(0, len(photographs), batch_size):
        chosen = range(len(photographs))[start : start + batch_size]
        pixels, classes = map(np.stack, zip(*(photographs[index] for index in chosen)))
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast and processor.has_bfloat16()):
            images = images.contiguous(memory_format=torch.channels_last)
            logits = model(images) if fast else model.read(images)
        logits = F.interpolate(logits.float(), size=images.shape[-2:], mode="bilinear", align_corners=False)
        matrix.add(classes, logits.argmax(dim=1).numpy())
    return matrix.scores()


@isolated()
def train_segmenter(
    train: Dataset,
    val: Dataset,
    folder: Path,
    recipe: SegmenterRecipe,
    *,
    start: Path | None = None,
    progress: Progress | None = None,
    log: Callable[[str], None] = lambda _: None,
) -> PyramidSegmenter:
    """Train a segmenter and write it to a folder; a run that was stopped goes on where it last validated.

    Args:
        train: What it learns from.
        val: What it is scored on; never learnt from.
        folder: Gets ``segmenter.json``, ``model.safetensors``, ``log.jsonl``, and while training
            ``checkpoints/`` and ``cache/``.
        recipe: The settings.
        start: A segmenter of the same shape whose weights it starts from.
        progress: Shows how far it is.
        log: Called with a sentence on what was damaged.

    Raises:
        SemsynthError: The data is empty, has another label set, or the folder holds a run with other
            settings, or is another process's; the disk is full.
    """
    progress = progress or Progress(disable=True)
    with claimed(folder, "trains", (CHECKPOINTS,)):
        # What it learns from, and what it is scored on.
        space = train.label_space
        ids = tuple(entry.id for entry in space.classes if entry.id != space.void_id)
        whole = Geometry("resize_and_crop", recipe.size, recipe.size)
        photographs, held_out = (
            Photographs(cached(data, folder / "cache", whole, log=log), ids, recipe.size)
            for data in (train, val)
        )
        balance = Balance.of(photographs, recipe.class_power, recipe.rare_share)

        # Network, optimizer and averaged weights: fresh, or of the last validation of a run that was stopped.
        torch.manual_seed(recipe.seed)
        names = tuple(space.names[i] for i in ids)
        config = SegmenterConfig(names, recipe.encoder, recipe.width, space.name, ids)
        model = _begin(config, start).to(memory_format=torch.channels_last)
        optimizer = torch.optim.AdamW(parameter_groups(model, recipe), weight_decay=recipe.weight_decay)
        averaged = copy.deepcopy(model)
        pairs = list(_learning(averaged).values()), list(_learning(model).values())
        seen, begun = 0, time.monotonic()
        settings = {**asdict(recipe), "label_set": space.name, "minutes": 0.0}  # of a resumed run, too
        checkpoints = folder / CHECKPOINTS
        state = load_newest(checkpoints, log, NEEDS)
        if state is not None:
            with parsing(checkpoints, "a segmenter's checkpoints", "Choose another folder."):
                before = state["settings"]
                if unlike := [key for key in settings if before.get(key) != settings[key]]:
                    raise SemsynthError(
                        f"{folder} holds a run with {unlike[0]} {before.get(unlike[0])}, not "
                        f"{settings[unlike[0]]}: resume with the same settings, or choose another folder."
                    )
                model.load_state_dict(state["model"])
                averaged.load_state_dict(state["averaged"])
                optimizer.load_state_dict(state["optimiser"])
                seen, begun = state["images_seen"], begun - float(state["spent"])
            clean_up(checkpoints, seen, KEEP, log)
        keep_lines(folder / "log.jsonl", seen, "pictures", log)

        @torch.no_grad()
        def draw(seen: int) -> tuple[list[Tensor], Tensor]:
            """The batch after so many pictures: augmented, through the frozen part; and its classes."""
            rng = np.random.default_rng([recipe.seed, seen])
            images, classes = augmented(photographs, balance, recipe.batch_size, recipe.least_crop, rng)
            images = images.contiguous(memory_format=torch.channels_last)
            low = recipe.frozen > 0 and processor.has_bfloat16()
            with torch.autocast("cpu", torch.bfloat16, enabled=low):
                return model.encoder.early(images, recipe.frozen), classes

        task = progress.add_task("training", total=recipe.pictures, completed=seen)
        next_validation, seconds = seen + recipe.validate_every, 60 * recipe.minutes or math.inf
        model.train()
        with closing(in_advance(draw, count(seen, recipe.batch_size), 1, 1)) as stream:
            while (done := max(seen / recipe.pictures, (time.monotonic() - begun) / seconds)) < 1:
                # Learn from one batch. The rate warms up, then falls as a cosine.
                kept, classes = next(stream)
                factor = min(1.0, (seen + 1) / 800) * 0.5 * (1 + math.cos(math.pi * done))
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * factor
                with torch.autocast("cpu", torch.bfloat16, enabled=processor.has_bfloat16()):
                    logits = model.decode(model.encoder.late(kept, recipe.frozen))
                step = seen // recipe.batch_size
                loss = loss_at_quarter_size(logits, classes, balance.weights, step)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
                with torch.no_grad():
                    torch._foreach_lerp_(*pairs, 1 - min(recipe.ema, (1 + step) / (10 + step)))
                seen += recipe.batch_size
                progress.update(task, completed=seen, description=f"training, loss {loss.item():.2f}")
                if seen < min(next_validation, recipe.pictures):
                    continue

                # Scores, the averaged network, and a checkpoint.
                next_validation += recipe.validate_every
                scores = validate(averaged, held_out, fast=True)
                spent = time.monotonic() - begun
                shares = {"pixel_accuracy": scores.pixel_accuracy, "miou": scores.miou}
                append_line(folder / "log.jsonl", {"pictures": seen, "seconds": round(spent), **shares})
                averaged.save(folder)
                state = {
                    "settings": settings,
                    "model": model.state_dict(),
                    "averaged": averaged.state_dict(),
                    "optimiser": optimizer.state_dict(),
                    "images_seen": seen,
                    "spent": spent,
                }
                save_checkpoint(checkpoints, seen, state, KEEP)
        return _finish(averaged, held_out, folder, seen)


def score_segmenter(folder: Path, data: Dataset) -> tuple[tuple[str, ...], SegmentationScores]:
    """Class names and scores of a segmenter on a data set, at 256 x 256 pixels.

    Raises:
        SemsynthError: It knows the classes of another label set.
    """
    model = PyramidSegmenter.load(folder)
    if data.label_space.name != model.config.label_set:
        raise SemsynthError(
            f"{folder} knows the classes of {model.config.label_set}, but the data has "
            f"{data.label_space.name}."
        )
    return model.names, validate(model, Photographs(data, model.config.ids, 256))


def _begin(config: SegmenterConfig, start: Path | None) -> PyramidSegmenter:
    """A new network, or the weights of another one of the same shape."""
    if start is None:
        return PyramidSegmenter(config)
    model = PyramidSegmenter.load(start)
    for key in ("encoder", "width", "names"):
        if getattr(model.config, key) != getattr(config, key):
            raise SemsynthError(f"{start} has another {key} than this training: it cannot start from it.")
    model.config = config
    return model


def _finish(averaged: PyramidSegmenter, held_out: Photographs, folder: Path, seen: int) -> PyramidSegmenter:
    """Score the weights as they are written, in bfloat16, and put the scores beside them."""
    averaged.save(folder)
    kept = PyramidSegmenter.load(folder)
    scores = validate(kept, held_out)
    shares = {name: round(getattr(scores, name), 4) for name in ("pixel_accuracy", "miou", "mean_accuracy")}
    counts = {
        "classes_averaged": scores.classes_averaged,
        "photographs": len(held_out),
        "pictures_trained": seen,
    }
    kept.config = replace(kept.config, scores=shares | counts)
    kept.save(folder)
    return kept


def _learning(model: nn.Module) -> dict[str, Tensor]:
    """Weights that learn, and the running statistics, by name."""
    weights = {name: p.data for name, p in model.named_parameters() if p.requires_grad}
    return weights | {name: b for name, b in model.named_buffers() if b.is_floating_point()}
