"""The backend of PyTorch's public operations: any device, float32 and bfloat16."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.inference.backend import GROWTH, Size
from semsynth.inference.boxes import Box
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles
from semsynth.inference.weights import Conv, ModulationWeights, block_weights, is_local, without_blocks
from semsynth.models.spade import SpadeGenerator
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.spade import SLOPE

_ROWS = 64  # of a table that are made at a time
_COLUMNS = 16  # a multiple of so many: with others MKL does not treat all rows alike
_STRIP = 1 << 12  # pixels of a strip on a CPU; elsewhere calls cost more and memory less
_LARGE_STRIP = 1 << 16
_FEW_PIXELS = 256  # up to so many, laying out a convolution's weight anew takes longer than a plain product


class TorchBackend:
    """Features are (h + 2, w + 2, C) tensors framed by zeros; what is computed at a time is a strip of rows.

    PyTorch's kernels round differently for another shape of their input. So the strips of a level always have
    the same rows, a strip is computed whole, and tables are made in parts of equal numbers of rows: strokes
    equal full pictures to the bit wherever a matrix product treats the rows of its first factor alike, as
    those of MKL, oneDNN and cuBLAS do.

    Args:
        generator: stays as it is.
        dtype: of features, tables and weights: float32 or bfloat16.
        device: where to compute; None is where the generator is.
    """

    axis = 0

    def __init__(
        self,
        generator: SpadeGenerator,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> None:
        self._dtype, self._device = dtype, device or next(generator.parameters()).device
        self._blocks = [
            _Block(
                weights.upsample,
                [_Modulation(layer, dtype, self._device) for layer in weights.modulations],
                self._conv(weights.conv_0),
                self._conv(weights.conv_1),
                None if weights.conv_s is None else self._conv(weights.conv_s),
                None if weights.noise is None else self._conv(weights.noise),
            )
            for weights in block_weights(generator)
        ]
        self._to_image = self._conv(Conv.of(generator.to_image))
        self._fixed_noise = without_blocks(generator).noise
        self._noise: dict[Size, Tensor] = {}  # (h,w,P) of the latest offset
        self._noise_offset = torch.zeros(1, 2, dtype=torch.int64)
        self._is_local = is_local(generator)
        self._most = _STRIP if self._device.type == "cpu" else _LARGE_STRIP
        self._sizes: list[Size] = []

    def _conv(self, conv: Conv) -> "_Conv":
        return _Conv(conv, self._dtype, self._device)

    def tables_for(self, block: int) -> list[MakeTable]:
        """See `Backend`."""
        return [layer.table for layer in self._blocks[block].modulations]

    def index(self, size: Size) -> Tensor:
        """See `Backend`."""
        return torch.empty(size, dtype=torch.int32, device=self._device)

    def resize(self, sizes: list[Size], keep: bool) -> None:
        """See `Backend`."""
        self._sizes, self._keep, self._noise = sizes, keep, {}
        self._x = torch.empty(0, dtype=self._dtype, device=self._device)
        self._features: list[_Features | None] = [None] * len(self._blocks)
        self._picture = torch.empty(1, 3, *sizes[-1], dtype=torch.float32, device=self._device)

    def set_noise(self, offset: Tensor | None) -> None:
        """See `Backend`."""
        offset = torch.zeros(1, 2, dtype=torch.int64) if offset is None else offset
        if not offset.equal(self._noise_offset):
            self._noise, self._noise_offset = {}, offset.clone()

    def _noise_at(self, size: Size) -> Tensor:
        """(h, w, P)."""
        if size not in self._noise:
            assert self._fixed_noise is not None
            noise = self._fixed_noise.at(*size, self._noise_offset)[0].permute(1, 2, 0)
            self._noise[size] = noise.to(self._device, self._dtype).contiguous()
        return self._noise[size]

    def start(self, x: Tensor) -> None:
        """See `Backend`."""
        self._x = F.pad(x[0].permute(1, 2, 0).to(self._device, self._dtype), (0, 0, 1, 1, 1, 1))

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Styles | None
    ) -> None:
        """See `Backend`."""
        convs, size = self._blocks[block], self._sizes[block + 1]
        x = self._x if block == 0 else self._of(block - 1).outputs
        features = self._of(block)
        styles = [layer.style_rows(style) for layer in convs.modulations]
        style_of = None if style is None else style.of_rows(level.classes)
        style_of = None if style_of is None else style_of.to(self._device)

        def modulated(layer: int, x: Tensor, rows: slice, slope: float, upsample: bool) -> Tensor:
            index, added = level.index[rows], styles[layer]
            if added is not None and style_of is not None:
                added = F.embedding(style_of[index], added)  # (r,w,2C)
            return convs.modulations[layer](x, tables[layer], index, added, slope, upsample)

        def inputs(rows: slice) -> Tensor:
            """The block's input at these rows of its result, (r, w, C); half of both where it doubles."""
            scale = 2 if convs.upsample else 1
            return x[rows.start // scale + 1 : rows.stop // scale + 1, 1:-1]

        for rows in self._strips(boxes, 0, size):
            _put(features.inputs, rows, modulated(0, inputs(rows), rows, SLOPE, convs.upsample))
        for rows in self._strips(boxes, 1, size):
            y = convs.conv_0(_seen(features.inputs, rows))
            _put(features.middle, rows, modulated(1, y, rows, SLOPE, False))
        last = block + 1 == len(self._blocks)
        for rows in self._strips(boxes, GROWTH, size):
            y = convs.conv_1(_seen(features.middle, rows))
            if convs.conv_s is not None:
                y += convs.conv_s(modulated(2, inputs(rows), rows, 1.0, convs.upsample))
            elif convs.upsample:
                y.unflatten(1, (-1, 2)).unflatten(0, (-1, 2)).add_(inputs(rows)[:, None, :, None])
            else:
                y += inputs(rows)
            if convs.noise is not None:
                y += convs.noise(self._noise_at(size)[rows])
            _put(features.outputs, rows, F.leaky_relu_(y, SLOPE) if last else y)
        if block and not self._keep:
            self._features[block - 1] = None

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `Backend`."""
        x = self._of(len(self._blocks) - 1).outputs if boxes else self._x
        for rows in self._strips(boxes, 0, self._sizes[-1]):
            image = self._to_image(_seen(x, rows)).float().tanh()
            self._picture[0, :, rows] = image.permute(2, 0, 1)
        if not self._keep:
            self._features[-1] = None
        return self._picture

    def _of(self, block: int) -> "_Features":
        """A block's features."""
        features = self._features[block]
        if features is None:
            convs, (height, width) = self._blocks[block], self._sizes[block + 1]
            before, between = convs.conv_0.weight.shape[1], convs.conv_0.weight.shape[0]
            features = self._features[block] = _Features(
                *(
                    torch.zeros(height + 2, width + 2, channels, dtype=self._dtype, device=self._device)
                    for channels in (before, between, convs.conv_1.weight.shape[0])
                )
            )
        return features

    def _strips(self, boxes: list[Box], grow: int, size: Size) -> list[slice]:
        """The rows of the strips that these boxes touch, grown by so many pixels."""
        # Strips begin at even rows. Instance norm looks at the whole map.
        step = max(2, self._most // size[1] // 2 * 2) if self._is_local else size[0]
        touched: set[int] = set()
        for box in boxes:
            part = box.grown(grow, size)
            touched.update(range(part.top // step, (part.bottom - 1) // step + 1))
        return [slice(step * i, min(step * (i + 1), size[0])) for i in sorted(touched)]


@dataclass(frozen=True)
class _Features:
    """Of one block: its input modulated, what lies between its convolutions, its result; framed."""

    inputs: Tensor
    middle: Tensor
    outputs: Tensor


@dataclass(frozen=True)
class _Block:
    """See `BlockWeights`."""

    upsample: bool
    modulations: list["_Modulation"]
    conv_0: "_Conv"
    conv_1: "_Conv"
    conv_s: "_Conv | None"
    noise: "_Conv | None"


class _Conv:
    """A convolution of rows of pixels that are framed already."""

    def __init__(self, conv: Conv, dtype: torch.dtype, device: torch.device) -> None:
        self.weight = conv.weight.to(device, dtype).contiguous(memory_format=torch.channels_last)
        self.bias = None if conv.bias is None else conv.bias.to(device, dtype)
        self._matrix = self.weight.permute(0, 2, 3, 1).flatten(1)  # (C',k*k*C), of the same memory

    def __call__(self, x: Tensor) -> Tensor:
        """(r + k - 1, w + k - 1, C) → (r, w, C')."""
        size = self.weight.shape[2]
        if size == 1:
            return F.linear(x, self._matrix, self.bias)
        if x.shape[0] * x.shape[1] > _FEW_PIXELS:
            y = F.conv2d(x.permute(2, 0, 1)[None], self.weight, self.bias)
            return y[0].permute(1, 2, 0)
        windows = x.unfold(0, size, 1).unfold(1, size, 1).permute(0, 1, 3, 4, 2)  # (r,w,k,k,C)
        return F.linear(windows.flatten(2), self._matrix, self.bias)


class _Modulation:
    """See `ModulationWeights`."""

    def __init__(self, weights: ModulationWeights, dtype: torch.dtype, device: torch.device) -> None:
        self._hidden, self._dtype, self._device = weights.hidden.to(device), dtype, device
        self._columns = len(weights.bias)
        wide = (0, -self._columns % _COLUMNS)
        self._matrix = F.pad(weights.weight.flatten(1).t(), wide).to(device, dtype).contiguous()  # (k*k*H,2C)
        self._bias = F.pad(weights.bias, wide).to(device, dtype)
        self._style = None if weights.style is None else weights.style.to(device)
        self._norm = weights.norm

    def table(self, plan: PatchPlan) -> Tensor:
        """(U, 2C) scale and shift of the distinct windows of a plan."""
        hidden = F.pad(self._hidden(plan.patches, self._dtype, relu=True), (0, 0, 1, 0))  # row 0: outside
        count = len(plan.neighbours)
        neighbours = F.pad(plan.neighbours, (0, 0, 0, -count % _ROWS)).to(self._device)
        table = hidden.new_empty(len(neighbours), len(self._bias))
        for part, windows in zip(table.split(_ROWS), neighbours.split(_ROWS)):
            rows = hidden.index_select(0, windows.flatten()).view(_ROWS, -1)
            torch.addmm(self._bias, rows, self._matrix, out=part)
        return table[:count, : self._columns].contiguous()

    def style_rows(self, style: Styles | None) -> Tensor | None:
        """What each of the styles adds to a pixel's scale and shift, (S, 2C), or None."""
        if self._style is None or style is None:
            return None
        weight = self._style
        return style.each(lambda vector: F.linear(vector.to(weight), weight)).to(self._dtype)

    def __call__(
        self, x: Tensor, table: Tensor, index: Tensor, style: Tensor | None, slope: float, upsample: bool
    ) -> Tensor:
        """(r, w, C), half of both with `upsample`; (r, w) rows of a table → leaky_relu(x * scale + shift).

        `style` is added to these rows: (1, 2C), or (r, w, 2C).
        """
        rows = F.embedding(index, table)  # (r,w,2C)
        if style is not None:
            rows += style
        if self._norm is not None:
            x = self._norm(x.permute(2, 0, 1)[None])[0].permute(1, 2, 0)
        if upsample:
            rows = rows.unflatten(1, (-1, 2)).unflatten(0, (-1, 2))  # (r/2,2,w/2,2,2C)
            x = x[:, None, :, None]
        scale, shift = rows.chunk(2, -1)
        y = torch.addcmul(shift, x, scale)
        y = y.flatten(2, 3).flatten(0, 1) if upsample else y
        return y if slope == 1.0 else F.leaky_relu_(y, slope)


def _seen(framed: Tensor, rows: slice) -> Tensor:
    """What 3x3 convolutions of these rows see."""
    return framed[rows.start : rows.stop + 2]


def _put(framed: Tensor, rows: slice, values: Tensor) -> None:
    framed[rows.start + 1 : rows.stop + 1, 1:-1] = values
