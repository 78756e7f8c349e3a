"""Feature maps and convolutions as the processor's matrix unit wants them; see `_native/amx.h`.

A convolution of `AmxProduct` computes in one go what follows it too: the shortcut's 1x1 convolution, the sum,
the modulation and the activation. All of it is bfloat16 with float32 sums.
"""

from ctypes import byref, c_void_p, pointer
from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.ops import native
from semsynth.ops.structs import Affine, AmxModulation, Chain, Product

PLANE = 32
_STRIP_VALUES = 400_000  # inputs that a thread goes through at a time: they stay in its second cache
_CHAIN_VALUES = 400_000  # results of all stages that a thread makes before it goes on with the first stage
_WINDOWS = 64  # windows that a table's kernel takes for a row of pixels
_TAIL = 16 + 1  # a tile that begins at the last pixel of a narrow map reads so far beyond it


def available() -> bool:
    """Whether this processor has a matrix unit for bfloat16 and the native kernels drive it."""
    return native.available() and bool(native.library().semsynth_matrix_unit())


def num_blocks(channels: int) -> int:
    """How many planes hold so many channels."""
    return -(-channels // PLANE)


@dataclass(frozen=True)
class Frame:
    """Where the pixels of (height, width) maps lie among the positions of their planes."""

    height: int
    width: int

    @property
    def positions(self) -> int:
        """Of one plane, the frame of zeros included."""
        return (self.height + 2) * (self.width + 2)

    @cached_property
    def rows(self) -> Tensor:
        """(h, 2) int32 position and length of every row of pixels."""
        first = torch.arange(1, self.height + 1) * (self.width + 2) + 1
        return torch.stack([first, torch.full_like(first, self.width)], 1).int()

    @cached_property
    def halved(self) -> Tensor:
        """(positions) int32: for every pixel its position in the frame of maps half as high and wide."""
        small = Frame(self.height // 2, self.width // 2)
        at = small.unframed(torch.arange(small.positions, dtype=torch.int32))
        return F.pad(at.repeat_interleave(2, 0).repeat_interleave(2, 1), (1, 1, 1, 1)).flatten()

    def unframed(self, values: Tensor) -> Tensor:
        """(positions, ...) → (h, w, ...)."""
        return values.view(self.height + 2, self.width + 2, *values.shape[1:])[1:-1, 1:-1]

    def planes(self, channels: int) -> Tensor:
        """(blocks, positions, 32) of zeros."""
        blocks, tail = num_blocks(channels), _TAIL + self.width + 2
        values = torch.zeros(blocks * self.positions + tail, PLANE, dtype=torch.bfloat16)
        return values[: blocks * self.positions].view(blocks, self.positions, PLANE)

    def write(self, planes: Tensor, x: Tensor) -> None:
        """Put (h, w, C) features into planes; what a last plane has beyond C stays as it is."""
        for part, plane in zip(x.split(PLANE, 2), planes, strict=True):
            self.unframed(plane)[..., : part.shape[2]] = part

    @cached_property
    def taps(self) -> Tensor:
        """(9) how many positions the taps of a 3x3 convolution lie away."""
        shift = torch.arange(-1, 2)
        return (shift[:, None] * (self.width + 2) + shift).flatten()


@dataclass(frozen=True)
class Scaling:
    """Scales and shifts by position, and the activation that follows.

    Attributes:
        table: (blocks, rows, 2, 32) bfloat16.
        index: (positions) int32 rows.
        style: (styles, 2, blocks * 32) float32 added to the scales and shifts, or None.
        style_of: (rows) int32, the style that goes with each row; None is the first.
        slope: of the leaky ReLU; 1 is none.
    """

    table: Tensor
    index: Tensor
    style: Tensor | None = None
    style_of: Tensor | None = None
    slope: float = 1.0

    def arguments(self) -> Affine:
        """For the kernels; the tensors must outlive the call."""
        return Affine(
            self.table.data_ptr(), self.index.data_ptr(),
            None if self.style is None else self.style.data_ptr(),
            None if self.style_of is None else self.style_of.data_ptr(), self.table.shape[1], self.slope,
        )  # fmt: skip


def pack_weight(weight: Tensor) -> Tensor:
    """(O, C, T) → (O/32, C/32 * T, 2, 16, 16, 2) bfloat16: per step output halves, input pairs, outputs.

    Missing channels are filled up with zeros.
    """
    outputs, inputs, taps = weight.shape
    weight = F.pad(weight, (0, 0, 0, -inputs % PLANE, 0, -outputs % PLANE))
    parts = weight.reshape(num_blocks(outputs), 2, 16, num_blocks(inputs), 16, 2, taps)
    packed = parts.permute(0, 3, 6, 1, 4, 2, 5).to(torch.bfloat16)
    return packed.reshape(num_blocks(outputs), -1, 2, 16, 16, 2).contiguous()


class AmxProduct:
    """Outputs that are weighted sums of planes at constant distances.

    Args:
        weight: (out_blocks, steps, 2, 16, 16, 2) by `pack_weight`, several of them joined along the steps.
        bias: (out_blocks * 32) float32.
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.weight = weight
        self.bias = F.pad(bias.float(), (0, len(weight) * PLANE - len(bias))).contiguous()

    def on_windows(self, hidden: Tensor, windows: Tensor) -> Tensor:
        """A table: the outputs for rows that lie side by side.

        Args:
            hidden: (V, H) bfloat16; H is a multiple of 32.
            windows: (U, T) int32: which T rows make the T * H inputs.

        Returns:
            (out_blocks/2, U, 2, 32): the first half of the outputs, then the second.
        """
        table = torch.empty(len(self.weight) // 2, len(windows), 2, PLANE, dtype=torch.bfloat16)
        begin = torch.arange(0, len(windows), _WINDOWS)
        rows = torch.stack([begin, (len(windows) - begin).clamp(max=_WINDOWS)], 1).int()
        steps = windows.shape[1] * hidden.shape[1] // PLANE
        arguments = Product(
            x=hidden.data_ptr(), windows=windows.data_ptr(), weight=self.weight.data_ptr(),
            bias=self.bias.data_ptr(), rows=rows.data_ptr(), out=table.data_ptr(), affine=Affine(slope=1.0),
            taps=windows.shape[1], num_steps=steps, out_blocks=len(self.weight), num_rows=len(rows),
            strip=_strip(rows, steps), out_period=len(table),
            out_plane=table.stride(0), out_stride=table.stride(1), height=0, width=2**31,  # all one sample
        )  # fmt: skip
        self.run(arguments)
        return table

    def on_planes(
        self,
        x: Tensor,
        steps: Tensor,
        rows: Tensor,
        out: Tensor,
        frame: Frame,
        *,
        scaling: Scaling | None = None,
        slope: float = 1.0,
        add: Tensor | None = None,
        upsample: bool = False,
    ) -> Product:
        """The arguments of the kernel for one convolution.

        Args:
            x: planes.
            steps: (steps) int64 values between a position and what each step multiplies.
            rows: which pixels, see `Frame.rows`.
            out: what to fill: planes, or a picture (1, 3, h, w) float32 of the first three outputs.
            frame: of the result.
            scaling: what follows.
            slope: of the leaky ReLU that follows where there is no scaling.
            add: planes to add before that; of maps half as large with `upsample`.
            upsample: double `add` by nearest sampling.

        Returns:
            what `chain` and `run` take; the tensors must outlive that.
        """
        to_image = out.dtype == torch.float32
        source = frame.halved if add is not None and upsample else None
        return Product(
            x=x.data_ptr(), steps=steps.data_ptr(), weight=self.weight.data_ptr(), bias=self.bias.data_ptr(),
            rows=rows.data_ptr(), out=None if to_image else out.data_ptr(),
            image=out.data_ptr() if to_image else None, add=None if add is None else add.data_ptr(),
            source=None if source is None else source.data_ptr(),
            affine=Affine(slope=slope) if scaling is None else scaling.arguments(),
            num_steps=len(steps), out_blocks=len(self.weight), num_rows=len(rows),
            strip=_strip(rows, x.shape[0]),
            out_period=len(self.weight), out_plane=out.stride(0), out_stride=PLANE,
            add_positions=0 if add is None else add.shape[1], height=frame.height, width=frame.width,
        )  # fmt: skip

    @staticmethod
    def run(arguments: Product) -> None:
        """Compute one convolution by itself, see `on_planes`."""
        native.library().semsynth_product(byref(arguments))


def _strip(rows: Tensor, blocks: int) -> int:
    """How many rows to go through at a time, so many that all strips are alike."""
    most = max(1, _STRIP_VALUES // (max(1, int(rows[0, 1])) * blocks * PLANE))
    return -(-len(rows) // -(-len(rows) // most))


def modulation(
    x: Tensor, frame: Frame, rows: Tensor, outputs: list[tuple[Tensor, Scaling]], *, upsample: bool
) -> AmxModulation:
    """The arguments of the kernel that fills one or two sets of planes from one.

    Args:
        x: planes; of maps half as large with `upsample`.
        frame: of the results.
        rows: which pixels, see `Frame.rows`.
        outputs: the planes to fill and how.
        upsample: double by nearest sampling.
    """
    affine, y = (Affine * 2)(), (c_void_p * 2)()
    for i, (planes, scaling) in enumerate(outputs):
        affine[i], y[i] = scaling.arguments(), planes.data_ptr()
    source = frame.halved if upsample else None
    return AmxModulation(
        x.data_ptr(), None if source is None else source.data_ptr(), rows.data_ptr(), y, affine,
        x.shape[0], len(rows), x.shape[1], frame.positions, frame.height, frame.width,
    )  # fmt: skip


def chain(modulation: AmxModulation, products: list[Product], *, whole: bool) -> None:
    """Compute a modulation, and up to three products of which each reads the one before.

    Args:
        modulation: by `modulation`.
        products: by `AmxProduct.on_planes`.
        whole: every stage's rows are those of whole maps: they may be computed strip by strip.
    """
    planes = modulation.blocks * (2 if modulation.affine[1].table else 1)
    planes += sum(product.out_blocks for product in products)
    arguments = Chain(
        modulation=pointer(modulation), count=len(products),
        strip=max(2, _CHAIN_VALUES // (planes * PLANE * modulation.width)), whole=whole,
    )  # fmt: skip
    for i, product in enumerate(products):
        arguments.products[i] = pointer(product)
    native.library().semsynth_chain(byref(arguments))
