"""A generator's weights as backends take them: copies, with spectral norm and batch norm folded in.

With the statistics of batch norm folded, a SPADE layer is one scale and one shift per pixel,

    out = x * scale + shift,    (scale, shift) = a row of a table + a row of the style

where the table has one row per distinct label window. Everything here is float32, computed in float64.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import torch
from torch import Tensor, nn

from semsynth.models.spade import SpadeGenerator
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.ops.lookup import lookup_sum
from semsynth.ops.norm import EPSILON, BatchNorm2d, InstanceNorm2d
from semsynth.ops.spade import LabelConv2d, Spade, SpadeResBlock


@dataclass(frozen=True)
class LabelTable:
    """A convolution of one-hot label maps as sums of table rows, one row a tap.

    Attributes:
        rows: (k*k, S, O) what each symbol adds at each tap.
        bias: (O).
    """

    rows: Tensor
    bias: Tensor

    @classmethod
    def of(cls, conv: LabelConv2d, num_classes: int) -> "LabelTable":
        """That of a convolution."""
        assert conv.bias is not None
        return cls(conv.table(num_classes).detach().float().cpu(), conv.bias.detach().float().cpu().clone())

    def to(self, device: torch.device) -> "LabelTable":
        """The same on another device."""
        return LabelTable(self.rows.to(device), self.bias.to(device))

    def __call__(self, patches: Tensor, dtype: torch.dtype = torch.float32, *, relu: bool = False) -> Tensor:
        """(V, k*k) symbols → (V, O)."""
        return lookup_sum(self.rows, self.bias, patches.to(self.rows.device), dtype=dtype, relu=relu)


@dataclass(frozen=True)
class ModulationWeights:
    """One SPADE layer.

    Attributes:
        kernel_size: k.
        hidden: makes the H hidden features of a small window, before the ReLU.
        weight: (2C, k*k, H) what the hidden features at each tap add to C scales, then C shifts.
        bias: (2C).
        style: (2C, Z) what a style adds to a pixel's scales and shifts, or None.
        norm: what normalises before; None where the norm is folded in.
    """

    kernel_size: int
    hidden: LabelTable
    weight: Tensor
    bias: Tensor
    style: Tensor | None
    norm: InstanceNorm2d | None

    @classmethod
    def of(cls, layer: Spade, num_classes: int) -> "ModulationWeights":
        """Those of a layer in evaluation mode."""
        norm, conv, size = layer.norm, layer.modulation, layer.shared.kernel_size[0]
        mean, rstd = torch.zeros(layer.channels, 1).double(), torch.ones(layer.channels, 1).double()
        if isinstance(norm, BatchNorm2d):
            mean = norm.running_mean.detach().cpu().double()[:, None]
            rstd = (norm.running_var.detach().cpu().double()[:, None] + EPSILON).rsqrt()

        def folded(gamma_beta: Tensor) -> Tensor:
            """Gamma and beta (2C, n) as scale and shift."""
            gamma, beta = gamma_beta.chunk(2)
            return torch.cat([gamma * rstd, beta - mean * rstd * gamma])

        assert conv.bias is not None
        weight, bias = _wide(conv.weight).flatten(2).transpose(1, 2), _wide(conv.bias)  # (2C,k*k,H), (2C)
        if layer.style is not None:
            bias = bias + _wide(layer.style.bias)
        bias = torch.cat([1 + bias[: layer.channels], bias[layer.channels :]])
        return cls(
            kernel_size=size,
            hidden=LabelTable.of(layer.shared, num_classes),
            weight=folded(weight.flatten(1)).view(weight.shape).float(),
            bias=folded(bias[:, None])[:, 0].float(),
            style=None if layer.style is None else folded(_wide(layer.style.weight)).float(),
            norm=norm if isinstance(norm, InstanceNorm2d) else None,
        )


@dataclass(frozen=True)
class Conv:
    """A convolution that keeps the size.

    Attributes:
        weight: (C', C, k, k).
        bias: (C'), or None.
    """

    weight: Tensor
    bias: Tensor | None

    @classmethod
    def of(cls, conv: nn.Module) -> "Conv":
        """A copy of a `torch.nn.Conv2d`, whose spectral norm is folded."""
        own = cast(nn.Conv2d, fold_spectral_norm(copy.deepcopy(conv)))
        bias = None if own.bias is None else own.bias.detach().float().cpu()
        return cls(own.weight.detach().float().cpu(), bias)


@dataclass(frozen=True)
class BlockWeights:
    """One `SpadeResBlock`.

        y = conv_0(leaky_relu(modulate_0(x)));  out = conv_1(leaky_relu(modulate_1(y))) + shortcut(x) + noise

    Attributes:
        upsample: whether the input is doubled first.
        modulations: of both convolutions' inputs, and of the shortcut's where that is learned.
        conv_0: 3x3.
        conv_1: 3x3.
        conv_s: of a learned shortcut, 1x1 without bias; None where the input itself is added.
        noise: 1x1 without bias, what the fixed noise adds to the result; None where there is none.
    """

    upsample: bool
    modulations: list[ModulationWeights]
    conv_0: Conv
    conv_1: Conv
    conv_s: Conv | None
    noise: Conv | None


def block_weights(generator: SpadeGenerator) -> Iterator[BlockWeights]:
    """Those of every block, made one at a time: the caller need never hold all of them."""
    noise = repeat(None) if generator.noise is None else generator.noise.to_blocks
    for module, upsample, to_block in zip(generator.blocks, generator.upsample, noise):
        block = cast(SpadeResBlock, module)
        layers = [layer for layer in (block.spade_0, block.spade_1, block.spade_s) if layer is not None]
        yield BlockWeights(
            upsample,
            [ModulationWeights.of(layer, generator.num_classes) for layer in layers],
            Conv.of(block.conv_0),
            Conv.of(block.conv_1),
            None if block.conv_s is None else Conv.of(block.conv_s),
            None if to_block is None else Conv.of(to_block),
        )


def without_blocks(generator: SpadeGenerator) -> SpadeGenerator:
    """A copy of all but the blocks, on the CPU: the stem's part of the style, fixed noise, and the checks."""
    return copy.deepcopy(generator, {id(generator.blocks): nn.ModuleList()}).eval().cpu()


def is_local(generator: SpadeGenerator) -> bool:
    """Whether a pixel depends on those near it alone: batch norm is a constant, instance norm is not."""
    return not any(isinstance(module, InstanceNorm2d) for module in generator.modules())


def _wide(weight: Tensor) -> Tensor:
    return weight.detach().cpu().double()
