"""Cascaded refinement network: one module per resolution, no encoder, no noise, no adversary.

Chen, Koltun: "Photographic Image Synthesis with Cascaded Refinement Networks", ICCV 2017: section 3.2 (the
cascade), section 3.4 (several pictures from one network). Its loss is `semsynth.losses.crn`.
"""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.base import GeneratorModule, configured
from semsynth.ops.edges import one_hot
from semsynth.ops.pyramid import LabelPyramid

SLOPE = 0.2
NORM_EPSILON = 1e-12

SHARE_OF_WIDTH = {128: 2, 256: 2, 512: 8, 1024: 32}
"""By what the width is divided at a module's published height; smaller modules have all of it."""

PRESETS: dict[str, dict[str, Any]] = {
    "256": {"num_images": 9},
    "512": {"modules": 8},
    "1024": {"modules": 9},
}
"""The published networks by picture height: nine pictures at 256; each larger one starts from the smaller."""


class NormedConv2d(nn.Sequential):
    """3x3 convolution without bias, layer norm over (C, H, W) of each picture, leaky ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.GroupNorm(1, out_channels, eps=NORM_EPSILON),
            nn.LeakyReLU(SLOPE),
        )


@configured
class CRNGenerator(GeneratorModule):
    """The cascade. Every module doubles what it was given and sees the labels again at its own size.

    The weights do not depend on the picture's size: 256x256 starts at 4x4, Cityscapes' 256x512 at 4x8.

    Args:
        num_classes: K.
        width: channels of the small modules (1024 published).
        modules: how many; seven take a base of 4 to 256.
        num_images: pictures drawn at once for the diverse loss (nine at 256, one above).
    """

    can_recompute = True

    def __init__(self, *, num_classes: int, width: int = 1024, modules: int = 7, num_images: int = 1) -> None:
        super().__init__(num_classes=num_classes, stride=2 ** (modules - 1))
        self.num_images = num_images
        widths = [width // SHARE_OF_WIDTH.get(4 * 2**i, 1) for i in range(modules)]
        self.cascade = nn.ModuleList(
            nn.Sequential(NormedConv2d(before + num_classes, own), NormedConv2d(own, own))
            for before, own in pairwise([0, *widths])
        )
        self.to_images = nn.Conv2d(widths[-1], 3 * num_images, 1)
        initialize_like_slim(self)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """The first picture; clamped to [-1, 1] except in training."""
        image = self._images(pyramid)[:, 0]
        return image if self.training else image.clamp(-1.0, 1.0)

    def all_images(self, labels: Tensor) -> Tensor:
        """Every picture the network draws, unclamped as its loss wants them.

        Args:
            labels: (B, H, W) ids.

        Returns:
            (B, num_images, 3, H, W), about [-1, 1].

        Raises:
            SemsynthError: labels out of range, or a size the cascade cannot end at.
        """
        return self._images(self.pyramid(labels))

    def _images(self, pyramid: LabelPyramid) -> Tensor:
        planes = one_hot(
            pyramid.full.labels, self.num_classes, dtype=self.to_images.weight.dtype
        )  # (B,K,H,W)
        # Area averages: the labels grow soft towards the base and are never made hard again.
        shrinking = [planes]
        for _ in self.cascade[1:]:
            shrinking.append(F.avg_pool2d(shrinking[-1], 2))
        x = self.run(self.cascade[0], shrinking.pop())
        for module in self.cascade[1:]:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
            x = self.run(module, torch.cat([x, shrinking.pop()], 1))
        # Channels hold the reds of all pictures, then the greens, then the blues.
        channels: Tensor = self.to_images(x)
        images: Tensor = channels.unflatten(1, (3, self.num_images)).transpose(1, 2)  # (B,num_images,3,H,W)
        return images

    def start_from(self, smaller: GeneratorModule) -> None:
        """Take over a network of the same size, or one for smaller pictures.

        Of the latter the modules; what lies above them, and the last convolution, stay as they were.

        Raises:
            RuntimeError: the two differ in width or classes, or the other is the larger.
        """
        if isinstance(smaller, CRNGenerator) and len(smaller.cascade) < len(self.cascade):
            for mine, theirs in zip(self.cascade, smaller.cascade, strict=False):
                mine.load_state_dict(theirs.state_dict())
        else:
            super().start_from(smaller)

    def outer_parameters(self) -> list[nn.Parameter]:
        """The two last modules, which alone are trained at the largest published size."""
        return [p for part in (*self.cascade[-2:], self.to_images) for p in part.parameters()]


def initialize_like_slim(network: nn.Module) -> None:
    """Draw every convolution Xavier uniform with zero bias, as the published networks began."""
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
