"""A patch discriminator, and beside it projected heads that score what a frozen network sees in the pictures.

A network that has seen a million photographs knows what real things look like; discriminating in its
features makes the most of few photographs (Sauer et al. 2021, "Projected GANs converge faster", section 3;
Kumari et al. 2022, "Ensembling off-the-shelf models for GAN training"). Heads see the labels too, so what is
scored is whether a picture looks like a photograph *of this label map*. The patch discriminator keeps the
pixels honest, which no feature of a classifier does.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.discriminators.patchgan import MultiscaleDiscriminator
from semsynth.ops.blocks import spectral_norm

SLOPE = 0.2
FLOOR = 1e-3
"""Least spread a feature is divided by."""


class FeatureMixing(nn.Module):
    """Standardised features of all stages, mixed by fixed random convolutions.

    Across channels by a 1x1 convolution each, then from coarse to fine, so that a head cannot look at one
    channel or one stage alone (Sauer et al. 2021, section 3.2). Nothing here learns: weights are buffers.

    Args:
        channels: of the stages, fine to coarse; each stage has half the sides of the one before.
        width: of every mixed stage.
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(0)
        self.measured: Tensor
        self.register_buffer("measured", torch.zeros((), dtype=torch.bool))
        for i, count in enumerate(channels):
            across = torch.randn(width, count, 1, 1, dtype=torch.float32, generator=rng) / count**0.5
            down = torch.randn(width, width, 3, 3, dtype=torch.float32, generator=rng) / (9 * width) ** 0.5
            self.register_buffer(f"across_{i}", across)
            self.register_buffer(f"down_{i}", down)
            self.register_buffer(f"mean_{i}", torch.zeros(count, dtype=torch.float32))
            self.register_buffer(f"deviation_{i}", torch.ones(count, dtype=torch.float32))
        self.stages = len(channels)

    @torch.no_grad()
    def measure(self, batches: Sequence[Sequence[Tensor]]) -> None:
        """Take mean and deviation of each channel from photographs' features, [batch][stage] (B,C,h,w)."""
        for i in range(self.stages):
            values = torch.cat([batch[i].float().transpose(0, 1).flatten(1) for batch in batches], 1)  # (C,n)
            self.get_buffer(f"mean_{i}").copy_(values.mean(1))
            self.get_buffer(f"deviation_{i}").copy_(values.std(1).clamp_min(FLOOR))
        self.measured.fill_(True)

    def forward(self, features: Sequence[Tensor]) -> list[Tensor]:
        """(B,C,h,w) a stage → (B,width,h,w) a stage."""
        mixed: list[Tensor] = []
        for i in reversed(range(self.stages)):
            mean, deviation = self.get_buffer(f"mean_{i}"), self.get_buffer(f"deviation_{i}")
            across = self.get_buffer(f"across_{i}") / deviation[:, None, None]  # standardised on the way
            shift = -(across[:, :, 0, 0] @ mean)
            x = F.conv2d(features[i], across, shift)
            if mixed:
                above = F.interpolate(mixed[-1], scale_factor=2, mode="nearest")
                x = (x + above[:, :, : x.shape[2], : x.shape[3]]) * 0.5**0.5
            mixed.append(F.conv2d(x, self.get_buffer(f"down_{i}"), padding=1))
        return mixed[::-1]


class FeatureHead(nn.Module):
    """Scores of one stage: two convolutions, and a product with the embedded labels (Miyato, Koyama 2018).

    Args:
        in_channels: of the mixed stage.
        num_classes: K.
        width: of the head.
    """

    def __init__(self, in_channels: int, num_classes: int, width: int) -> None:
        super().__init__()
        self.first = spectral_norm(nn.Conv2d(in_channels, width, 3, padding=1))
        self.second = spectral_norm(nn.Conv2d(width, width, 3, padding=1))
        self.score = spectral_norm(nn.Conv2d(width, 1, 1))
        self.embedding = spectral_norm(nn.Conv2d(num_classes, width, 1, bias=False))

    def forward(self, features: Tensor, shares: Tensor) -> Tensor:
        """Features (B,C,h,w), shares of the classes (B,K,h,w) → scores (B,1,h,w)."""
        x = F.leaky_relu(self.first(features), SLOPE)
        x = F.leaky_relu(self.second(x), SLOPE)
        product = (x * self.embedding(shares)).sum(1, keepdim=True)
        out: Tensor = self.score(x) + product
        return out


class ProjectedDiscriminator(nn.Module):
    """See the module. Stages are those of strides 4, 8, 16 and 32.

    Args:
        num_classes: K.
        instances: whether the patch discriminator sees instance edges.
        feature_channels: of the frozen network's four stages; those of EfficientNet-Lite0 by default.
        head_width: channels of the mixed stages and of the heads.
        width: channels of the patch discriminator's first layer; doubled by each up to 512.
        layers: its hidden layers.
        scales: how many patch discriminators there are, each at half the size of the one before.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        instances: bool = False,
        feature_channels: Sequence[int] = (24, 40, 112, 320),
        head_width: int = 64,
        width: int = 64,
        layers: int = 4,
        scales: int = 2,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.patches = MultiscaleDiscriminator(
            num_classes=num_classes, instances=instances, width=width, layers=layers, scales=scales
        )
        self.mixing = FeatureMixing(feature_channels, head_width)
        self.heads = nn.ModuleList(FeatureHead(head_width, num_classes, head_width) for _ in feature_channels)

    def score_features(self, features: Sequence[Tensor], shares: Sequence[Tensor]) -> list[list[Tensor]]:
        """Features (n*B,C,h,w) of n pictures a label map, shares (B,K,h,w) → [stage][one map of scores]."""
        scores = []
        for head, seen, share in zip(self.heads, self.mixing(features), shares, strict=True):
            scores.append([head(seen, share.repeat(len(seen) // len(share), 1, 1, 1))])
        return scores
