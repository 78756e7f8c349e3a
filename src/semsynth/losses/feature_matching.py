"""Feature matching: the discriminator's features of the fake should be those of the photograph."""

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.losses.gan import Prediction


def feature_matching_loss(fake: Prediction, real: Prediction, *, with_last: bool = False) -> Tensor:
    """Mean absolute difference per feature map, summed over the layers, averaged over the scales.

    Published weight: 10 (SPADE; and pix2pixHD with its default depth). CC-FPSE averages over its four maps
    with weight 20: give each map as a scale of one layer, `with_last=True`.

    Args:
        fake: [scale][layer] features of generated images.
        real: the same of photographs; gradients do not pass.
        with_last: also match the last tensor of each scale, which in a `Prediction` is the score.

    Returns:
        a scalar.
    """
    terms = [
        F.l1_loss(ours, theirs.detach())
        for fake_scale, real_scale in zip(fake, real, strict=True)
        for ours, theirs in list(zip(fake_scale, real_scale, strict=True))[: None if with_last else -1]
    ]
    return torch.stack(terms).sum() / len(fake)
