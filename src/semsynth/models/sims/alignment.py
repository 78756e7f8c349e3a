"""Fitting a retrieved segment to the place it is wanted in: an affine warp, kept only where it helps.

Qi et al., CVPR 2018: a spatial transformer. It starts as the identity.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.crn import NormedConv2d

SCALE_RANGE = (0.9, 1.1)
SHIFT_RANGE = 0.0625
"""Training pairs are rescaled and shifted over these ranges; shifts are a share of the side."""

SEGMENTS_AT_ONCE = 10
"""How many segments of one picture a training step puts back."""


class SegmentTrunk(nn.Sequential):
    """VGG-16's convolutions with layer norm, then one vector: (B, C, H, W) → (B, 8 * width, 1, 1)."""

    def __init__(self, in_channels: int, width: int = 64) -> None:
        layers: list[nn.Module] = []
        before = in_channels
        for stage, (depth, factor) in enumerate([(2, 1), (2, 2), (3, 4), (3, 8), (3, 8)]):
            for _ in range(depth):
                layers.append(NormedConv2d(before, factor * width))
                before = factor * width
            # A window of three that hangs over the far side only; the first averages what it has.
            pool = nn.AvgPool2d if stage == 0 else nn.MaxPool2d
            layers.append(pool(3, 2, ceil_mode=True))
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1))


class AlignmentNetwork(nn.Module):
    """Predicts the affine map that makes a segment fit a mask.

    Args:
        num_classes: K.
        width: channels of the first stage (64 published).
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.trunk = SegmentTrunk(3 + 1 + num_classes, width)
        # Bare parameters, for a fresh network must predict the identity however its layers are drawn.
        self.weight = nn.Parameter(torch.zeros(6, 8 * width, dtype=torch.float32))
        self.bias = nn.Parameter(identity(1).flatten().clone())

    @property
    def trained(self) -> bool:
        """Whether it can predict anything but the identity."""
        return bool(self.weight.any()) or not torch.equal(self.bias.float().cpu(), identity(1).flatten())

    def forward(self, segments: Tensor, wanted: Tensor, labels: Tensor) -> Tensor:
        """Predict.

        Args:
            segments: (B, 3, H, W) colours in [0, 1], black outside the segment.
            wanted: (B, 1, H, W) the mask to fill.
            labels: (B, K, H, W) one-hot planes of the label map.

        Returns:
            (B, 2, 3) maps from places in the result to places in the segment's picture, in [-1, 1].
        """
        vector = self.trunk(torch.cat([segments, wanted, labels], 1)).flatten(1)
        return F.linear(vector, self.weight, self.bias).unflatten(1, (2, 3))  # type: ignore[no-any-return]


def identity(batch: int) -> Tensor:
    """(batch, 2, 3) maps that change nothing."""
    return torch.eye(2, 3, dtype=torch.float32).expand(batch, 2, 3)


def warp(planes: Tensor, theta: Tensor) -> Tensor:
    """Apply maps (B, 2, 3) to planes (B, C, H, W), bilinear, zero from outside."""
    grid = F.affine_grid(theta, list(planes.shape), align_corners=False)
    return F.grid_sample(planes, grid, align_corners=False)


def fit(segments: Tensor, masks: Tensor, wanted: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Warp segments where that fills the wanted masks better, and leave the others as they are.

    Args:
        segments: (B, 3, H, W) colours.
        masks: (B, 1, H, W) of the segments, 0 or 1.
        wanted: (B, 1, H, W), 0 or 1.
        theta: (B, 2, 3).

    Returns:
        segments and masks (0 or 1), of the same shapes.
    """
    warped_masks = (warp(masks, theta) > 0.5).to(masks.dtype)
    better = overlap(warped_masks, wanted) > overlap(masks, wanted)
    choose = better[:, None, None, None]
    return torch.where(choose, warp(segments, theta), segments), torch.where(choose, warped_masks, masks)


def overlap(masks: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of (B, 1, H, W) masks: (B,)."""
    both = (masks * others).sum((1, 2, 3))
    return both / (masks.sum((1, 2, 3)) + others.sum((1, 2, 3)) - both).clamp(min=1)


def alignment_loss(warped: Tensor, wanted: Tensor, image: Tensor) -> Tensor:
    """L1 between the picture put together from warped segments and the photograph, over their masks.

    Args:
        warped: (n, 3, H, W) the segments of one picture, colours in [0, 1].
        wanted: (n, 1, H, W) their masks.
        image: (3, H, W) the photograph in [0, 1].

    Returns:
        a scalar, in 8-bit levels a pixel.
    """
    together = (warped * wanted).sum(0)
    covered = wanted.amax(0)
    return 255 * ((together - image) * covered).abs().sum() / (covered.sum() + 1)


def random_misfit(batch: int, source: torch.Generator | None = None) -> Tensor:
    """Maps that shrink or grow and shift a segment at random, for it to be put back: (batch, 2, 3).

    As released, no rotation is applied.
    """
    low, high = SCALE_RANGE
    scale = low + (high - low) * torch.rand(batch, dtype=torch.float32, generator=source)
    shift = SHIFT_RANGE * (torch.rand(batch, 2, dtype=torch.float32, generator=source) - 0.5)
    theta = identity(batch) * scale[:, None, None]
    # In sampling coordinates a share s of the side is 2 s.
    return torch.cat([theta[:, :, :2], 2 * shift[:, :, None]], 2)


def training_loss(
    network: AlignmentNetwork,
    image: Tensor,
    masks: Tensor,
    labels: Tensor,
    source: torch.Generator | None = None,
) -> Tensor:
    """Move segments of a photograph a little, and let the network put them back.

    Args:
        network: the one that is trained.
        image: (3, H, W) in [0, 1].
        masks: (n, 1, H, W) of its segments; `SEGMENTS_AT_ONCE` of them are drawn.
        labels: (1, K, H, W) one-hot planes.
        source: of the draws.

    Returns:
        `alignment_loss`.
    """
    masks = masks[torch.randperm(len(masks), generator=source)[:SEGMENTS_AT_ONCE].to(masks.device)]
    misfit = random_misfit(len(masks), source).to(image)
    moved = warp(image * masks, misfit)
    theta = network(moved, masks, labels.expand(len(masks), -1, -1, -1))
    return alignment_loss(warp(moved, theta), masks, image)
