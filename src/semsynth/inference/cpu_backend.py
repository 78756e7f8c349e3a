"""The engine's backend on our own float32 convolutions, for every processor the native library runs on."""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.inference.backend import Size
from semsynth.inference.boxes import Box, merged
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles
from semsynth.inference.weights import (
    BlockWeights,
    Conv,
    LabelTable,
    ModulationWeights,
    block_weights,
    is_local,
    without_blocks,
)
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import native
from semsynth.ops.convolve import Convolution, Winograd
from semsynth.ops.norm import EPSILON
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.spade import SLOPE
from semsynth.ops.window_linear import WindowLinear


class CpuBackend:
    """See `Backend`. Features are (h, w, C); a part is a list of boxes, of any size and place.

    A tile of a convolution changes whole, if only in its rounding. So changes reach farther than `GROWTH`
    here, and are carried from block to block besides the boxes that the engine names.

    Tiles are 2 pixels wide up to the first doubling and 4 after it, see `best_tile`: so the weights are laid
    out once, and what is drawn does not depend on the sizes drawn before. With instance norm all are 2 wide:
    it divides by deviations of the map itself, which makes the rounding of the larger tiles visible.

    Args:
        generator: left as it is.
    """

    axis = 0

    def __init__(self, generator: SpadeGenerator) -> None:
        self._blocks: list[_Block] = []
        tile, widest = 2, 4 if is_local(generator) else 2
        for weights in block_weights(generator):
            tile = widest if weights.upsample else tile
            self._blocks.append(_Block(weights, tile))
        self._to_image = _winograd(Conv.of(generator.to_image), widest)
        self._fixed_noise = without_blocks(generator).noise
        self._noise_offset: Tensor | None = None
        self._sizes: list[Size] = []
        self._changed: list[Box] = []  # of the latest block's result
        self._stem = self._raw = self._picture = torch.empty(0, dtype=torch.float32)
        self._image: Convolution | None = None

    def tables_for(self, block: int) -> list[MakeTable]:
        """See `Backend`."""
        return [table.of for table in self._blocks[block].tables]

    def index(self, size: Size) -> Tensor:
        """See `Backend`."""
        return torch.zeros(size, dtype=torch.int32)

    def resize(self, sizes: list[Size], keep: bool) -> None:
        """See `Backend`."""
        self._sizes, self._changed = sizes, []
        x = self._stem = _zeros(*sizes[0], self._blocks[0].in_channels)
        most = [0, 0] if keep else _most_values(self._blocks, sizes[1:])
        middle, *outs = (_zeros(most[kind]) for kind in (0, 1, 1))  # shared, unless each keeps its own
        for number, (block, size) in enumerate(zip(self._blocks, sizes[1:])):
            between, after = (*size, block.channels), (*size, block.out_channels)
            if keep:
                middle, outs = _zeros(prod(between)), [_zeros(prod(after))]
            out = outs[number % len(outs)][: prod(after)].view(after)
            block.prepare(x, middle[: prod(between)].view(between), out)
            x = out
        self._raw = _zeros(*sizes[-1], 3)
        self._picture = _zeros(1, 3, *sizes[-1])
        self._image = self._to_image.on(x, self._raw, activation=SLOPE, offset=_offsets(sizes[-1])[0])
        self._noise_offset = None  # the blocks have no noise yet

    def set_noise(self, offset: Tensor | None) -> None:
        """See `Backend`."""
        offset = torch.zeros(1, 2, dtype=torch.int64) if offset is None else offset
        noise = self._fixed_noise
        if noise is None or (self._noise_offset is not None and self._noise_offset.equal(offset)):
            return
        self._noise_offset = None  # an interrupted call leaves no offset that would be taken for valid
        maps = {size: noise.at(*size, offset)[0] for size in dict.fromkeys(self._sizes[1:])}
        for block, size in zip(self._blocks, self._sizes[1:]):
            block.set_noise(maps[size])
        self._noise_offset = offset.clone()

    def start(self, x: Tensor) -> None:
        """See `Backend`."""
        self._stem.copy_(x[0].permute(1, 2, 0))

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Styles | None
    ) -> None:
        """See `Backend`."""
        one, size = self._blocks[block], self._sizes[block + 1]
        boxes = boxes + [box.scaled(2) if one.upsample else box for box in self._changed]
        self._changed = one.repaint(boxes, size, level, tables, style)

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `Backend`."""
        assert self._image is not None  # since `resize`
        boxes = _reached(self._image, boxes + self._changed, self._sizes[-1])
        self._changed = []
        self._image.run(boxes)
        for box in boxes:
            self._picture[0][(..., *box.window)] = self._raw[box.window].tanh().permute(2, 0, 1)
        return self._picture


class _Block:
    """One `SpadeResBlock` and where its maps lie."""

    def __init__(self, weights: BlockWeights, tile: int) -> None:
        self.upsample = weights.upsample
        self.tables = [_Table(layer) for layer in weights.modulations]
        self.conv_0 = _winograd(weights.conv_0, tile)
        self.conv_1 = _winograd(weights.conv_1, tile, weights.conv_s)
        self.in_channels = self.conv_0.in_channels
        self.channels, self.out_channels = self.conv_0.out_channels, self.conv_1.out_channels
        self._noise_weight = None if weights.noise is None else weights.noise.weight.flatten(1)
        self._maps: list[Tensor] = []  # before each of the convolutions
        self._norms: list[Tensor | None] = []
        self._first: Convolution | None = None
        self._second: Convolution | None = None

    def prepare(self, x: Tensor, middle: Tensor, out: Tensor) -> None:
        """Take the maps to compute in: (h, w, C) each, the first half that size where the block doubles."""
        self._maps = [x, middle]
        self._norms = [
            _zeros(2, before.shape[2]) if table.weights_norm else None
            for table, before in zip(self.tables, self._maps)
        ]
        learned = len(self.tables) > 2
        offsets = _offsets((middle.shape[0], middle.shape[1]))
        self._first = self.conv_0.on(
            x,
            middle,
            norm=self._norms[0],
            doubled=self.upsample,
            activation=SLOPE,
            offset=offsets[0],
        )
        self._second = self.conv_1.on(
            middle,
            out,
            norm=self._norms[1],
            activation=SLOPE,
            shortcut=x if learned else None,
            shortcut_norm=self._norms[0] if learned else None,
            shortcut_doubled=self.upsample,
            residual=None if learned else x,
            offset=offsets[1],
        )

    def set_noise(self, noise: Tensor) -> None:
        """Take the fixed noise (P, h, w), channels last in memory."""
        assert self._noise_weight is not None
        assert self._second is not None
        rows = F.linear(noise.permute(1, 2, 0), self._noise_weight)  # (h,w,C)
        self._second.add_noise(rows if rows.any() else None)

    def repaint(
        self, boxes: list[Box], size: Size, level: EditedLevel, tables: list[Tensor], style: Styles | None
    ) -> list[Box]:
        """Compute what depends on boxes of changed pixels; the boxes of changed results."""
        first, second = self._first, self._second
        assert first is not None  # since `prepare`
        assert second is not None
        rows, index = [table.style_rows(style) for table in self.tables], level.index
        style_of = None if style is None else style.of_rows(level.classes)
        first.modulate(index, tables[0], rows[0], style_of)
        second.modulate(index, tables[1], rows[1], style_of)
        if len(tables) > 2:
            second.modulate(index, tables[2], rows[2], style_of, shortcut=True)
        _normalize(self._maps[0], self._norms[0])
        boxes = _reached(first, boxes, size)
        first.run(boxes)
        _normalize(self._maps[1], self._norms[1])
        boxes = _reached(second, boxes, size)
        second.run(boxes)
        return boxes


class _Table:
    """Makes the table of one SPADE layer."""

    def __init__(self, weights: ModulationWeights) -> None:
        self._linear = WindowLinear(weights.weight, weights.bias)
        rows, bias = weights.hidden.rows, weights.hidden.bias
        pad = (0, self._linear.depth - rows.shape[2])
        self._hidden = LabelTable(F.pad(rows, pad).contiguous(), F.pad(bias, pad))
        self.style = weights.style
        self.weights_norm = weights.norm is not None
        self._style: Tensor | None = None
        self._rows: Tensor | None = None

    def style_rows(self, style: Styles | None) -> Tensor | None:
        """What each of the styles adds to rows of the table: (S, 2C), or None."""
        if self.style is None or style is None:
            return None
        weight = self.style
        if self._style is None or not torch.equal(self._style, style.vectors):
            self._style = style.vectors
            self._rows = style.each(lambda vector: F.linear(vector.float(), weight))
        return self._rows

    def of(self, plan: PatchPlan) -> Tensor:
        """Scale and shift of the distinct large windows of a plan, (U, 2C)."""
        hidden = F.pad(self._hidden(plan.patches, relu=True), (0, 0, 1, 0))  # (V+1,H); row 0: outside
        return self._linear(hidden, plan.neighbours)


def _reached(convolution: Convolution, boxes: list[Box], size: Size) -> list[Box]:
    """The boxes of a convolution's result that change with boxes of its input."""
    return merged([Box(*convolution.reached(box)) for box in merged(boxes, 2, size)], 0, size)


