"""3x3 convolutions of kept float32 maps by Winograd's method, on the native kernels.

Maps lie in memory pixel by pixel and are buffers that their owner keeps: a convolution reads one, modulates
it on the way, and writes any boxes of another. A value is the same to the bit whichever boxes are computed,
on however many threads. Ask `native.available` first.
"""

from collections.abc import Sequence
from ctypes import addressof, c_int32

import torch
from torch import Tensor

from semsynth.ops import native, structs

Size = tuple[int, int]

PANEL = 16  # outputs side by side, as in `_native/convolve.h`
_MOST_DEPTH = 256  # inputs in a sum: a panel of their weights stays in the first cache
_LEAST_FOUR = 16  # pixels of the shorter side from which tiles are 4 pixels wide

_HALF, _TWO = 0.5**0.5, 2.0**0.5
_TRANSFORMS = {
    2: [[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]],
    4: [
        [1, 0, 0],
        *([-1 / 1.5, -p / 1.5, -p * p / 1.5] for p in (_HALF, -_HALF)),
        *([1 / 6, p / 6, p * p / 6] for p in (_TWO, -_TWO)),
        [0, 0, 1],
    ],
}
"""By tile, a row per point: what it makes of the three taps (0, +-sqrt(1/2), +-sqrt(2), infinity for 4)."""


def best_tile(size: Size) -> int:
    """The side of the tiles for maps of a size.

    F(4x4,3x3) takes 2.25 products a pixel, F(2x2,3x3) 4; the direct sum, 9, is nowhere faster. Four-pixel
    tiles hold four times the weights (36/9), two-pixel ones 1.8 times. Maps of 8 x 8 are four of the larger
    tiles, which leave a processor waiting for the weights; from 16 pixels on these are 1.7 times as fast.
    """
    return 4 if min(size) >= _LEAST_FOUR else 2


