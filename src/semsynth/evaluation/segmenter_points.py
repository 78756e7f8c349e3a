"""Teaching the decoder on single pixels.

As in PixelNet (Bansal et al. 2017): pixels of one picture repeat each other, so a hundred of each picture
teach nearly what all of them would, at a hundredth of the cost. Rare classes are looked for; the loss is
weighted so that its expectation is that of whole pictures.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.evaluation.segmenter import PyramidSegmenter
from semsynth.evaluation.segmenter_data import Rng, Views

CHUNK = 32
BATCH = 4096


@dataclass(frozen=True)
class Points:
    """Features of single pixels, behind the whole encoder.

    Attributes:
        levels: Four tensors (N, C) bfloat16, interpolated at the pixel.
        scenes: (V, C) bfloat16, one row a view.
        view: (N,) the view a pixel is of.
        classes: (N,) int64, 0..K-1.
    """

    levels: list[Tensor]
    scenes: Tensor
    view: Tensor
    classes: Tensor

    def __len__(self) -> int:
        return len(self.classes)

    def batch(self, chosen: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
        """Some of the pixels as one picture of N x 1: its features, its scenes and its classes (1, N, 1)."""

        def lay_out(rows: Tensor) -> Tensor:
            return rows.T[None, :, :, None]

        return (
            [lay_out(level[chosen]) for level in self.levels],
            lay_out(self.scenes[self.view[chosen]]),
            self.classes[chosen][None, :, None],
        )


def choose(classes: npt.NDArray[np.uint8], count: int, rarity: npt.NDArray[np.float64], rng: Rng) -> Tensor:
    """Pixels of one view, half of them anywhere, half of them by class, the rare ones more often.

    Args:
        classes: (S, S); what is no index of ``rarity`` is void and never chosen.
        count: How many.
        rarity: (K,) how much a class is wanted.
        rng: Draws.

    Returns:
        (N, 2) rows and columns; N is 0 for a view of void alone.
    """
    flat = classes.ravel()
    labelled = np.flatnonzero(flat < len(rarity))
    if len(labelled) == 0:
        return torch.zeros(0, 2, dtype=torch.long)
    chosen = [rng.choice(labelled, count - count // 2)]
    held = np.unique(flat[labelled])
    for index in rng.choice(held, count // 2, p=rarity[held] / rarity[held].sum()):
        chosen.append(rng.choice(np.flatnonzero(flat == index), 1))
    places = np.concatenate(chosen)
    return torch.from_numpy(np.stack(np.divmod(places, classes.shape[1]), axis=1))


def collect(
    views: Views,
    late: Callable[[list[Tensor]], list[Tensor]],
    count: int,
    rarity: npt.NDArray[np.float64],
    seed: int,
    report: Callable[[int], None] = lambda rows: None,
) -> Points:
    """Take ``count`` pixels of every view through the rest of the encoder."""
    columns: list[list[Tensor]] = []
    scenes, owners, truths = [], [], []
    for start in range(0, len(views), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(views)))
        kept, classes = views.rows(rows)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            features = late([level.contiguous(memory_format=torch.channels_last) for level in kept])
        scenes.append(features[3].float().mean((2, 3)).bfloat16())
        rng = np.random.default_rng([seed, 1, start])
        for offset, row in enumerate(rows):
            places = choose(classes[offset].numpy(), count, rarity, rng)
            # The centre of a pixel, in -1..1 across the picture, as F.interpolate has it.
            grid = ((places.flip(1).float() + 0.5) * 2 / classes.shape[1] - 1)[None, :, None]  # (1, N, 1, 2)
            columns.append([_sample(level[offset : offset + 1], grid) for level in features])
            owners.append(torch.full((len(places),), int(row)))
            truths.append(classes[offset][places[:, 0], places[:, 1]].long())
        report(int(rows[-1]) + 1)
    levels = [torch.cat(parts) for parts in zip(*columns)]
    return Points(levels, torch.cat(scenes), torch.cat(owners), torch.cat(truths))


def _sample(level: Tensor, grid: Tensor) -> Tensor:
    found = F.grid_sample(level.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
    return found[0, :, :, 0].T.bfloat16()  # (N, C)


def point_weights(points: Points, weights: Tensor, share: npt.NDArray[np.float64]) -> Tensor:
    """Class weights that make up for how pixels were chosen.

    Args:
        points: What was chosen.
        weights: (K,) the weights whole pictures would have.
        share: (K,) share of each class among all labelled pixels.
    """
    chosen = torch.bincount(points.classes, minlength=len(weights)).double() / max(1, len(points))
    corrected = weights.double() * torch.from_numpy(share) / chosen.clamp(min=1e-9)
    return torch.where(chosen > 0, corrected, 0.0).float()


def point_steps(count: int, epochs: int) -> int:
    """How many steps ``teach`` takes over so many points."""
    return epochs * (count // min(BATCH, count))


@torch.no_grad()
def average(pairs: tuple[list[Tensor], list[Tensor]], decay: float) -> None:
    """Move the averaged tensors of a pair of lists towards the current ones."""
    torch._foreach_lerp_(pairs[0], pairs[1], 1 - decay)


def teach(
    model: PyramidSegmenter,
    points: Points,
    weights: Tensor,
    *,
    epochs: int,
    learning_rate: float,
    weight_decay: float,
    ema: float,
    seed: int,
    report: Callable[[int], None] = lambda step: None,
) -> None:
    """Train the decoder on points; the model ends with the average of its late weights."""
    decoder = [p for name, p in model.named_parameters() if not name.startswith("encoder.")]
    statistics = [
        b for name, b in model.named_buffers() if "running" in name and not name.startswith("encoder.")
    ]
    current = [p.data for p in decoder] + statistics
    averaged = [value.clone() for value in current]
    optimiser = torch.optim.AdamW(decoder, weight_decay=weight_decay)
    total, batch_size = point_steps(len(points), epochs), min(BATCH, len(points))
    model.train()
    step = 0
    for epoch in range(epochs):
        order = torch.from_numpy(np.random.default_rng([seed, 2, epoch]).permutation(len(points)))
        for start in range(0, len(points) - batch_size + 1, batch_size):
            features, scene, classes = points.batch(order[start : start + batch_size])
            done = step / total
            for group in optimiser.param_groups:
                group["lr"] = learning_rate * min(1.0, (step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * done))
            with torch.autocast("cpu", torch.bfloat16):
                logits = model.decode(features, scene)
            loss = F.cross_entropy(logits.float(), classes, weight=weights)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            average((averaged, current), min(ema, (1 + step) / (10 + step)))
            step += 1
            report(step)
    for value, mean in zip(current, averaged):
        value.copy_(mean)