def _offsets(size: Size) -> tuple[int, int]:
    """The offsets of the tiles of a block's two convolutions.

    A change that fills tiles reaches two pixels beyond them in tiles that lie between, four in the same ones:
    a stroke changes half as many pixels of the largest maps if every other grid lies between. The halved
    tiles at the rims cost a whole picture more the smaller the map is; the first convolution has more inputs.
    """
    side = min(size)
    return (2, 0) if side >= 64 else (0, 2) if side >= 32 else (0, 0)


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float32)


def _winograd(conv: Conv, tile: int, shortcut: Conv | None = None) -> Winograd:
    return Winograd(conv.weight, conv.bias, None if shortcut is None else shortcut.weight, tile=tile)


def _normalize(x: Tensor, norm: Tensor | None) -> None:
    """Fill the norm of a whole map (h, w, C) where there is one."""
    if norm is not None:
        mean, variance = native.moments(x[None], per_sample=True)
        torch.rsqrt(variance[0] + EPSILON, out=norm[0])
        torch.mul(mean[0], -norm[0], out=norm[1])


def _most_values(blocks: list[_Block], sizes: list[Size]) -> list[int]:
    """The largest map between two convolutions, and after a block."""
    between = [prod(size) * block.channels for block, size in zip(blocks, sizes)]
    after = [prod(size) * block.out_channels for block, size in zip(blocks, sizes)]
    return [max(between), max(after)]
