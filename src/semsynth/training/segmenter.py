"""Training our own segmenter: `semsynth segmenter train`.

Made for two processor cores: the early steps of a pretrained encoder stay frozen; of the late steps the
pointwise convolutions learn (the depthwise filters cost more time than they give); the loss is taken at a
quarter of the size; and everything runs in bfloat16 where the processor has its arithmetic.
"""

import copy
import math
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from rich.progress import Progress
from torch import Tensor, nn

from semsynth.data import Dataset
from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.evaluation.segmentation import ConfusionMatrix, SegmentationScores
from semsynth.files.claiming import claimed
from semsynth.files.reading import parsing
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.ops import processor
from semsynth.training.checkpoints import clean_up, load_newest, save_checkpoint
from semsynth.training.log import append_line, keep_lines
from semsynth.training.segmenter_data import Balance, Photographs, Rng, augmented, batches, decode
from semsynth.training.segmenter_settings import SegmenterRecipe

CHECKPOINTS = "checkpoints"
WITHIN = (CHECKPOINTS, "cache")
"""Folders of a run that are written to file by file."""
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
    model: PyramidSegmenter, photographs: Photographs, *, fast: bool = False, batch_size: int = 16
) -> SegmentationScores:
    """Scores on whole photographs, void ignored, over the classes that occur.

    ``fast`` reads every picture once and as training does, for a look meanwhile; else as an evaluator does.
    """
    model.eval()
    matrix = ConfusionMatrix(photographs.num_classes)
    for start in range(0, len(photographs), batch_size):
        pixels = np.array(photographs.images[start : start + batch_size])
        images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=fast and processor.has_bfloat16()):
            images = images.contiguous(memory_format=torch.channels_last)
            logits = model(images) if fast else model.read(images)
        logits = F.interpolate(logits.float(), size=images.shape[-2:], mode="bilinear", align_corners=False)
        matrix.add(photographs.classes[start : start + batch_size], logits.argmax(dim=1).numpy())
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
    with claimed(folder, "trains", WITHIN):
        run = _Run(train, val, folder, recipe, start)
        run.resume(log)
        task = progress.add_task("training", total=recipe.pictures, completed=run.seen) if progress else None
        next_validation = run.seen + recipe.validate_every
        stream = batches(run.draw, run.balance, recipe.batch_size, recipe.seed, run.seen)
        while (done := run.done()) < 1:
            run.model.train()
            loss = run.step(next(stream), done)
            if progress and task is not None:
                progress.update(task, completed=run.seen, description=f"training, loss {loss.item():.2f}")
            if run.seen >= next_validation or run.seen >= recipe.pictures:
                next_validation += recipe.validate_every
                run.validate_and_save()
        return _finish(run.averaged, run.held_out, folder, run.seen)


