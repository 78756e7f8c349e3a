"""A SPADE block on the processor's matrix unit: everything between two convolutions rides on them.

    y0 = leaky(x * scale_0 + shift_0)          one pass, with the doubling; ys likewise where widths change
    y1 = leaky(conv_0(y0) * scale_1 + shift_1) one product
    x' = conv_1(y1) + conv_s(ys) + noise       one product; or + x

Batch norm, one plus gamma, and the biases are folded into the weights that make the tables: a pixel's scale
and shift is a row of its layer's table. Every step can be confined to a part of the pixels (`Rows`), and
leaves its result in `BlockBuffers`: a change of some pixels of `x` or of the index recomputes those alone.
"""

from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.ops.amx import (
    PLANE,
    AmxProduct,
    Frame,
    Scaling,
    chain,
    modulation,
    num_blocks,
    pack_weight,
)
from semsynth.ops.lookup import lookup_sum
from semsynth.ops.norm import EPSILON, BatchNorm2d
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.spade import SLOPE, Spade, SpadeResBlock
from semsynth.ops.structs import Product


@dataclass(frozen=True)
class Rows:
    """Which pixels to recompute in a block: those where x or the tables changed, then one more each step.

    Attributes:
        inputs: rows (n, 2) of pixels to modulate, see `Frame.rows`.
        middle: of the first convolution's result.
        outputs: of the second's.
    """

    inputs: Tensor
    middle: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class BlockBuffers:
    """What a block leaves behind for one size of maps.

    Attributes:
        frame: of all its planes.
        inputs: the modulated input, which the first convolution sees.
        middle: what the second sees: its result modulated, then the shortcut's modulated input, then the
            fixed noise.
        outputs: of the block.
        noise: that part of `middle`, empty without fixed noise; see `AmxNetwork.set_noise`.
        steps: of both convolutions, see `AmxProduct`.
    """

    frame: Frame
    inputs: Tensor
    middle: Tensor
    noise: Tensor
    outputs: Tensor
    steps: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class BlockTables:
    """What the label map says to one block.

    Attributes:
        tables: one a layer, see `AmxTable.of`.
        index: (positions) int32: which row of them belongs to each pixel.
    """

    tables: list[Tensor]
    index: Tensor


class AmxTable:
    """Makes the table of one SPADE layer: scale and shift of every distinct window."""

    def __init__(self, layer: Spade, num_classes: int) -> None:
        norm = cast(BatchNorm2d, layer.norm)
        rstd = (norm.running_var.float() + EPSILON).rsqrt()
        mean = norm.running_mean.float()
        conv, shared = layer.modulation, layer.shared
        assert conv.bias is not None
        channels, hidden = layer.channels, shared.out_channels
        wide = num_blocks(hidden) * PLANE
        self.kernel_size = shared.kernel_size[0]
        self.table = F.pad(shared.table(num_classes).float(), (0, wide - hidden)).contiguous()  # (k*k,S,H)
        self.bias = F.pad(cast(Tensor, shared.bias).float(), (0, wide - hidden))
        weight = conv.weight.float().flatten(2).transpose(1, 2)  # (2C,k*k,H)
        weight = F.pad(weight, (0, wide - hidden)).flatten(1)
        scale, shift = (torch.cat([weight, conv.bias.float()[:, None]], 1)).chunk(2)  # (C,k*k*H+1)
        scale = scale.clone()
        scale[:, -1] += 1
        scale *= rstd[:, None]
        shift = shift - mean[:, None] * scale
        pad = (0, 0, 0, -channels % PLANE)
        folded = torch.cat([F.pad(scale, pad), F.pad(shift, pad)])
        self.product = AmxProduct(pack_weight(folded[:, :-1, None]), folded[:, -1])
        self.style = _fold_style(layer.style, rstd, mean)

    def of(self, plan: PatchPlan) -> Tensor:
        """(C/32, U, 2, 32) for the distinct windows of a plan."""
        hidden = lookup_sum(self.table, self.bias, plan.patches, dtype=torch.bfloat16, relu=True)
        hidden = F.pad(hidden, (0, 0, 1, 0))  # (V+1,H); row 0: outside the picture
        return self.product.on_windows(hidden, plan.neighbours)

    def scaling(self, table: Tensor, index: Tensor, style: Tensor | None, slope: float = SLOPE) -> Scaling:
        """How a pixel is scaled and shifted in a style (B, Z), which only some networks have."""
        row = None
        if self.style is not None and style is not None:
            weight, bias = self.style
            row = F.linear(style.float(), weight, bias).unflatten(1, (2, -1))
        return Scaling(table, index, row, slope)


