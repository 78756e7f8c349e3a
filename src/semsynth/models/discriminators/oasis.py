"""OASIS's discriminator: a U-Net that segments a picture into K classes and "fake" (Schönfeld 2021)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.published import Imported, blank, require, translate
from semsynth.ops.blocks import spectral_norm

SLOPE = 0.2
WIDTHS = (128, 128, 256, 256, 512, 512)
"""Published channels of the encoder's stages."""

LAST_WIDTH = 64
"""Published channels in front of the logits."""


def _conv(before: int, after: int, kernel: int) -> nn.Conv2d:
    return spectral_norm(nn.Conv2d(before, after, kernel, padding=kernel // 2))


class Down(nn.Module):
    """Residual block that halves the picture; the first one has no activation in front."""

    def __init__(self, before: int, after: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.conv_0 = _conv(before, after, 3)
        self.conv_1 = _conv(after, after, 3)
        self.shortcut = _conv(before, after, 1) if before != after else None

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) → (B,C',h/2,w/2)."""
        # A 1x1 convolution and a mean change places freely, so the shortcut is always the cheap way round.
        short = F.avg_pool2d(x, 2)
        if self.shortcut is not None:
            short = self.shortcut(short)
        y = self.conv_0(x if self.first else F.leaky_relu(x, SLOPE))
        y = self.conv_1(F.leaky_relu(y, SLOPE))
        return F.avg_pool2d(y, 2) + short


class Up(nn.Module):
    """Residual block that doubles the picture."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv_0 = _conv(before, after, 3)
        self.conv_1 = _conv(after, after, 3)
        self.shortcut = _conv(before, after, 1) if before != after else None

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) → (B,C',2h,2w)."""
        short = x if self.shortcut is None else self.shortcut(x)  # before upsampling: the same, cheaper
        y = self.conv_0(F.interpolate(F.leaky_relu(x, SLOPE), scale_factor=2, mode="nearest"))
        y = self.conv_1(F.leaky_relu(y, SLOPE))
        out: Tensor = y + F.interpolate(short, scale_factor=2, mode="nearest")
        return out


class OasisDiscriminator(nn.Module):
    """Picture in, K+1 logits a pixel out; index 0 is "fake". It never sees the labels.

    Args:
        num_classes: K.
        widths: channels of the encoder's stages; each halves the picture.
        last_width: channels in front of the logits.
    """

    def __init__(
        self, *, num_classes: int, widths: Sequence[int] = WIDTHS, last_width: int = LAST_WIDTH
    ) -> None:
        super().__init__()
        widths = tuple(widths)
        self.stride = 2 ** len(widths)
        before = (3, *widths[:-1])
        self.down = nn.ModuleList(
            Down(b, a, i == 0) for i, (b, a) in enumerate(zip(before, widths, strict=True))
        )
        after = (*widths[-2::-1], last_width)  # what each decoder block hands on
        joined = (widths[-1], *(2 * width for width in after[:-1]))  # with the encoder's features beside it
        self.up = nn.ModuleList(Up(b, a) for b, a in zip(joined, after, strict=True))
        self.logits = nn.Conv2d(last_width, num_classes + 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Segment.

        Args:
            images: (B,3,H,W) in [-1,1]; H and W multiples of `stride` (64 as published).

        Returns:
            (B,K+1,H,W) logits.

        Raises:
            ValueError: a size it cannot halve so often.
        """
        if images.shape[2] % self.stride or images.shape[3] % self.stride:
            raise ValueError(
                f"pictures are {images.shape[2]}x{images.shape[3]}; OASIS's discriminator needs multiples of "
                f"{self.stride}"
            )
        skips, x = [], images
        for block in self.down:
            x = block(x)
            skips.append(x)
        skips.pop()
        for i, block in enumerate(self.up):
            x = block(x if i == 0 else torch.cat([skips.pop(), x], 1))
        logits: Tensor = self.logits(x)
        return logits


def import_published(state: Mapping[str, Tensor]) -> Imported:
    """Read the discriminator of the OASIS release: arguments of `OasisDiscriminator`, and its state.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    kind = "OASIS discriminator"
    logits = require(state, "layer_up_last.weight", kind)
    depth = len({key.split(".")[1] for key in state if key.startswith("body_down.")})
    widths = [require(state, f"body_down.{i}.conv2.1.weight_orig", kind).shape[0] for i in range(depth)]
    config: dict[str, Any] = {
        "num_classes": logits.shape[0] - 1,
        "widths": widths,
        "last_width": logits.shape[1],
    }
    modules = {"logits": "layer_up_last"}
    for i in range(depth):
        for ours, theirs, first in (("down", "body_down", 0 if i == 0 else 1), ("up", "body_up", 2)):
            modules[f"{ours}.{i}.conv_0"] = f"{theirs}.{i}.conv1.{first}"
            modules[f"{ours}.{i}.conv_1"] = f"{theirs}.{i}.conv2.1"
            modules[f"{ours}.{i}.shortcut"] = f"{theirs}.{i}.conv_s"
    return config, translate(state, modules, blank(OasisDiscriminator, config))
