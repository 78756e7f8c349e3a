"""CC-FPSE's generator: convolution kernels predicted from the label map, pixel by pixel.

Liu, Yin, Shao, Wang, Li: "Learning to Predict Layout-to-Image Conditional Convolutions for Semantic Image
Synthesis", NeurIPS 2019: section 3.1 (predicted depthwise kernels and gates), section 3.2 (the pyramid that
predicts them). Its discriminator is in `semsynth.models.discriminators`.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.base import GeneratorModule, check_style, configured
from semsynth.models.decoder import MULTIPLIERS, latent_grid, upsample
from semsynth.models.oasis import NoisySpade
from semsynth.ops.blocks import conv_norm, spectral_norm
from semsynth.ops.init import init_as
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.pyramid import LabelLevel, LabelPyramid
from semsynth.ops.spade import SLOPE, LabelConv2d

CHANNELS_AT_ONCE = 32
"""How many channels' kernels are held at once where no gradient is wanted."""


@configured
class CCFPSEGenerator(GeneratorModule):
    """Labels, and where wanted a style, to a picture.

    Args:
        num_classes: K.
        width: base width (64 published).
        instances: whether an edge channel of the instance map goes in with the labels.
        style_dim: Z (256 published) of a style the stem is a linear map of; None: a stem of the labels.
        latent_size: (h, w) the linear stem was built for; another is reached by bilinear resizing.
        upsamplings: 5, or 6 as published for Cityscapes.
        hidden: width inside the networks that predict (128 published).
    """

    can_recompute = True

    def __init__(
        self,
        *,
        num_classes: int,
        width: int = 64,
        instances: bool = False,
        style_dim: int | None = None,
        latent_size: tuple[int, int] = (8, 8),
        upsamplings: int = 5,
        hidden: int = 128,
    ) -> None:
        super().__init__(
            num_classes=num_classes, uses_instances=instances, style_dim=style_dim, stride=2**upsamplings
        )
        self.upsample = upsample(upsamplings)
        self.latent_size = (int(latent_size[0]), int(latent_size[1]))
        widths = [width * m for m in MULTIPLIERS]
        channels = self.label_channels
        self.stem_labels = LabelConv2d(channels, widths[0], 3) if style_dim is None else None
        self.stem_style: nn.Linear | None = None
        if style_dim is not None:
            self.stem_style = nn.Linear(style_dim, widths[0] * self.latent_size[0] * self.latent_size[1])
        self.trunk = SemanticPyramid(channels, width, upsamplings)
        self.blocks = nn.ModuleList(
            ConditionalBlock(before, after, channels, width, hidden) for before, after in pairwise(widths)
        )
        self.to_image = nn.Conv2d(widths[-1], 3, 3, padding=1)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`."""
        features = {(f.shape[2], f.shape[3]): f for f in self.trunk(pyramid.full)}
        height, width = (side // self.stride for side in pyramid.full.size)
        x = self._stem(pyramid.at(height, width), style)  # (B,16w,h,w)
        for block, doubles in zip(self.blocks, self.upsample, strict=True):
            if doubles:
                x = F.interpolate(x, scale_factor=2)
            level = pyramid.at(x.shape[2], x.shape[3])
            x = self.run(block, x, level, features[level.size])
        return self.to_image(F.leaky_relu(x, SLOPE)).tanh()  # type: ignore[no-any-return]

    def _stem(self, level: LabelLevel, style: Tensor | None) -> Tensor:
        if self.stem_style is None:
            assert self.stem_labels is not None
            return self.stem_labels(level)  # type: ignore[no-any-return]
        values = self.stem_style(check_style(style, len(level.labels), self.style_dim))
        return latent_grid(values, self.latent_size, level.size)


class SemanticPyramid(nn.Module):
    """What the predicted kernels are predicted from: one feature map of the labels per resolution.

    Down by strided convolutions; back up by nearest doubling, adding the map of that size (through a 1x1
    convolution) and a 3x3 convolution over the sum.

    Args:
        label_channels: planes of the label map's dense form.
        width: channels of every map.
        halvings: how often the full size is halved.
    """

    def __init__(self, label_channels: int, width: int, halvings: int) -> None:
        super().__init__()

        def layers(kernel_size: int, stride: int = 1) -> nn.ModuleList:
            padding = kernel_size // 2
            convs = (nn.Conv2d(width, width, kernel_size, stride, padding) for _ in range(halvings))
            return nn.ModuleList(_trunk_layer(conv) for conv in convs)

        self.first = _trunk_layer(LabelConv2d(label_channels, width, 3))
        self.down = layers(3, stride=2)
        self.lateral = layers(1)
        self.merge = layers(3)

    def forward(self, level: LabelLevel) -> list[Tensor]:
        """Labels at (h, w) → (B, width, h / 2^i, w / 2^i), the coarsest (i = halvings) first."""
        maps = [self.first(level)]
        for convolution in self.down:
            maps.append(convolution(maps[-1]))
        merged = [maps.pop()]
        for lateral, merge in zip(reversed(self.lateral), reversed(self.merge), strict=True):
            merged.append(merge(F.interpolate(merged[-1], scale_factor=2) + lateral(maps.pop())))
        return merged


def _trunk_layer(conv: nn.Conv2d) -> nn.Sequential:
    return nn.Sequential(conv_norm(conv, "sync_batch"), nn.LeakyReLU(SLOPE))


class ConditionalBlock(nn.Module):
    """A residual block whose two depthwise convolutions and two gates are predicted from the labels.

    Args:
        in_channels: of the input.
        out_channels: of the result; the width between is the smaller of both.
        label_channels: planes of the label map's dense form.
        feature_channels: channels of the semantic features.
        hidden: width inside the predictions.
    """

    def __init__(
        self, in_channels: int, out_channels: int, label_channels: int, feature_channels: int, hidden: int
    ) -> None:
        super().__init__()
        middle = min(in_channels, out_channels)
        # The first layers of the four predictions, stacked: kernels 0 and 1, gates 0 and 1.
        self.shared = init_as(LabelConv2d(label_channels, 4 * hidden, 3), chunks=4)
        features = nn.Conv2d(feature_channels, 4 * hidden, 3, padding=1, bias=False)
        self.shared_features = init_as(features, chunks=4)
        self.kernels_0 = nn.Conv2d(hidden, 9 * in_channels, 3, padding=1)
        self.kernels_1 = nn.Conv2d(hidden, 9 * middle, 3, padding=1)
        self.gate_0 = nn.Conv2d(hidden, middle, 3, padding=1)
        self.gate_1 = nn.Conv2d(hidden, out_channels, 3, padding=1)
        self.norm_0, self.norm_1 = (BatchNorm2d(c, affine=True) for c in (in_channels, middle))
        self.point_0 = nn.Conv2d(in_channels, middle, 1)
        self.point_1 = nn.Conv2d(middle, out_channels, 1)
        self.spade_s: NoisySpade | None = None
        self.conv_s: nn.Module | None = None
        if in_channels != out_channels:
            # The features take the place of OASIS's noise: dense planes beside the labels.
            self.spade_s = NoisySpade(in_channels, label_channels, feature_channels, hidden=hidden)
            self.conv_s = spectral_norm(nn.Conv2d(in_channels, out_channels, 1, bias=False))

    def forward(self, x: Tensor, level: LabelLevel, features: Tensor) -> Tensor:
        """Features (B, in, h, w), labels and their features (B, F, h, w) of that size → (B, out, h, w)."""
        hidden = F.relu(self.shared(level) + self.shared_features(features)).chunk(4, 1)
        y = predicted_depthwise(self.norm_0(x), hidden[0], self.kernels_0)
        y = F.leaky_relu(self.point_0(y) * torch.sigmoid(self.gate_0(hidden[2])), SLOPE)
        y = predicted_depthwise(self.norm_1(y), hidden[1], self.kernels_1)
        y = F.leaky_relu(self.point_1(y) * torch.sigmoid(self.gate_1(hidden[3])), SLOPE)
        if self.spade_s is not None and self.conv_s is not None:
            x = self.conv_s(self.spade_s(x, level, features))
        return x + y


def depthwise(x: Tensor, kernels: Tensor) -> Tensor:
    """Convolve every channel at every pixel with a 3x3 kernel of its own, zero outside the picture.

    A sum of nine shifted products: the nine copies of the input that unfolding makes are never made.

    Args:
        x: (B, C, h, w).
        kernels: (B, C * 9, h, w), channel-major, the nine taps in raster order.

    Returns:
        (B, C, h, w).
    """
    height, width = x.shape[2:]
    padded = F.pad(x, (1, 1, 1, 1))
    taps = kernels.unflatten(1, (-1, 9)).unbind(2)
    total = padded[:, :, :height, :width] * taps[0]
    for i, tap in enumerate(taps[1:], 1):
        row, column = divmod(i, 3)
        total = torch.addcmul(total, padded[:, :, row : row + height, column : column + width], tap)
    return total  # type: ignore[no-any-return]


def predicted_depthwise(x: Tensor, hidden: Tensor, predict: nn.Conv2d) -> Tensor:
    """`depthwise(x, predict(hidden))`; without gradients a few channels at a time.

    The kernels of all channels are the largest tensor of the network by far (300 MB a picture at 256x256);
    only a gradient needs them all at once.
    """
    if torch.is_grad_enabled():
        return depthwise(x, predict(hidden))
    assert predict.bias is not None
    rows = 9 * CHANNELS_AT_ONCE
    parts = zip(
        x.split(CHANNELS_AT_ONCE, 1), predict.weight.split(rows), predict.bias.split(rows), strict=True
    )
    return torch.cat([depthwise(part, F.conv2d(hidden, w, b, padding=1)) for part, w, b in parts], 1)
