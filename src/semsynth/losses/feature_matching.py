"""Feature matching: distance between the discriminator's features of generated images and photographs."""

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.losses.gan import Prediction


def feature_matching_loss(fake: Prediction, real: Prediction, *, with_last: bool = False) -> Tensor:
    """Mean absolute difference per feature map, summed over the layers, averaged over the scales.

    Published weight: 10 (SPADE; and pix2pixHD with its default depth). CC-FPSE averages over its four maps
    with weight 20: pass each map as a scale of one layer, `with_last=True`.

    Args:
        fake: [scale][layer] features of generated images.
        real: The same of photographs; no gradient.
        with_last: Also match the last tensor of each scale, which is the score in a `Prediction`.

    Returns:
        A scalar.
    """
    terms = [
        F.l1_loss(ours, theirs.detach())
        for fake_scale, real_scale in zip(fake, real, strict=True)
        for ours, theirs in list(zip(fake_scale, real_scale, strict=True))[: None if with_last else -1]
    ]
    return torch.stack(terms).sum() / len(fake)