def _fold_style(linear: nn.Linear | None, rstd: Tensor, mean: Tensor) -> tuple[Tensor, Tensor] | None:
    """What a style adds to scale and shift: a weight (2 * blocks * 32, Z) and a bias."""
    if linear is None:
        return None
    rows = torch.cat([linear.weight.float(), linear.bias.float()[:, None]], 1)  # (2C,Z+1)
    scale, shift = rows.chunk(2)
    scale = scale * rstd[:, None]
    shift = shift - mean[:, None] * scale
    pad = (0, 0, 0, -len(scale) % PLANE)
    rows = torch.cat([F.pad(scale, pad), F.pad(shift, pad)])
    return rows[:, :-1].contiguous(), rows[:, -1].contiguous()


class AmxBlock:
    """One `SpadeResBlock`.

    Args:
        block: in evaluation mode.
        upsample: whether it doubles its input.
        num_classes: K.
        noise: the linear map of the fixed noise that is added to its result, or None.
    """

    def __init__(
        self, block: SpadeResBlock, upsample: bool, num_classes: int, noise: nn.Conv2d | None
    ) -> None:
        self.upsample = upsample
        layers = [layer for layer in (block.spade_0, block.spade_1, block.spade_s) if layer is not None]
        self.tables = [AmxTable(layer, num_classes) for layer in layers]
        self.in_channels, self.channels = block.conv_0.in_channels, block.conv_0.out_channels
        self.out_channels = block.conv_1.out_channels
        self.first = AmxProduct(packed(block.conv_0), cast(Tensor, block.conv_0.bias))
        self.noise_channels = 0 if noise is None else noise.in_channels
        weight = packed(block.conv_1)
        if block.conv_s is not None:  # more steps of the same sums
            weight = torch.cat([weight, packed(cast(nn.Conv2d, block.conv_s))], 1)
        if noise is not None:
            weight = torch.cat([weight, packed(noise)], 1)
        self.second = AmxProduct(weight, cast(Tensor, block.conv_1.bias))

    @property
    def learned_shortcut(self) -> bool:
        """Whether the shortcut is modulated and convolved too."""
        return len(self.tables) > 2

    def planes(self, frame: Frame) -> BlockBuffers:
        """Workspace for its results."""
        before, between = num_blocks(self.in_channels), num_blocks(self.channels)
        beside = before if self.learned_shortcut else 0
        last = between + beside + num_blocks(self.noise_channels)
        steps = [tap_steps(frame, between), torch.arange(between, last) * frame.positions * PLANE]
        middle = frame.planes(last * PLANE)
        return BlockBuffers(
            frame,
            inputs=frame.planes(self.in_channels),
            middle=middle,
            noise=middle[between + beside :],
            outputs=frame.planes(self.out_channels),
            steps=(tap_steps(frame, before), torch.cat(steps)),
        )

    def run(
        self,
        x: Tensor,
        planes: BlockBuffers,
        labels: BlockTables,
        style: Tensor | None,
        *,
        rows: Rows | None = None,
        slope: float = 1.0,
        picture: Product | None = None,
    ) -> Tensor:
        """Fill the planes from the input planes `x`.

        Args:
            x: planes, half as high and wide where the block doubles.
            planes: what to fill.
            labels: what the label map says.
            style: (B, Z) or None.
            rows: the pixels to compute; None is all.
            slope: of a leaky ReLU after the block; 1 is none.
            picture: a convolution of the result to compute too, by `AmxProduct.on_planes`.

        Returns:
            `planes.outputs`.
        """
        frame, tables, index = planes.frame, labels.tables, labels.index
        between = num_blocks(self.channels)
        before, middle, after = (rows.inputs, rows.middle, rows.outputs) if rows else [frame.rows] * 3
        scalings = [
            table.scaling(found, index, style, slope=slope)
            for table, found, slope in zip(self.tables, tables, (SLOPE, SLOPE, 1.0))
        ]
        outputs = [(planes.inputs, scalings[0])]
        if self.learned_shortcut:
            outputs.append((planes.middle[between:], scalings[2]))
        products = [
            self.first.on_planes(
                planes.inputs, planes.steps[0], middle, planes.middle, frame, scaling=scalings[1]
            ),
            self.second.on_planes(
                planes.middle,
                planes.steps[1],
                after,
                planes.outputs,
                frame,
                slope=slope,
                add=None if self.learned_shortcut else x,
                upsample=self.upsample,
            ),
        ]
        if picture is not None:
            products.append(picture)
        first = modulation(x, frame, before, outputs, upsample=self.upsample)
        chain(first, products, whole=rows is None)
        return planes.outputs


def packed(conv: nn.Conv2d) -> Tensor:
    """The weight of a convolution for `AmxProduct`."""
    return pack_weight(conv.weight.detach().flatten(2))


def tap_steps(frame: Frame, blocks: int) -> Tensor:
    """Steps of a 3x3 convolution: plane by plane, tap by tap."""
    return ((torch.arange(blocks)[:, None] * frame.positions + frame.taps) * PLANE).flatten()
