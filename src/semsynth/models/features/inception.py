"""The Inception-v3 of the Fréchet inception distance: the TensorFlow network of 2015, not torchvision's.

It differs from torchvision's in three poolings, in 1008 classes, and in how TensorFlow 1 resizes. State names
are those of the weight file `pt_inception-2015-12-05-*.pth` without its batch norms.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.features.frozen import find_weights, fold_batch_norm, read_state, take

NAME = "the FID's Inception"
SIDE = 299
BATCH_NORM_EPSILON = 1e-3

_SOURCE = (
    "it is published with torch-fidelity and pytorch-fid: "
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)

Kernel = int | tuple[int, int]


class Conv(nn.Module):
    """A convolution, with its batch norm folded in, and a ReLU."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: Kernel,
        stride: int = 1,
        padding: Kernel = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',H',W')."""
        return F.relu(self.conv(x))


Branches = dict[str, list[tuple[int, *tuple[Kernel, ...]]]]
"""Name → its convolutions in order: channels and kernel; two kernels are two convolutions side by side."""

ROW, COLUMN = (1, 7), (7, 1)
BLOCK_A: Branches = {"1x1": [(64, 1)], "5x5": [(48, 1), (64, 5)], "3x3dbl": [(64, 1), (96, 3), (96, 3)]}
BLOCK_B: Branches = {"3x3": [(384, 3)], "3x3dbl": [(64, 1), (96, 3), (96, 3)]}
BLOCK_D: Branches = {
    "3x3": [(192, 1), (320, 3)],
    "7x7x3": [(192, 1), (192, ROW), (192, COLUMN), (192, 3)],
}
BLOCK_E: Branches = {
    "1x1": [(320, 1)],
    "3x3": [(384, 1), (384, (1, 3), (3, 1))],
    "3x3dbl": [(448, 1), (384, 3), (384, (1, 3), (3, 1))],
}


def block_c(inner: int) -> Branches:
    """7x7 convolutions as rows and columns."""
    return {
        "1x1": [(192, 1)],
        "7x7": [(inner, 1), (inner, ROW), (192, COLUMN)],
        "7x7dbl": [(inner, 1), (inner, COLUMN), (inner, ROW), (inner, COLUMN), (192, ROW)],
    }


class Mixed(nn.Module):
    """Branches side by side and a pooled one, stacked.

    Args:
        before: channels that come in.
        branches: of convolutions.
        pooled: channels to which the pooled branch is brought by a 1x1 convolution; None is all of them.
        stride: of the pooling, and of the last convolution of every branch.
        max_pool: pool by maximum without a stride too: the very last block does, by an oversight of 2015 that
            every score rests on.
    """

    def __init__(
        self, before: int, branches: Branches, pooled: int | None, *, stride: int = 1, max_pool: bool = False
    ) -> None:
        super().__init__()
        self.stride, self.max_pool = stride, max_pool
        self.chains: list[list[list[str]]] = []
        for branch, convolutions in branches.items():
            channels, chain = before, []
            for number, (after, *kernels) in enumerate(convolutions, 1):
                place = f"branch{branch}_{number}" if len(convolutions) > 1 else f"branch{branch}"
                names = [place] if len(kernels) == 1 else [f"{place}a", f"{place}b"]
                step = stride if number == len(convolutions) else 1
                for name, kernel in zip(names, kernels, strict=True):
                    self.add_module(name, _same_size(channels, after, kernel, step))
                chain.append(names)
                channels = after
            self.chains.append(chain)
        self.branch_pool = None if pooled is None else Conv(before, pooled, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,h,w) → (B,C',h',w')."""
        results: list[Tensor] = []
        for chain in self.chains:
            parts = [x]
            for names in chain:
                parts = [self.get_submodule(name)(parts[0]) for name in names]
            results += parts
        if self.stride > 1:
            pool = F.max_pool2d(x, 3, self.stride)
        elif self.max_pool:
            pool = F.max_pool2d(x, 3, 1, padding=1)
        else:
            pool = F.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False)
        return torch.cat([*results, pool if self.branch_pool is None else self.branch_pool(pool)], 1)


