"""The style encoder: a photograph to the mean and log-variance of its style (Park et al., appendix A)."""

from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.base import configured
from semsynth.ops.blocks import conv_norm
from semsynth.ops.spade import SLOPE

COLOR_DIRECTIONS = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (0, 1, 1), (1, 0, 1))
"""Deviations along these six determine the covariance of red, green and blue."""

STATISTICS_SCALE = 10.0
"""So that twelve numbers are heard among thousands."""


@configured
class StyleEncoder(nn.Module):
    """Stride-2 convolutions with spectral and another norm down to 4x4, then two linear maps.

    Pictures of any size are resized to `image_size` first, bilinear without antialiasing as published.

    Args:
        style_dim: Z (256 in the paper).
        width: base width (64 in the paper).
        image_size: side it works at, a power of two from 64 up (256 in the paper); sets the depth.
        spectral: spectral norm on the convolutions.
        norm: "instance" (published default), "batch" or "sync_batch", both affine, or "none".
        whitened: whether a fixed affine map of the style follows, see `whiten`.
        statistics: let the linear maps see mean and deviation of the picture's colours too (ours): instance
            norm takes brightness and contrast out of everything else they see.
    """

    config: dict[str, Any]

    def __init__(
        self,
        *,
        style_dim: int = 256,
        width: int = 64,
        image_size: int = 256,
        spectral: bool = True,
        norm: str = "instance",
        whitened: bool = False,
        statistics: bool = False,
    ) -> None:
        super().__init__()
        if not 64 <= image_size <= 4096 or image_size & (image_size - 1):
            raise ValueError(f"image_size is {image_size}; it must be a power of two, 64 to 4096")
        self.image_size = image_size
        self.style_dim = style_dim
        depth = image_size.bit_length() - 3  # 256 → 6 halvings, down to 4x4
        widths = [3, *(width * min(2**i, 8) for i in range(depth))]
        layers = [
            conv_norm(nn.Conv2d(a, b, 3, stride=2, padding=1), norm, spectral=spectral)
            for a, b in pairwise(widths)
        ]
        self.convs = nn.ModuleList(layer.conv for layer in layers)
        self.norms = nn.ModuleList(layer.norm for layer in layers)
        self.statistics = statistics
        features = widths[-1] * 16 + (2 * len(COLOR_DIRECTIONS) if statistics else 0)
        self.mean = nn.Linear(features, style_dim)
        self.log_variance = nn.Linear(features, style_dim)
        self.shift: Tensor | None
        self.factor: Tensor | None
        self.register_buffer("shift", torch.zeros(style_dim) if whitened else None)
        self.register_buffer("factor", torch.eye(style_dim, device="cpu") if whitened else None)

    @torch.no_grad()
    def whiten(self, mean: Tensor, factor: Tensor) -> None:
        """Give styles z from now on where mean + factor @ z were given; variances are each number's own.

        Args:
            mean: (Z,).
            factor: (Z, Z), invertible.
        """
        inverse = torch.linalg.inv(factor.double())
        shift = mean.double()
        if self.shift is not None and self.factor is not None:
            before = self.factor.double()
            shift = self.shift.double() + torch.linalg.solve(before, shift)
            inverse = inverse @ before
        self.config["whitened"] = True
        self.shift, self.factor = shift.float(), inverse.float()

    def start_from(self, trained: "StyleEncoder") -> None:
        """Take over a trained encoder; statistics that it does not see begin at zero.

        Raises:
            RuntimeError: the shapes differ otherwise.
        """
        state = dict(trained.state_dict())
        if self.statistics and not trained.statistics:
            for name in ("mean.weight", "log_variance.weight"):
                state[name] = F.pad(state[name], (0, 2 * len(COLOR_DIRECTIONS)))
        self.load_state_dict(state)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W) in [-1, 1] → mean and log-variance, each (B, Z)."""
        x = images
        if x.shape[2:] != (self.image_size, self.image_size):
            x = F.interpolate(x, size=(self.image_size, self.image_size), mode="bilinear")
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = F.leaky_relu(norm(conv(x)), SLOPE)
        x = x.flatten(1)  # (B,8w*16)
        if self.statistics:
            colors = color_planes(images).flatten(2)
            x = torch.cat([x, STATISTICS_SCALE * colors.mean(2), STATISTICS_SCALE * colors.std(2)], 1)
        mean, log_variance = self.mean(x), self.log_variance(x)
        if self.shift is None or self.factor is None:
            return mean, log_variance
        variance = F.linear(log_variance.exp(), self.factor.square())
        return F.linear(mean - self.shift, self.factor), variance.log()


def color_planes(images: Tensor) -> Tensor:
    """(B, 3, H, W) → (B, 6, H, W), the colours along `COLOR_DIRECTIONS` of length 1."""
    directions = torch.tensor(COLOR_DIRECTIONS, dtype=images.dtype, device=images.device)
    return torch.einsum("dc,bchw->bdhw", F.normalize(directions, dim=1), images)


def reparameterize(mean: Tensor, log_variance: Tensor, noise: Tensor) -> Tensor:
    """A draw from the encoded style: mean + exp(log_variance / 2) * noise, all (B, Z)."""
    return mean + torch.exp(0.5 * log_variance) * noise
