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

from semsynth.errors import SemsynthError
from semsynth.models.features.frozen import find_weights, fold_batch_norm, read_state

SIDE = 299
BATCH_NORM_EPSILON = 1e-3

_SOURCE = (
    "it is published with torch-fidelity and pytorch-fid: "
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth"
)


class Conv(nn.Module):
    """A convolution, with its batch norm folded in, and a ReLU."""

    def __init__(
        self,
        before: int,
        after: int,
        kernel: int | tuple[int, int],
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, padding)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',H',W')."""
        return F.relu(self.conv(x))


def _average(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class BlockA(nn.Module):
    """35x35: 1x1, 5x5, double 3x3, pooled 1x1."""

    def __init__(self, before: int, pool: int) -> None:
        super().__init__()
        self.branch1x1 = Conv(before, 64, 1)
        self.branch5x5_1 = Conv(before, 48, 1)
        self.branch5x5_2 = Conv(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Conv(before, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, padding=1)
        self.branch_pool = Conv(before, pool, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,35,35) → (B,224+pool,35,35)."""
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(_average(x))], 1)


class BlockB(nn.Module):
    """35x35 to 17x17."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = Conv(288, 384, 3, stride=2)
        self.branch3x3dbl_1 = Conv(288, 64, 1)
        self.branch3x3dbl_2 = Conv(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Conv(96, 96, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B,288,35,35) → (B,768,17,17)."""
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class BlockC(nn.Module):
    """17x17: 7x7 convolutions as rows and columns."""

    def __init__(self, inner: int) -> None:
        super().__init__()
        row = {"kernel": (1, 7), "padding": (0, 3)}
        column = {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = Conv(768, 192, 1)
        self.branch7x7_1 = Conv(768, inner, 1)
        self.branch7x7_2 = Conv(inner, inner, **row)  # type: ignore[arg-type]
        self.branch7x7_3 = Conv(inner, 192, **column)  # type: ignore[arg-type]
        self.branch7x7dbl_1 = Conv(768, inner, 1)
        self.branch7x7dbl_2 = Conv(inner, inner, **column)  # type: ignore[arg-type]
        self.branch7x7dbl_3 = Conv(inner, inner, **row)  # type: ignore[arg-type]
        self.branch7x7dbl_4 = Conv(inner, inner, **column)  # type: ignore[arg-type]
        self.branch7x7dbl_5 = Conv(inner, 192, **row)  # type: ignore[arg-type]
        self.branch_pool = Conv(768, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,768,17,17) → (B,768,17,17)."""
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        double = self.branch7x7dbl_5(self.branch7x7dbl_4(double))
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(_average(x))], 1)


class BlockD(nn.Module):
    """17x17 to 8x8."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Conv(768, 192, 1)
        self.branch3x3_2 = Conv(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Conv(768, 192, 1)
        self.branch7x7x3_2 = Conv(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Conv(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Conv(192, 192, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """(B,768,17,17) → (B,1280,8,8)."""
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        return torch.cat([three, self.branch7x7x3_4(seven), F.max_pool2d(x, 3, stride=2)], 1)


class BlockE(nn.Module):
    """8x8: 3x3 convolutions as rows and columns side by side.

    Args:
        before: channels that come in.
        max_pool: the very last block pools by maximum, by an oversight of 2015 that every score rests on.
    """

    def __init__(self, before: int, max_pool: bool) -> None:
        super().__init__()
        self.max_pool = max_pool
        self.branch1x1 = Conv(before, 320, 1)
        self.branch3x3_1 = Conv(before, 384, 1)
        self.branch3x3_2a = Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Conv(before, 448, 1)
        self.branch3x3dbl_2 = Conv(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Conv(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Conv(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Conv(before, 192, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,8,8) → (B,2048,8,8)."""
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        pool = F.max_pool2d(x, 3, stride=1, padding=1) if self.max_pool else _average(x)
        branches = [
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(pool),
        ]
        return torch.cat(branches, 1)


class FidInception(nn.Module):
    """2048 pooled features and 1008 logits."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(32, 32, 3)
        self.Conv2d_2b_3x3 = Conv(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(64, 80, 1)
        self.Conv2d_4a_3x3 = Conv(80, 192, 3)
        self.Mixed_5b = BlockA(192, 32)
        self.Mixed_5c = BlockA(256, 64)
        self.Mixed_5d = BlockA(288, 64)
        self.Mixed_6a = BlockB()
        self.Mixed_6b = BlockC(128)
        self.Mixed_6c = BlockC(160)
        self.Mixed_6d = BlockC(160)
        self.Mixed_6e = BlockC(192)
        self.Mixed_7a = BlockD()
        self.Mixed_7b = BlockE(1280, max_pool=False)
        self.Mixed_7c = BlockE(2048, max_pool=True)
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
            weight = _take(state, f"{name}.conv.weight", module.conv.weight.shape, origin)
            parts = ("weight", "bias", "running_mean", "running_var")
            norm = [_take(state, f"{name}.bn.{part}", weight.shape[:1], origin) for part in parts]
            folded, bias = fold_batch_norm(weight, norm, BATCH_NORM_EPSILON)
            module.conv.weight.data.copy_(folded)
            cast(Tensor, module.conv.bias).data.copy_(bias)
        for part, target in self.fc.named_parameters():
            target.data.copy_(_take(state, f"fc.{part}", target.shape, origin))

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


def _take(state: Mapping[str, Tensor], name: str, shape: torch.Size, origin: str) -> Tensor:
    if name not in state or state[name].shape != shape:
        found = tuple(state[name].shape) if name in state else "nothing"
        raise SemsynthError(
            f"{origin} is not the FID's Inception: {name!r} should be {tuple(shape)}, found {found}."
        )
    return state[name]
