"""A trained generator for drawing only: the same picture from less work.

Three quarters of SPADE's arithmetic depend on the label map alone. The engine computes that part once per
distinct label patch and keeps it while the map stays the same: another style costs the main convolutions
only, and another noise offset the fixed noise beside them. Spectral norm is folded, norms and activations are
one pass over the pixels, weights are packed once for the processor's convolutions, and the shortcut is added
by the convolution that follows it.
"""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.inference import amx_network
from semsynth.inference.amx_blocks import BlockTables
from semsynth.inference.exclusive import OneAtATime
from semsynth.inference.packed import PackedConv
from semsynth.models.base import GeneratorModule
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import native
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.ops.dtypes import has_bfloat16_arithmetic
from semsynth.ops.lookup import lookup_sum
from semsynth.ops.pyramid import LabelPyramid, PatchPlan
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock

Precision = Literal["float32", "bfloat16"]
Engine = Callable[..., Tensor]
"""The arguments of a generator's `forward` → images (B, 3, H, W) float32."""

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_AT_ONCE = 1 << 14  # windows whose hidden rows are laid side by side at a time
_TWO_STEPS = 1.5  # distinct large windows per small one from which it pays to multiply the small ones


def engine_for(generator: GeneratorModule, precision: Precision = "float32") -> Engine:
    """The fastest way to draw with a trained generator.

    Args:
        generator: put into evaluation mode, its spectral norm folded. In bfloat16 its convolutions belong to
            the engine from now on, rounded to that type: it can no longer be used by itself.
        precision: float32 draws what the generator draws, to 2e-5. bfloat16 rounds the weights to bfloat16;
            the arithmetic is bfloat16 where the device has it, else float32.

    Returns:
        a `SpadeEngine` for SPADE on a CPU; else the generator itself, under autocast where asked.
    """
    fold_spectral_norm(generator).eval().requires_grad_(False)
    dtype = _TYPES[precision]
    device = next(generator.parameters()).device
    if dtype == torch.bfloat16 and not has_bfloat16_arithmetic(device):
        _round_weights(generator)
        dtype = torch.float32
    if type(generator) is SpadeGenerator and device.type == "cpu":
        return SpadeEngine(generator, dtype)

    def draw(labels: Tensor, **given: Tensor | None) -> Tensor:
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return generator(labels, **given).float()  # type: ignore[no-any-return]

    return draw


@torch.no_grad()
def _round_weights(generator: GeneratorModule) -> None:
    """Round matrices and kernels to bfloat16; vectors stay, as in a file stored so."""
    for weight in generator.parameters():
        if weight.dim() > 1:
            weight.copy_(weight.bfloat16())


@dataclass(frozen=True)
class MapTables:
    """What depends on a batch of label maps and on nothing else.

    Attributes:
        pyramid: the maps.
        stem: (B, 16w, h, w) the labels' part of the stem, or None.
        modulations: per block and layer, the plan of its size and the table of gamma and beta (U, 2C).
        amx: instead of both, per block its tables as the matrix unit wants them.
    """

    pyramid: LabelPyramid
    stem: Tensor | None
    modulations: list[list[tuple[PatchPlan, Tensor]]]
    amx: list[BlockTables]


