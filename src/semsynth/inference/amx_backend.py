"""The backend of the processor's matrix unit: bfloat16, everything between two convolutions rides on them.

y0 = leaky(x * scale_0 + shift_0)          one pass, with the doubling; ys likewise where widths change
y1 = leaky(conv_0(y0) * scale_1 + shift_1) one product
x' = conv_1(y1) + conv_s(ys) + noise       one product; or + x
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.inference.backend import GROWTH, Size
from semsynth.inference.boxes import Box, whole
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles
from semsynth.inference.weights import (
    BlockWeights,
    Conv,
    LabelTable,
    ModulationWeights,
    block_weights,
    without_blocks,
)
from semsynth.models.spade import SpadeGenerator
from semsynth.ops.amx import PLANE, AmxProduct, Frame, Scaling, chain, modulation, num_blocks, pack_weight
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.spade import SLOPE
from semsynth.ops.structs import Product


class AmxBackend:
    """Features are planes of 32 channels, see `ops.amx`; a part is a list of rows of pixels of any length.

    Args:
        generator: with batch norm; stays as it is.
    """

    axis = 1

    def __init__(self, generator: SpadeGenerator) -> None:
        self._blocks = [_Block(weights) for weights in block_weights(generator)]
        image = Conv.of(generator.to_image)
        self._to_image = AmxProduct(_packed(image), _bias(image))
        self._fixed_noise = without_blocks(generator).noise
        self._noise_offset: Tensor | None = None

    def tables_for(self, block: int) -> list[MakeTable]:
        """See `Backend`."""
        return [table.of for table in self._blocks[block].tables]

    def index(self, size: Size) -> Tensor:
        """See `Backend`. It lies in a frame of zeros, as the planes do."""
        return torch.zeros(size[0] + 2, size[1] + 2, dtype=torch.int32)[1:-1, 1:-1]

    def resize(self, sizes: list[Size], keep: bool) -> None:
        """See `Backend`."""
        self._noise_offset = None  # no noise is in the planes yet
        self._frames = [Frame(*sizes[0])]
        for last, size in pairwise(sizes):
            self._frames.append(self._frames[-1] if size == last else Frame(*size))
        self._stem = self._frames[0].planes(self._blocks[0].in_channels)
        self._features = [block.planes(frame) for block, frame in zip(self._blocks, self._frames[1:])]
        self._image_steps = _tap_steps(self._frames[-1], num_blocks(self._blocks[-1].out_channels))
        self._raw = torch.zeros(1, 3, *sizes[-1], dtype=torch.float32)  # before the tanh
        self._picture = torch.zeros_like(self._raw)
        self._is_raw_whole = False

    def set_noise(self, offset: Tensor | None) -> None:
        """See `Backend`."""
        offset = torch.zeros(1, 2, dtype=torch.int64) if offset is None else offset
        noise = self._fixed_noise
        if noise is None or (self._noise_offset is not None and self._noise_offset.equal(offset)):
            return
        self._noise_offset = None  # an interrupted call leaves no offset that would be taken for valid
        for features in self._features:
            frame = features.frame
            frame.write(features.noise, noise.at(frame.height, frame.width, offset)[0].permute(1, 2, 0))
        self._noise_offset = offset.clone()

    def start(self, x: Tensor) -> None:
        """See `Backend`."""
        self._frames[0].write(self._stem, x[0].permute(1, 2, 0))

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Styles | None
    ) -> None:
        """See `Backend`. Where the last block is computed whole, the picture is computed with it."""
        features, x = self._features[block], self._stem if block == 0 else self._features[block - 1].outputs
        frame, last = features.frame, block + 1 == len(self._blocks)
        rows, picture = [frame.rows] * 3, None
        all_of_it = boxes == [whole((frame.height, frame.width))]
        if not all_of_it:
            rows = [_rows(boxes, grow, frame) for grow in (0, 1, GROWTH)]
        elif last:
            picture = self._image_of(frame.rows)
            self._is_raw_whole = True
        index = level.index.as_strided((frame.positions,), (1,), 0)
        style_of = None if style is None else style.of_rows(level.classes)
        slope = SLOPE if last else 1.0
        self._blocks[block].run(
            x, features, index, tables, style, style_of, rows, slope=slope, whole=all_of_it, picture=picture
        )

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `Backend`."""
        if boxes and not self._is_raw_whole:
            rows = _rows(boxes, 0, self._frames[-1])  # must outlive the call
            self._to_image.run(self._image_of(rows))
        self._is_raw_whole = False
        for box in boxes:
            self._picture[(..., *box.window)] = self._raw[(..., *box.window)].tanh()
        return self._picture

    def _image_of(self, rows: Tensor) -> Product:
        return self._to_image.on_planes(
            self._features[-1].outputs, self._image_steps, rows, self._raw, self._frames[-1]
        )


@dataclass(frozen=True)
class _Features:
    """Of one block.

    Attributes:
        frame: of all its planes.
        inputs: the modulated input, which the first convolution sees.
        middle: what the second sees: its result modulated, then the shortcut's modulated input, then the
            fixed noise.
        noise: that part of `middle`, empty without fixed noise.
        outputs: of the block.
        steps: of both convolutions, see `AmxProduct`.
    """

    frame: Frame
    inputs: Tensor
    middle: Tensor
    noise: Tensor
    outputs: Tensor
    steps: tuple[Tensor, Tensor]


