"""Adversarial losses of a multi-scale discriminator."""

from collections.abc import Callable, Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Prediction = Sequence[Sequence[Tensor]]
"""[scale][layer]: a discriminator's output; each scale ends with its map of scores, (B,1,h,w)."""

Mode = Literal["hinge", "ls", "original", "w"]
OverScales = Literal["mean", "sum"]


def _bce(score: Tensor, target: float) -> Tensor:
    return F.binary_cross_entropy_with_logits(score, torch.full_like(score, target))


# The discriminator's loss of a fake and of a real score, and the generator's loss of a fake score.
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
    """Adversarial loss of the generator.

    Args:
        fake: The discriminator's output for generated images.
        mode: "hinge" (SPADE), "ls": least squares (pix2pixHD), "original": binary cross-entropy (Goodfellow
            et al. 2014), "w": Wasserstein, without gradient penalty or clipping.
        over_scales: "mean" as SPADE, "sum" as pix2pixHD.

    Returns:
        A scalar.
    """
    return _over(fake, _pick(_GENERATOR, mode), over_scales)


def discriminator_loss(
    fake: Prediction, real: Prediction, mode: Mode = "hinge", *, over_scales: OverScales = "mean"
) -> tuple[Tensor, Tensor]:
    """Adversarial losses of the discriminator on generated images and on photographs; it minimises their sum.

    pix2pixHD minimises half of that sum.

    Args:
        fake: The discriminator's output for generated images.
        real: The discriminator's output for photographs.
        mode: See `generator_loss`.
        over_scales: See `generator_loss`.

    Returns:
        Two scalars, for `fake` and `real`.
    """
    return _over(fake, _pick(_ON_FAKE, mode), over_scales), _over(real, _pick(_ON_REAL, mode), over_scales)


def _pick(table: dict[str, Callable[[Tensor], Tensor]], mode: str) -> Callable[[Tensor], Tensor]:
    if mode not in table:
        raise ValueError(f"GAN mode is {mode!r}; allowed are {', '.join(MODES)}")
    return table[mode]


def _over(prediction: Prediction, loss: Callable[[Tensor], Tensor], over_scales: OverScales) -> Tensor:
    values = torch.stack([loss(scale[-1]) for scale in prediction])
    return values.sum() if over_scales == "sum" else values.mean()