class SpadeEngine:
    """SPADE's generator, folded. The tables of the latest label maps are kept.

    Several threads may draw at a time; on the matrix unit they wait for each other.

    Args:
        generator: in evaluation mode, spectral norm folded, on the CPU.
        dtype: float32, or bfloat16 where the processor has its arithmetic; of features and tables.
    """

    def __init__(self, generator: SpadeGenerator, dtype: torch.dtype) -> None:
        self.generator = generator
        self.dtype = dtype
        self.stem = None
        if generator.stem_labels is not None:
            self.stem = _LabelSum(generator.stem_labels, generator.num_classes, dtype)
        self.amx: amx_network.AmxNetwork | None = None
        self._amx_in_use = OneAtATime()  # they hold one picture's features
        self._latest: MapTables | None = None
        self._noise: tuple[object, list[Tensor]] | None = None
        if dtype == torch.bfloat16 and amx_network.supports(generator):
            self.amx = amx_network.AmxNetwork(generator)
            return
        blocks = cast(list[SpadeResBlock], list(generator.blocks))
        self.blocks = [
            Block(block, upsample, generator.num_classes, dtype)
            for block, upsample in zip(blocks, generator.upsample)
        ]
        self.to_image = PackedConv(generator.to_image, dtype)

    @torch.inference_mode()
    def __call__(
        self,
        labels: Tensor,
        *,
        style: Tensor | None = None,
        instances: Tensor | None = None,
        noise_offset: Tensor | None = None,
    ) -> Tensor:
        """Draw, see `SpadeGenerator.forward`.

        Returns:
            (B, 3, H, W) float32 in [-1, 1].
        """
        with self._amx_in_use if self.amx is not None else nullcontext():
            pyramid = self.generator.pyramid(labels, instances)
            tables = self._latest  # read once: another thread may put its own there at any time
            if tables is None or not _same_maps(tables.pyramid, pyramid):
                self._latest = tables = None  # one thread never holds two maps' tables
                self._latest = tables = self.tables(pyramid)
            return self.draw(tables, style, noise_offset)

    def tables(self, pyramid: LabelPyramid) -> MapTables:
        """Everything that does not depend on the style."""
        height, width = (side // self.generator.stride for side in pyramid.full.size)
        stem = self.stem_table(pyramid)
        if self.amx is not None:
            return MapTables(pyramid, stem, [], self.amx.tables(pyramid))
        modulations = []
        for block in self.blocks:
            scale = 2 if block.upsample else 1
            height, width = height * scale, width * scale
            modulations.append(
                [table.of(pyramid.at(height, width).plan(table.kernel_size)) for table in block.tables]
            )
        return MapTables(pyramid, stem, modulations, [])

    def noise(self, sizes: Sequence[tuple[int, int]], offset: Tensor | None) -> Sequence[Tensor | None]:
        """What the fixed noise adds to each block's result, of such a size, (B or 1, C, h, w), or None."""
        noise = self.generator.noise
        if noise is None:
            return [None] * len(sizes)
        key = (tuple(sizes), None if offset is None else tuple(offset.flatten().tolist()))
        latest = self._noise  # read once, as the tables
        if latest is None or latest[0] != key:
            self._noise = latest = None  # one thread never holds the maps of two offsets
            maps = {size: noise.at(*size, offset) for size in dict.fromkeys(sizes)}
            added = [linear(maps[size]) for linear, size in zip(noise.to_blocks, sizes)]
            latest = key, [x.to(self.dtype, memory_format=torch.channels_last) for x in added]
            self._noise = latest
        return latest[1]

    def stem_table(self, pyramid: LabelPyramid) -> Tensor | None:
        """The labels' part of the stem (B, 16w, h, w), or None."""
        if self.stem is None:
            return None
        level = pyramid.at(*(side // self.generator.stride for side in pyramid.full.size))
        plan = level.plan(self.stem.kernel_size)
        rows = self.stem(plan.patches)[plan.centres]  # (U,16w)
        return rows[plan.index].permute(0, 3, 1, 2)

    def start(
        self, pyramid: LabelPyramid, stem: Tensor | None, style: Tensor | None, offset: Tensor | None
    ) -> Tensor:
        """The first block's input, (B, 16w, h, w), from `stem_table`, a style (B, Z) and a noise offset."""
        x = stem
        if self.generator.stem_style is not None:
            grid = self.generator.style_grid(pyramid, style, offset)
            x = grid if x is None else x + grid
        assert x is not None  # the stem sees labels, a style, or both
        return x

    def draw(self, tables: MapTables, style: Tensor | None = None, offset: Tensor | None = None) -> Tensor:
        """What does not depend on the map alone: (B, Z), (B or 1, 2) → (B, 3, H, W) float32."""
        x = self.start(tables.pyramid, tables.stem, style, offset)
        if self.amx is not None:
            workspace = self.amx.workspace(self.amx.frames(tables.pyramid))
            self.amx.set_noise(workspace, offset)
            return self.amx.draw(x, tables.amx, style, workspace)
        x = x.to(self.dtype, memory_format=torch.channels_last)
        sizes = [(plan.index.shape[1], plan.index.shape[2]) for (plan, _), *_ in tables.modulations]
        for block, modulations, noise in zip(self.blocks, tables.modulations, self.noise(sizes, offset)):
            x = block(x, modulations, style, noise)
        return self.to_image(F.leaky_relu(x, SLOPE)).float().tanh()


class _LabelSum:
    """A `LabelConv2d` with its table made once."""

    def __init__(
        self, conv: LabelConv2d, num_classes: int, dtype: torch.dtype, *, relu: bool = False
    ) -> None:
        self.kernel_size = conv.kernel_size[0]
        self.table = conv.table(num_classes).float().contiguous()  # (k*k,symbols,O)
        self.bias, self.dtype, self.relu = conv.bias, dtype, relu

    def __call__(self, patches: Tensor) -> Tensor:
        """(V, k*k) symbols → (V, O)."""
        return lookup_sum(self.table, self.bias, patches, dtype=self.dtype, relu=self.relu)


class Table:
    """The table of one SPADE layer."""

    def __init__(self, layer: Spade, num_classes: int, dtype: torch.dtype) -> None:
        self.kernel_size = layer.shared.kernel_size[0]
        self.hidden = _LabelSum(layer.shared, num_classes, dtype, relu=True)
        conv = layer.modulation
        conv.weight.data = conv.weight.data.to(dtype)
        self.weight = conv.weight.permute(2, 3, 1, 0).flatten(0, 1).contiguous()  # (k*k,H,2C)
        assert conv.bias is not None
        self.bias = conv.bias.float()

    def of(self, plan: PatchPlan) -> tuple[PatchPlan, Tensor]:
        """The plan, and gamma and beta of its distinct large windows (U, 2C).

        A large window's row is a sum of products, one for each small window in it. Where small windows recur
        in many large ones, each is multiplied once and the products are looked up.
        """
        hidden = F.pad(self.hidden(plan.patches), (0, 0, 1, 0))  # (V+1,H); row 0: outside the picture
        if native.supports(hidden) and len(plan.neighbours) > _TWO_STEPS * len(hidden):
            products = torch.matmul(hidden, self.weight)  # (k*k,V+1,2C)
            return plan, lookup_sum(products, self.bias, plan.neighbours, dtype=hidden.dtype)
        bias, weight = self.bias.to(hidden.dtype), self.weight.flatten(0, 1)
        table = hidden.new_empty(len(plan.neighbours), weight.shape[1])
        for part, windows in zip(table.split(_AT_ONCE), plan.neighbours.split(_AT_ONCE)):
            rows = hidden.index_select(0, windows.flatten()).view(len(windows), -1)
            torch.addmm(bias, rows, weight, out=part)
        return plan, table


class Block:
    """One `SpadeResBlock`."""

    def __init__(self, block: SpadeResBlock, upsample: bool, num_classes: int, dtype: torch.dtype) -> None:
        self.upsample = upsample
        self.layers = [layer for layer in (block.spade_0, block.spade_1, block.spade_s) if layer is not None]
        self.tables = [Table(layer, num_classes, dtype) for layer in self.layers]
        convs = (block.conv_0, block.conv_1, block.conv_s)
        self.convs = [PackedConv(cast(nn.Conv2d, conv), dtype) for conv in convs if conv is not None]

    def __call__(
        self,
        x: Tensor,
        modulations: list[tuple[PatchPlan, Tensor]],
        style: Tensor | None,
        noise: Tensor | None,
    ) -> Tensor:
        """(B, C, h, w) → the block's result, plus `noise`."""

        def modulate(i: int, x: Tensor, slope: float, upsample: bool) -> Tensor:
            plan, table = modulations[i]
            return self.layers[i].modulate(x, table, plan, style, slope=slope, upsample=upsample)

        y = self.convs[0](modulate(0, x, SLOPE, self.upsample))
        if len(self.layers) > 2:
            shortcut = self.convs[2](modulate(2, x, 1.0, self.upsample))
        else:
            shortcut = F.interpolate(x, scale_factor=2) if self.upsample else x
        shortcut = shortcut if noise is None else shortcut + noise
        return self.convs[1](modulate(1, y, SLOPE, False), add=shortcut)


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two tensors, or what is none, are equal."""
    return a is b if a is None or b is None else torch.equal(a, b)


def _same_maps(a: LabelPyramid, b: LabelPyramid) -> bool:
    if not torch.equal(a.full.labels, b.full.labels):
        return False
    return same(a.full.edges, b.full.edges)
