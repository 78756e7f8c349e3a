"""Distances between statistics of pictures: colours, and textures as mean and deviation of features.

Statistics of features are what a texture is (Gatys et al. 2015; mean and deviation: Huang and Belongie 2017,
section 5). A smooth picture is as far from a photograph as a rough one is, where a distance taken pixel by
pixel prefers the smooth one.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

COLOR_SQUARES = 8
"""Squares a side in `color_distance`."""

SPREAD_FLOOR = 1e-3
"""Least deviation a distance is divided by, and that a deviation has: its root has a slope there too."""

LEAST_SHARE = 0.01
"""Of a picture, that a class must fill in the photograph to say how it looks."""


def color_distance(fake: Tensor, real: Tensor) -> Tensor:
    """Mean absolute difference of colours averaged over a grid of squares, pictures (B, 3, H, W).

    A classifier's features care little for colour, and a style to be taken from a photograph is mostly
    that. Squares are so large that nothing of a texture is asked for.
    """
    fake, real = (F.adaptive_avg_pool2d(picture, COLOR_SQUARES) for picture in (fake, real))
    return F.l1_loss(fake, real)


def statistics_distance(fake: Sequence[Tensor], real: Sequence[Tensor], *, squares: int) -> Tensor:
    """Difference of the mean and deviation of every feature (B, C, h, w) over squares, averaged over stages.

    In units of the photographs' mean deviation.

    Args:
        fake: a tensor a stage.
        real: likewise.
        squares: a side; 1 is the whole picture.
    """
    total = fake[0].new_zeros((), dtype=torch.float32)
    for ours, theirs in zip(fake, real, strict=True):
        mean, deviation = _over_squares(ours, squares)
        mean_real, deviation_real = _over_squares(theirs, squares)
        distance = F.l1_loss(mean, mean_real) + F.l1_loss(deviation, deviation_real)
        total = total + distance / deviation_real.mean().clamp_min(SPREAD_FLOOR)
    return total / len(fake)


def class_statistics_distance(
    fake: Sequence[Tensor],
    real: Sequence[Tensor],
    shares_fake: Sequence[Tensor],
    shares_real: Sequence[Tensor],
) -> Tensor:
    """The same class by class: sky is compared with sky and sea with sea, wherever in the picture they are.

    Only what both pictures show is compared; a class counts by the share of the fake it fills (Gatys et al.
    2017, "Controlling perceptual factors in neural style transfer", section 4, with label maps as guides).
    In units of the photographs' mean deviation within classes.

    Args:
        fake: features (B, C, h, w), a tensor a stage.
        real: likewise; gradients do not pass.
        shares_fake: how much of each class lies under each feature, (B, K, h, w) a stage.
        shares_real: likewise.
    """
    total = fake[0].new_zeros((), dtype=torch.float32)
    with torch.autocast(fake[0].device.type, enabled=False):  # a variance is no number of eight bits
        for ours, theirs, under, under_real in zip(fake, real, shares_fake, shares_real, strict=True):
            mean, deviation, area = _over_classes(ours, under)
            with torch.no_grad():
                mean_real, deviation_real, area_real = _over_classes(theirs, under_real)
                unit = (area_real * deviation_real.mean(2)).sum() / area_real.sum().clamp_min(SPREAD_FLOOR)
                counts = area * (area_real > LEAST_SHARE)
            apart = ((mean - mean_real).abs() + (deviation - deviation_real).abs()).mean(2)  # (B,K)
            total = total + (counts * apart).sum(1).mean() / unit.clamp_min(SPREAD_FLOOR)
    return total / len(fake)


def group_statistics(shares: Tensor, groups: Tensor) -> Tensor:
    """Shares over which the statistics of classes are taken: of a missing class, those of its whole group.

    A photograph without a river tells by its sea what light there is on water.

    Args:
        shares: (B, K, h, w) how much of each class lies under each position.
        groups: (K, K) 1 where two classes are of one group, a class and itself included, else 0.

    Returns:
        (B, K, h, w), in the type of `groups`. They no longer sum to 1.
    """
    shares = shares.to(groups.dtype)
    lacking = shares.mean((2, 3), keepdim=True) <= LEAST_SHARE
    return torch.where(lacking, torch.einsum("kj,bjhw->bkhw", groups, shares), shares)


def _over_squares(features: Tensor, squares: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation, (B, C, squares, squares) float32."""
    features = features.float()
    mean = F.adaptive_avg_pool2d(features, squares)
    variance = F.adaptive_avg_pool2d(features.square(), squares) - mean.square()
    return mean, _root(variance)


def _over_classes(features: Tensor, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and deviation in each class's region, (B, K, C) float32, and the region's share (B, K)."""
    values, under = features.float().flatten(2), shares.float().flatten(2)  # (B,C,n), (B,K,n)
    area = under.mean(2)
    weights = under / under.sum(2, keepdim=True).clamp_min(SPREAD_FLOOR)
    mean = weights @ values.transpose(1, 2)
    variance = weights @ values.square().transpose(1, 2) - mean.square()
    return mean, _root(variance), area


def _root(variance: Tensor) -> Tensor:
    return (variance.clamp_min(0) + SPREAD_FLOOR**2).sqrt()