def _same_size(before: int, after: int, kernel: Kernel, stride: int) -> Conv:
    """A convolution that keeps the size; with a stride it is not padded."""
    height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    return Conv(before, after, kernel, stride, 0 if stride > 1 else (height // 2, width // 2))


class FidInception(nn.Module):
    """2048 pooled features and 1008 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = Mixed(192, BLOCK_A, 32)
        self.Mixed_5c = Mixed(256, BLOCK_A, 64)
        self.Mixed_5d = Mixed(288, BLOCK_A, 64)
        self.Mixed_6a = Mixed(288, BLOCK_B, None, stride=2)
        self.Mixed_6b = Mixed(768, block_c(128), 192)
        self.Mixed_6c = Mixed(768, block_c(160), 192)
        self.Mixed_6d = Mixed(768, block_c(160), 192)
        self.Mixed_6e = Mixed(768, block_c(192), 192)
        self.Mixed_7a = Mixed(768, BLOCK_D, None, stride=2)
        self.Mixed_7b = Mixed(1280, BLOCK_E, 192)
        self.Mixed_7c = Mixed(2048, BLOCK_E, 192, max_pool=True)
        self.fc = nn.Linear(2048, 1008)
        self.requires_grad_(False)

    @classmethod
    def pretrained(cls, path: Path | None = None) -> "FidInception":
        """The network with its published weights, from a file or from torch's cache.

        Raises:
            SemsynthError: no such file, or other weights; says what to do.
        """
        file = find_weights(path, "*inception-2015-12-05*.pth", "the Inception network of the FID", _SOURCE)
        network = cls().float()
        network.load_published(read_state(file, "Inception"), str(file))
        return network

    def load_published(self, state: Mapping[str, Tensor], origin: str = "the given state") -> None:
        """Take the weights of the published file, folding its batch norms.

        Raises:
            SemsynthError: names the first tensor that is missing or has another shape.
        """
        for name, module in self.named_modules():
            if not isinstance(module, Conv):
                continue
            weight = take(state, f"{name}.conv.weight", module.conv.weight.shape, origin, NAME)
            parts = ("weight", "bias", "running_mean", "running_var")
            norm = [take(state, f"{name}.bn.{part}", weight.shape[:1], origin, NAME) for part in parts]
            folded, bias = fold_batch_norm(weight, norm, BATCH_NORM_EPSILON)
            module.conv.weight.data.copy_(folded)
            cast(Tensor, module.conv.bias).data.copy_(bias)
        for part, target in self.fc.named_parameters():
            target.data.copy_(take(state, f"fc.{part}", target.shape, origin, NAME))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Pictures of any size → features and logits.

        Args:
            images: (B,3,H,W) uint8.

        Returns:
            features (B,2048), logits (B,1008) with the classifier's bias.
        """
        if images.dtype != torch.uint8:
            raise ValueError(f"images are {images.dtype}; the published scores are of uint8 pictures")
        x = resize_like_tensorflow(images.to(self.fc.weight.dtype), SIDE)
        features = self.pooled((x - 128) / 128)
        return features, self.fc(features)

    def pooled(self, x: Tensor) -> Tensor:
        """(B,3,299,299) in [-1,1], resized by a rule of one's own → (B,2048)."""
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))  # (B,64,147,147)
        x = F.max_pool2d(x, 3, stride=2)  # (B,64,73,73)
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x))  # (B,192,71,71)
        x = F.max_pool2d(x, 3, stride=2)  # (B,192,35,35)
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x)))  # (B,288,35,35)
        x = self.Mixed_6a(x)  # (B,768,17,17)
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))  # (B,2048,8,8)
        return x.mean(dim=(2, 3))


def resize_like_tensorflow(images: Tensor, side: int) -> Tensor:
    """Bilinear resizing to side x side as TensorFlow 1 did: pixel i samples position i * in / out.

    Args:
        images: (B,C,H,W) floating.
        side: of the result.
    """
    for axis in (2, 3):
        size = images.shape[axis]
        position = torch.arange(side, dtype=images.dtype, device=images.device) * (size / side)
        low = position.floor().long().clamp_max(size - 1)
        high = (low + 1).clamp_max(size - 1)
        share = (position - low).view(-1, 1) if axis == 2 else position - low
        images = torch.lerp(images.index_select(axis, low), images.index_select(axis, high), share)
    return images
