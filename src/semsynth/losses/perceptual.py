"""Perceptual loss: distance between the features of two images in a frozen network."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

VGG19_WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)
"""Published weights of relu1_1, relu2_1, relu3_1, relu4_1, relu5_1 (pix2pixHD, SPADE)."""

_FLOOR = 1e-6
"""Least size of features a distance is divided by, so that a black feature map does not divide by zero."""


def perceptual_loss(
    features: Callable[[Tensor], Sequence[Tensor]],
    fake: Tensor,
    real: Tensor,
    weights: Sequence[float] = VGG19_WEIGHTS,
    *,
    relative: bool = False,
) -> Tensor:
    """Weighted sum over stages of mean |features(fake) - features(real)|.

    With VGG-19 and `VGG19_WEIGHTS` this is the published loss, with a weight of 10. In other networks the
    sizes of features differ between stages. `relative` divides the distance of each stage by the mean
    |features(real)|.

    Args:
        features: A frozen network: image (B,3,H,W) in [-1,1] → one tensor per stage.
        fake: (B,3,H,W) in [-1,1].
        real: (B,3,H,W) in [-1,1]; no gradient.
        weights: One per stage; 0 leaves a stage out.
        relative: See above.

    Returns:
        A scalar.

    Raises:
        ValueError: The numbers of weights and stages differ.
    """
    with torch.no_grad():
        targets = features(real.detach())
    return feature_distance(features(fake), targets, weights, relative=relative)


def feature_distance(
    fake: Sequence[Tensor], real: Sequence[Tensor], weights: Sequence[float], *, relative: bool = False
) -> Tensor:
    """`perceptual_loss` of given features: one tensor per stage, of generated images and of photographs."""
    if len(fake) != len(weights):
        raise ValueError(f"{len(weights)} weights for a network of {len(fake)} stages")
    total = fake[0].new_zeros(())
    for ours, theirs, weight in zip(fake, real, weights, strict=True):
        if weight == 0:
            continue
        distance = F.l1_loss(ours, theirs)
        if relative:
            distance = distance / theirs.abs().mean().clamp_min(_FLOOR)
        total = total + weight * distance
    return total
