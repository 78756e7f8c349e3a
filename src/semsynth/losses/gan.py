"""Adversarial losses of a multi-scale discriminator."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Prediction = Sequence[Sequence[Tensor]]
"""[scale][layer]: a discriminator's answer; each scale ends with its map of scores, (B,1,h,w)."""

Mode = Literal["hinge", "ls", "original", "w"]
OverScales = Literal["mean", "sum"]


def _bce(score: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(score, torch.full_like(score, target))


# What the discriminator pays for a fake and for a real score, and what the generator pays for a fake one.
_ON_FAKE: dict[str, Callable[[Tensor], Tensor]] = {
    "hinge": lambda score: F.relu(1 + score).mean(),
    "ls": lambda score: score.square().mean(),
    "original": lambda score: _bce(score, 0.0),
    "w": lambda score: score.mean(),
}
_ON_REAL: dict[str, Callable[[Tensor], Tensor]] = {
    "hinge": lambda score: F.relu(1 - score).mean(),
    "ls": lambda score: (score - 1).square().mean(),
    "original": lambda score: _bce(score, 1.0),
    "w": lambda score: -score.mean(),
}
_GENERATOR: dict[str, Callable[[Tensor], Tensor]] = _ON_REAL | {"hinge": lambda score: -score.mean()}

MODES = tuple(_ON_FAKE)


def generator_loss(fake: Prediction, mode: Mode = "hinge", *, over_scales: OverScales = "mean") -> Tensor:
    """What the generator pays for the discriminator's opinion of its pictures.

    Args:
        fake: the discriminator's answer to generated images.
        mode: "hinge" (SPADE), "ls": least squares (pix2pixHD), "original": binary cross-entropy (Goodfellow
            et al. 2014), "w": Wasserstein, without gradient penalty or clipping.
        over_scales: "mean" as SPADE, "sum" as pix2pixHD.

    Returns:
        a scalar.
    """
    return _over(fake, _pick(_GENERATOR, mode), over_scales)


def discriminator_loss(
    fake: Prediction, real: Prediction, mode: Mode = "hinge", *, over_scales: OverScales = "mean"
) -> tuple[Tensor, Tensor]:
    """What the discriminator pays, for fakes and for photographs; it minimises the sum of the two.

    pix2pixHD takes half of that sum. Arguments as in `generator_loss`.
    """
    return _over(fake, _pick(_ON_FAKE, mode), over_scales), _over(real, _pick(_ON_REAL, mode), over_scales)


def _pick(table: dict[str, Callable[[Tensor], Tensor]], mode: str) -> Callable[[Tensor], Tensor]:
    if mode not in table:
        raise ValueError(f"GAN mode is {mode!r}; allowed are {', '.join(MODES)}")
    return table[mode]


def _over(prediction: Prediction, loss: Callable[[Tensor], Tensor], over_scales: OverScales) -> Tensor:
    values = torch.stack([loss(scale[-1]) for scale in prediction])
    return values.sum() if over_scales == "sum" else values.mean()