class _Block:
    """One `SpadeResBlock`."""

    def __init__(self, weights: BlockWeights) -> None:
        self.upsample = weights.upsample
        self.tables = [_Table(layer) for layer in weights.modulations]
        self.channels, self.in_channels = weights.conv_0.weight.shape[:2]
        self.out_channels = weights.conv_1.weight.shape[0]
        self.learned_shortcut = weights.conv_s is not None
        self.noise_channels = 0 if weights.noise is None else weights.noise.weight.shape[1]
        self.first = AmxProduct(_packed(weights.conv_0), _bias(weights.conv_0))
        # The shortcut and the noise are more steps of the same sums.
        convs = [conv for conv in (weights.conv_1, weights.conv_s, weights.noise) if conv is not None]
        self.second = AmxProduct(torch.cat([_packed(conv) for conv in convs], 1), _bias(weights.conv_1))

    def planes(self, frame: Frame) -> _Features:
        """Room for its results."""
        before, between = num_blocks(self.in_channels), num_blocks(self.channels)
        beside = before if self.learned_shortcut else 0
        last = between + beside + num_blocks(self.noise_channels)
        steps = [_tap_steps(frame, between), torch.arange(between, last) * frame.positions * PLANE]
        middle = frame.planes(last * PLANE)
        return _Features(
            frame,
            inputs=frame.planes(self.in_channels),
            middle=middle,
            noise=middle[between + beside :],
            outputs=frame.planes(self.out_channels),
            steps=(_tap_steps(frame, before), torch.cat(steps)),
        )

    def run(
        self,
        x: Tensor,
        features: _Features,
        index: Tensor,
        tables: list[Tensor],
        style: Styles | None,
        style_of: Tensor | None,
        rows: list[Tensor],
        *,
        slope: float,
        whole: bool,
        picture: Product | None,
    ) -> None:
        """Fill the planes from the input planes `x`.

        Args:
            x: planes, half as high and wide where the block doubles.
            features: what to fill.
            index: (positions) int32 which row of the tables belongs to each pixel.
            tables: one a layer, see `_Table.of`.
            style: see `Styles`, or None.
            style_of: which style each row of the tables has, or None.
            rows: (n, 2) each of pixels to modulate, of the first convolution's result and of the second's,
                see `Frame.rows`.
            slope: of a leaky ReLU after the block; 1 is none.
            whole: the rows are those of the whole map.
            picture: a convolution of the result to compute too, by `AmxProduct.on_planes`.
        """
        frame, between = features.frame, num_blocks(self.channels)
        scalings = [
            Scaling(table, index, layer.style_rows(style), style_of, slope)
            for layer, table, slope in zip(self.tables, tables, (SLOPE, SLOPE, 1.0))
        ]
        outputs = [(features.inputs, scalings[0])]
        if self.learned_shortcut:
            outputs.append((features.middle[between:], scalings[2]))
        steps = features.steps
        products = [
            self.first.on_planes(
                features.inputs, steps[0], rows[1], features.middle, frame, scaling=scalings[1]
            ),
            self.second.on_planes(
                features.middle,
                steps[1],
                rows[2],
                features.outputs,
                frame,
                slope=slope,
                add=None if self.learned_shortcut else x,
                upsample=self.upsample,
            ),
        ]
        products += [] if picture is None else [picture]
        chain(modulation(x, frame, rows[0], outputs, upsample=self.upsample), products, whole=whole)


class _Table:
    """Makes the table of one SPADE layer."""

    def __init__(self, weights: ModulationWeights) -> None:
        hidden, channels = weights.hidden, len(weights.bias) // 2
        wide, pad = (0, -hidden.rows.shape[2] % PLANE), (0, 0, 0, -channels % PLANE)
        self._hidden = LabelTable(F.pad(hidden.rows, wide).contiguous(), F.pad(hidden.bias, wide))

        def padded(rows: Tensor) -> Tensor:
            """Scale and shift (2C, n), each filled up to whole planes."""
            return torch.cat([F.pad(half, pad) for half in rows.chunk(2)])

        matrix = padded(F.pad(weights.weight, wide).flatten(1))  # (2*blocks*32,k*k*H)
        self._product = AmxProduct(pack_weight(matrix[:, :, None]), padded(weights.bias[:, None])[:, 0])
        self._style = None if weights.style is None else padded(weights.style)

    def of(self, plan: PatchPlan) -> Tensor:
        """(C/32, U, 2, 32) scale and shift of the distinct windows of a plan."""
        hidden = F.pad(self._hidden(plan.patches, torch.bfloat16, relu=True), (0, 0, 1, 0))  # row 0: outside
        return self._product.on_windows(hidden, plan.neighbours)

    def style_rows(self, style: Styles | None) -> Tensor | None:
        """What each style adds to a pixel's scale and shift: (S, 2, C/32*32) float32, or None."""
        if self._style is None or style is None:
            return None
        weight = self._style
        return style.each(lambda vector: F.linear(vector.float(), weight).view(1, 2, -1))


def _packed(conv: Conv) -> Tensor:
    return pack_weight(conv.weight.flatten(2))


def _bias(conv: Conv) -> Tensor:
    assert conv.bias is not None
    return conv.bias


def _tap_steps(frame: Frame, blocks: int) -> Tensor:
    """Steps of a 3x3 convolution: plane by plane, tap by tap."""
    return ((torch.arange(blocks)[:, None] * frame.positions + frame.taps) * PLANE).flatten()


def _rows(boxes: list[Box], grow: int, frame: Frame) -> Tensor:
    """The rows of boxes that reach so many pixels farther, see `Frame.rows`."""
    parts = [box.grown(grow, (frame.height, frame.width)) for box in boxes]
    rows = np.empty((sum(part.bottom - part.top for part in parts), 2), np.int32)
    at = 0
    for part in parts:
        to = at + part.bottom - part.top
        rows[at:to, 0] = np.arange(part.top + 1, part.bottom + 1) * (frame.width + 2) + part.left + 1
        rows[at:to, 1] = part.right - part.left
        at = to
    return torch.from_numpy(rows)