class Winograd:
    """The weights of a 3x3 convolution, and of a 1x1 convolution that is added to it, laid out for a tile.

    Args:
        weight: (O, I, 3, 3).
        bias: (O), or None.
        shortcut: (O, S) or (O, S, 1, 1) of the 1x1 convolution, or None.
        tile: 2 or 4, see `best_tile`.

    Raises:
        ValueError: The shapes do not go together, or there is no such tile.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None = None, shortcut: Tensor | None = None, *, tile: int = 4
    ) -> None:
        if weight.dim() != 4 or weight.shape[2:] != (3, 3) or tile not in _TRANSFORMS:
            raise ValueError(f"Tiles are 2 or 4, weights (O, I, 3, 3); got {tile}, {tuple(weight.shape)}.")
        self.out_channels, self.in_channels = weight.shape[:2]
        if shortcut is not None and len(shortcut) != self.out_channels:
            raise ValueError(
                f"The shortcut has {len(shortcut)} outputs, the convolution {self.out_channels}."
            )
        self.tile = tile
        self.group = min(-(-self.out_channels // PANEL) * PANEL, 64)  # outputs computed together
        matrix = torch.tensor(_TRANSFORMS[tile], dtype=torch.float64)
        points = torch.kron(matrix, matrix)  # (positions,9)
        self.weight = _laid_out(weight.detach().flatten(2), points, self.group)
        self.shortcut_channels, self.shortcut = 0, None
        if shortcut is not None:
            columns = shortcut.detach().reshape(self.out_channels, -1, 1)
            self.shortcut_channels = columns.shape[1]
            self.shortcut = _laid_out(columns, torch.ones(1, 1, dtype=torch.float64), self.group)
        self.bias = torch.zeros(len(self.weight) * self.group, dtype=torch.float32)
        if bias is not None:
            self.bias[: self.out_channels] = bias.detach()

    def on(
        self,
        x: Tensor,
        out: Tensor,
        *,
        norm: Tensor | None = None,
        doubled: bool = False,
        activation: float = 1.0,
        shortcut: Tensor | None = None,
        shortcut_norm: Tensor | None = None,
        shortcut_doubled: bool = False,
        residual: Tensor | None = None,
        slope: float = 1.0,
        offset: int = 0,
    ) -> "Convolution":
        """Prepare to convolve a map into another; both, and all that is given, must stay where they are.

        Args:
            x: (h, w, I) float32, or half that size with `doubled`.
            out: (h, w, O) float32.
            norm: (2, I): what to multiply `x` by, then what to add.
            doubled: double `x` by nearest sampling.
            activation: slope of a leaky ReLU before the convolution; 1 is none.
            shortcut: (h, w, S), what the 1x1 convolution sees.
            shortcut_norm: (2, S).
            shortcut_doubled: as `doubled`.
            residual: (h, w, O), or half that size, to be added.
            slope: of a leaky ReLU after all sums.
            offset: how many pixels above and left of the map the first tile begins.

        Raises:
            ValueError: A map is not float32, dense, or of the right shape.
        """
        size = (out.shape[0], out.shape[1])
        _check("out", out, size, self.out_channels)
        if (shortcut is None) != (self.shortcut is None):
            raise ValueError("A map for the shortcut goes with weights for it.")
        arguments = structs.Convolution(
            source=_source(x, norm, size, self.in_channels, doubled, activation, self.weight),
            bias=self.bias.data_ptr(),
            out=out.data_ptr(),
            height=size[0],
            width=size[1],
            out_channels=self.out_channels,
            groups=len(self.weight),
            group=self.group,
            tile=self.tile,
            offset=offset % self.tile,
            strip=16 if self.out_channels <= 64 else 32,
            slope=slope,
        )
        if shortcut is not None and self.shortcut is not None:
            arguments.shortcut = _source(
                shortcut, shortcut_norm, size, self.shortcut_channels, shortcut_doubled, 1.0, self.shortcut
            )
        if residual is not None:
            arguments.residual_doubled = residual.shape[:2] != size
            _check("residual", residual, _halved(size, bool(arguments.residual_doubled)), self.out_channels)
            arguments.residual = residual.data_ptr()
        return Convolution(arguments, (self, x, out, norm, shortcut, shortcut_norm, residual))


class Convolution:
    """A convolution of one kept map into another, made by `Winograd.on`."""

    def __init__(self, arguments: structs.Convolution, kept: tuple[object, ...]) -> None:
        self._arguments, self._kept = arguments, kept
        self._size = (arguments.height, arguments.width)
        self._given: list[object] = [None] * 3  # what the latest modulations and noise lie in

    def modulate(
        self,
        index: Tensor,
        table: Tensor,
        style: Tensor | None = None,
        style_of: Tensor | None = None,
        *,
        shortcut: bool = False,
    ) -> None:
        """Modulate the map by rows of a table from now on.

        Args:
            index: (h, w) int32, the row of each pixel.
            table: (rows, 2 I) scales and shifts.
            style: (styles, 2 I) added to the rows.
            style_of: (rows or fewer) int32, which style is added to each row; None: there is one.
            shortcut: what the 1x1 convolution sees is meant.

        Raises:
            ValueError: Types or shapes do not fit.
        """
        source = self._arguments.shortcut if shortcut else self._arguments.source
        _check("index", index, self._size, None, torch.int32)
        wide = 2 * source.channels
        if table.dim() != 2 or table.shape[1] != wide or not is_dense(table, torch.float32):
            raise ValueError(f"A table is dense float32 (rows, {wide}); got {described(table)}.")
        if style is not None and (style.shape[1:] != (wide,) or not is_dense(style, torch.float32)):
            raise ValueError(f"Styles are dense float32 (styles, {wide}); got {described(style)}.")
        if style_of is not None and (style_of.dim() != 1 or not is_dense(style_of, torch.int32)):
            raise ValueError(f"The styles of rows are dense int32 (rows); got {described(style_of)}.")
        source.index, source.table = index.data_ptr(), table.data_ptr()
        source.style = None if style is None else style.data_ptr()
        source.style_of = None if style is None or style_of is None else style_of.data_ptr()
        self._given[shortcut] = (index, table, style, style_of)

    def add_noise(self, noise: Tensor | None) -> None:
        """Add a fixed map (h, w, O) from now on, or none.

        Raises:
            ValueError: It is not float32, dense, or of the right shape.
        """
        if noise is not None:
            _check("noise", noise, self._size, self._arguments.out_channels)
        self._arguments.noise = None if noise is None else noise.data_ptr()
        self._given[2] = noise

    def reached(self, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
        """The pixels of the result that change, if only in their rounding, with a box of what is seen.

        A pixel changes with all that its tile sees.
        """
        tile, offset = self._arguments.tile, self._arguments.offset
        low = (max(0, (at - 1 + offset) // tile * tile - offset) for at in box[:2])
        high = (
            min(limit, -(-(at + 1 + offset) // tile) * tile - offset)
            for at, limit in zip(box[2:], self._size, strict=True)
        )
        return (*low, *high)

    def run(self, boxes: Sequence[tuple[int, int, int, int]]) -> None:
        """Compute boxes of the result: top, left, bottom, right of each.

        Raises:
            ValueError: A box is not inside the map.
        """
        height, width = self._size
        for top, left, bottom, right in boxes:
            if not (0 <= top <= bottom <= height and 0 <= left <= right <= width):
                raise ValueError(f"The box {(top, left, bottom, right)} is not inside {height} x {width}.")
        corners = [corner for box in boxes if box[0] < box[2] and box[1] < box[3] for corner in box]
        listed = (c_int32 * len(corners))(*corners)
        self._arguments.boxes, self._arguments.num_boxes = addressof(listed), len(corners) // 4
        native.convolve(self._arguments)


def _laid_out(weight: Tensor, points: Tensor, group: int) -> Tensor:
    """(O, I, taps) → (groups, positions, blocks, group / 16, depth, 16) float32, transformed in float64."""
    outputs, inputs, taps = weight.shape
    blocks, depth = _blocks(inputs)
    groups = -(-outputs // group)
    out = torch.empty(groups, len(points), blocks, group // PANEL, depth, PANEL, dtype=torch.float32)
    for number, part in enumerate(weight.split(group)):
        wide = torch.zeros(taps, blocks * depth, group, dtype=torch.float64)
        wide[:, :inputs, : len(part)] = part.permute(2, 1, 0)
        transformed = points @ wide.flatten(1)  # (positions,I*group)
        out[number] = transformed.view(len(points), blocks, depth, -1, PANEL).transpose(2, 3)
    return out


def _blocks(inputs: int) -> tuple[int, int]:
    """In how many blocks of how many inputs sums are cut."""
    blocks = -(-inputs // _MOST_DEPTH)
    return blocks, -(-inputs // (blocks * PANEL)) * PANEL


def _source(
    x: Tensor, norm: Tensor | None, size: Size, channels: int, doubled: bool, slope: float, weight: Tensor
) -> structs.Source:
    _check("x", x, _halved(size, doubled), channels)
    if norm is not None and (norm.shape != (2, channels) or not is_dense(norm, torch.float32)):
        raise ValueError(f"A norm is dense float32 (2, {channels}); got {described(norm)}.")
    blocks, depth = _blocks(channels)
    return structs.Source(
        x=x.data_ptr(),
        norm=None if norm is None else norm.data_ptr(),
        weight=weight.data_ptr(),
        channels=channels,
        depth=depth,
        blocks=blocks,
        doubled=doubled,
        slope=slope,
    )


def _halved(size: Size, halve: bool) -> Size:
    if halve and (size[0] % 2 or size[1] % 2):
        raise ValueError(f"A map of {size[0]} x {size[1]} is not the double of another.")
    return (size[0] // 2, size[1] // 2) if halve else size


def _check(
    name: str, x: Tensor, size: Size, channels: int | None, dtype: torch.dtype = torch.float32
) -> None:
    wanted = size if channels is None else (*size, channels)
    if x.shape != wanted or not is_dense(x, dtype):
        raise ValueError(f"`{name}` is dense {dtype} {wanted}; got {described(x)}.")


def is_dense(x: Tensor, dtype: torch.dtype) -> bool:
    """Whether a kernel can read a tensor as it lies."""
    return x.dtype == dtype and x.device.type == "cpu" and x.is_contiguous()


def described(x: Tensor) -> str:
    """A tensor in words, for an error."""
    dense = "" if x.is_contiguous() else ", not dense"
    return f"{x.dtype} {tuple(x.shape)} on {x.device.type}{dense}"