class _Run:
    """A run in its folder, which is this process's own: networks, optimizer, and how far it is.

    Attributes:
        seen: Pictures so far.
        started: When it would have begun without its stops, by `time.monotonic`.
    """

    def __init__(
        self, train: Dataset, val: Dataset, folder: Path, recipe: SegmenterRecipe, start: Path | None
    ) -> None:
        self.folder, self.recipe, space = folder, recipe, train.label_space
        ids = tuple(entry.id for entry in space.classes if entry.id != space.void_id)
        self.settings = {**asdict(recipe), "label_set": space.name, "minutes": 0.0}
        """A resumed run must have the same."""
        self.photographs = decode(train, ids, recipe.size, folder / "cache", "train")
        self.held_out = decode(val, ids, recipe.size, folder / "cache", "val")
        self.balance = Balance.of(self.photographs, recipe.class_power, recipe.rare_share)

        torch.manual_seed(recipe.seed)
        names = tuple(space.names[i] for i in ids)
        config = SegmenterConfig(names, recipe.encoder, recipe.width, space.name, ids)
        self.model = _begin(config, start).to(memory_format=torch.channels_last)
        groups = parameter_groups(self.model, recipe)
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.averaged = copy.deepcopy(self.model)
        self.pairs = list(learning(self.averaged).values()), list(learning(self.model).values())
        self.seen, self.started = 0, time.monotonic()

    def resume(self, log: Callable[[str], None]) -> None:
        """Go on where the last validation was."""
        checkpoints, settings = self.folder / CHECKPOINTS, self.settings
        state = load_newest(checkpoints, log, NEEDS)
        if state is not None:
            with parsing(checkpoints, "a segmenter's checkpoints", "Choose another folder."):
                before = state["settings"]
                if unlike := [key for key in settings if before.get(key) != settings[key]]:
                    raise SemsynthError(
                        f"{self.folder} holds a run with {unlike[0]} {before.get(unlike[0])}, not "
                        f"{settings[unlike[0]]}: resume with the same settings, or choose another folder."
                    )
                self.model.load_state_dict(state["model"])
                self.averaged.load_state_dict(state["averaged"])
                self.optimizer.load_state_dict(state["optimiser"])
                self.seen = state["images_seen"]
                self.started = time.monotonic() - float(state["spent"])
            clean_up(checkpoints, self.seen, KEEP, log)
        keep_lines(self.folder / "log.jsonl", self.seen, "pictures", log)

    @torch.no_grad()
    def draw(self, indices: npt.NDArray[np.int64], rng: Rng) -> tuple[list[Tensor], Tensor]:
        """Augmented pictures through the frozen part of the encoder, and their classes."""
        frozen = self.recipe.frozen
        images, classes = augmented(self.photographs, indices, self.recipe.least_crop, rng)
        images = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=frozen > 0 and processor.has_bfloat16()):
            return self.model.encoder.early(images, frozen), classes

    def done(self) -> float:
        """The share of the run that is done: of its pictures, or of its minutes where those run out first."""
        minutes = (time.monotonic() - self.started) / 60
        share = minutes / self.recipe.minutes if self.recipe.minutes else 0.0
        return max(self.seen / self.recipe.pictures, share)

    def step(self, batch: tuple[list[Tensor], Tensor], done: float) -> Tensor:
        """Learn from one batch, and return its loss. The rate warms up, then falls as a cosine."""
        kept, classes = batch
        factor = min(1.0, (self.seen + 1) / 800) * 0.5 * (1 + math.cos(math.pi * done))
        for group in self.optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        with torch.autocast("cpu", torch.bfloat16, enabled=processor.has_bfloat16()):
            logits = self.model.decode(self.model.encoder.late(kept, self.recipe.frozen))
        step = self.seen // self.recipe.batch_size
        loss = loss_at_quarter_size(logits, classes, self.balance.weights, step)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(*self.pairs, 1 - min(self.recipe.ema, (1 + step) / (10 + step)))
        self.seen += self.recipe.batch_size
        return loss.detach()

    def validate_and_save(self) -> None:
        """Write scores, the averaged network and a checkpoint."""
        scores = validate(self.averaged, self.held_out, fast=True)
        spent = time.monotonic() - self.started
        line = {
            "pictures": self.seen,
            "seconds": round(spent),
            "pixel_accuracy": scores.pixel_accuracy,
            "miou": scores.miou,
        }
        append_line(self.folder / "log.jsonl", line)
        self.averaged.save(self.folder)
        state = {
            "settings": self.settings,
            "model": self.model.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimiser": self.optimizer.state_dict(),
            "images_seen": self.seen,
            "spent": spent,
        }
        save_checkpoint(self.folder / CHECKPOINTS, self.seen, state, KEEP)


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
    with tempfile.TemporaryDirectory() as cache:
        return model.names, validate(model, decode(data, model.config.ids, 256, Path(cache), "given"))


def _begin(config: SegmenterConfig, start: Path | None) -> PyramidSegmenter:
    """A new network, or the weights of another one of the same shape."""
    if start is None:
        return PyramidSegmenter(config)
    model = PyramidSegmenter.load(start)
    unlike = [
        key for key in ("encoder", "width", "names") if getattr(model.config, key) != getattr(config, key)
    ]
    if unlike:
        raise SemsynthError(f"{start} has another {unlike[0]} than this training: it cannot start from it.")
    model.config = config
    return model


def _finish(averaged: PyramidSegmenter, held_out: Photographs, folder: Path, seen: int) -> PyramidSegmenter:
    """Score the weights as they are written, in bfloat16, and put the scores beside them."""
    averaged.save(folder)
    kept = PyramidSegmenter.load(folder)
    scores = validate(kept, held_out)
    kept.config = replace(
        kept.config,
        scores={
            "pixel_accuracy": round(scores.pixel_accuracy, 4),
            "miou": round(scores.miou, 4),
            "mean_accuracy": round(scores.mean_accuracy, 4),
            "classes_averaged": scores.classes_averaged,
            "photographs": len(held_out),
            "pictures_trained": seen,
        },
    )
    kept.save(folder)
    return kept


def learning(model: nn.Module) -> dict[str, Tensor]:
    """Weights that learn, and the running statistics, by name."""
    weights = {name: p.data for name, p in model.named_parameters() if p.requires_grad}
    return weights | {name: b for name, b in model.named_buffers() if b.is_floating_point()}
