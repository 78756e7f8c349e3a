"""The networks SPADE's Table 3 compares it with: labels concatenated instead, and SPADE inside pix2pixHD++.

Park et al., CVPR 2019, section 4, Table 3. The paper gives sizes only; these are the layouts that reproduce
them. The compact ones are the same with `width` 48.
"""

from itertools import pairwise
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.base import GeneratorModule, configured
from semsynth.models.decoder import MULTIPLIERS, upsample
from semsynth.models.pix2pixhd import StemConv2d
from semsynth.ops.blocks import spectral_norm
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.pyramid import LabelLevel, LabelPyramid
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade


@configured
class ConcatGenerator(GeneratorModule):
    """SPADE's decoder without SPADE: affine batch norm, and the labels beside every convolution's input.

    Args:
        num_classes: K.
        width: base width (64 in the paper).
        instances: whether an edge channel of the instance map goes in with the labels.
        upsamplings: 5 or 6.
    """

    can_recompute = True

    def __init__(
        self, *, num_classes: int, width: int = 64, instances: bool = False, upsamplings: int = 5
    ) -> None:
        super().__init__(num_classes=num_classes, uses_instances=instances, stride=2**upsamplings)
        self.upsample = upsample(upsamplings)
        widths = [width * m for m in MULTIPLIERS]
        self.stem_labels = LabelConv2d(self.label_channels, widths[0], 3)
        self.blocks = nn.ModuleList(
            ConcatBlock(before, after, self.label_channels) for before, after in pairwise(widths)
        )
        self.to_image = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`."""
        x = self.stem_labels(pyramid.at(*(side // self.stride for side in pyramid.full.size)))
        for block, doubles in zip(self.blocks, self.upsample, strict=True):
            if doubles:
                x = F.interpolate(x, scale_factor=2)
            level = pyramid.at(x.shape[2], x.shape[3])
            x = self.run(block, x, level)
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]


class ConcatBlock(nn.Module):
    """SPADE's residual block with affine batch norm and concatenated labels, the shortcut included."""

    def __init__(self, in_channels: int, out_channels: int, label_channels: int) -> None:
        super().__init__()
        middle = min(in_channels, out_channels)
        self.norm_0, self.norm_1 = (BatchNorm2d(c, affine=True) for c in (in_channels, middle))
        self.conv_0 = spectral_norm(nn.Conv2d(in_channels + label_channels, middle, 3, padding=1))
        self.conv_1 = spectral_norm(nn.Conv2d(middle + label_channels, out_channels, 3, padding=1))
        self.norm_s: BatchNorm2d | None = None
        self.conv_s: nn.Conv2d | None = None
        if in_channels != out_channels:
            self.norm_s = BatchNorm2d(in_channels, affine=True)
            self.conv_s = spectral_norm(nn.Conv2d(in_channels + label_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor, level: LabelLevel) -> Tensor:
        """(B, in, h, w) and labels at (h, w) → (B, out, h, w)."""
        y = self.conv_0(_beside(F.leaky_relu(self.norm_0(x), SLOPE), level))
        y = self.conv_1(_beside(F.leaky_relu(self.norm_1(y), SLOPE), level))
        if self.norm_s is not None and self.conv_s is not None:
            x = self.conv_s(_beside(self.norm_s(x), level))
        return x + y  # type: ignore[no-any-return]


def _beside(x: Tensor, level: LabelLevel) -> Tensor:
    """Features and the labels' planes, stacked."""
    return torch.cat([x, level.dense(x.dtype)], 1)


@configured
class LabelledPix2PixHDGenerator(GeneratorModule):
    """pix2pixHD++ that sees the labels again further in.

    Args:
        num_classes: K.
        width: channels at full size (64 in the paper).
        instances: whether an edge channel of the instance map goes in with the labels.
        labels_by: "spade": SPADE in place of all norms; "concat": affine batch norm, and the labels beside
            the input of each residual block's first convolution.
        downsamplings: how often the picture is halved.
        blocks: residual blocks at the smallest size.
        hidden: width inside SPADE.
    """

    can_recompute = True
    min_cells = 2  # for a reflection at the smallest size

    def __init__(
        self,
        *,
        num_classes: int,
        width: int = 64,
        instances: bool = False,
        labels_by: Literal["spade", "concat"] = "spade",
        downsamplings: int = 4,
        blocks: int = 9,
        hidden: int = 128,
    ) -> None:
        super().__init__(num_classes=num_classes, uses_instances=instances, stride=2**downsamplings)
        channels = self.label_channels
        beside = channels if labels_by == "concat" else 0
        widths = [width * 2**i for i in range(downsamplings + 1)]
        wide = widths[-1]

        def layer(conv: nn.Conv2d | nn.ConvTranspose2d) -> LabelledLayer:
            spade = Spade(conv.out_channels, channels, hidden=hidden) if labels_by == "spade" else None
            return LabelledLayer(conv, spade)

        def reflecting(before: int) -> LabelledLayer:
            return layer(nn.Conv2d(before, wide, 3, padding=1, padding_mode="reflect"))

        self.stem = layer(StemConv2d(channels, width, 7, padding=3))
        self.down = nn.ModuleList(
            layer(nn.Conv2d(before, after, 3, stride=2, padding=1)) for before, after in pairwise(widths)
        )
        self.blocks = nn.ModuleList(
            LabelledResidualBlock(reflecting(wide + beside), reflecting(wide)) for _ in range(blocks)
        )
        self.up = nn.ModuleList(
            layer(nn.ConvTranspose2d(before, after, 3, stride=2, padding=1, output_padding=1))
            for before, after in pairwise(reversed(widths))
        )
        self.to_image = nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect")

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`."""
        x = self.stem.after(self.stem.conv(pyramid.full), pyramid)
        for layer in self.down:
            x = layer(x, pyramid)
        for block in self.blocks:
            x = self.run(block, x, pyramid)
        for layer in self.up:
            x = layer(x, pyramid)
        return self.to_image(x).tanh()  # type: ignore[no-any-return]


class LabelledLayer(nn.Module):
    """A convolution with spectral norm, then SPADE or an affine batch norm, then a ReLU."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d, spade: Spade | None) -> None:
        super().__init__()
        conv.bias = None  # the norm would take it out again
        self.conv = spectral_norm(conv)
        self.norm = BatchNorm2d(conv.out_channels, affine=True) if spade is None else spade

    def forward(self, x: Tensor, pyramid: LabelPyramid, slope: float = 0.0) -> Tensor:
        """(B, C, h, w) → (B, C', h', w'); `slope` 1 leaves the ReLU out."""
        return self.after(self.conv(x), pyramid, slope)

    def after(self, x: Tensor, pyramid: LabelPyramid, slope: float = 0.0) -> Tensor:
        """What follows the convolution."""
        if isinstance(self.norm, Spade):
            return self.norm(x, pyramid.at(x.shape[2], x.shape[3]), slope=slope)  # type: ignore[no-any-return]
        return F.leaky_relu(self.norm(x), slope)


class LabelledResidualBlock(nn.Module):
    """Two layers and the input added; the first takes the labels beside its input if it has room for them."""

    def __init__(self, first: LabelledLayer, second: LabelledLayer) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor, pyramid: LabelPyramid) -> Tensor:
        """(B, C, h, w) → the same."""
        seen = x
        if self.first.conv.in_channels > x.shape[1]:
            seen = _beside(x, pyramid.at(x.shape[2], x.shape[3]))
        y = self.first(seen, pyramid)
        return x + self.second(y, pyramid, slope=1.0)  # type: ignore[no-any-return]
