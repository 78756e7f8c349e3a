"""The features of the latest picture, any part of which can be computed anew.

A cache goes through the blocks of a `SpadeEngine` one by one. It is told where a block's input or modulation
has changed and computes what depends on that: a pixel more on every side for each of the two convolutions.
"""

from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.inference.boxes import Box
from semsynth.inference.engine import SpadeEngine
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.spade import SLOPE

GROWTH = 2
"""How much farther a change reaches after a block: by its two 3x3 convolutions."""

Size = tuple[int, int]


class FeatureCache(Protocol):
    """What holds the features of one picture.

    Attributes:
        axis: of the tables' rows, see `EditedLevel`.
    """

    axis: int

    def tables_for(self, block: int) -> list[MakeTable]:
        """What makes the tables of a block."""
        ...

    def index(self, size: Size) -> Tensor:
        """(h, w) int32 for an `EditedLevel` to keep."""
        ...

    def start(self, x: Tensor) -> None:
        """Take what goes into the first block, (1, C, h, w)."""
        ...

    def set_noise(self, offset: Tensor | None) -> None:
        """Set the offset of the fixed noise; after a change, every block must be computed again."""
        ...

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Tensor | None
    ) -> None:
        """Compute a block's result where its input or its modulation has changed in these boxes."""
        ...

    def picture(self, boxes: list[Box]) -> Tensor:
        """Compute these boxes of the picture anew; all of it, (1, 3, H, W) float32, not to be changed."""
        ...


class TensorFeatureCache:
    """On ordinary channels-last tensors.

    Args:
        engine: computes.
        sizes: of every block's result.
    """

    axis = 0
    _STEP = 8  # of the sides of what is computed at a time: kernels are made anew for every shape

    def __init__(self, engine: SpadeEngine, sizes: list[Size]) -> None:
        self._engine, self._sizes = engine, sizes
        self._x = torch.empty(0, dtype=torch.float32)
        self._features = [
            tuple(_workspace(conv.conv.out_channels, size, engine.dtype) for conv in block.convs[:2])
            for block, size in zip(engine.blocks, sizes)
        ]
        self._noise_offset: Tensor | None = None
        self._picture = torch.empty(1, 3, *sizes[-1], dtype=torch.float32)

    def tables_for(self, block: int) -> list[MakeTable]:
        """See `FeatureCache`."""
        return [lambda plan, table=table: table.of(plan)[1] for table in self._engine.blocks[block].tables]  # type: ignore[misc]

    def index(self, size: Size) -> Tensor:
        """See `FeatureCache`."""
        return torch.empty(size, dtype=torch.int32)

    def start(self, x: Tensor) -> None:
        """See `FeatureCache`."""
        self._x = x.to(self._engine.dtype, memory_format=torch.channels_last)

    def set_noise(self, offset: Tensor | None) -> None:
        """See `FeatureCache`."""
        self._noise_offset = offset

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Tensor | None
    ) -> None:
        """See `FeatureCache`."""
        found, size = self._engine.blocks[block], self._sizes[block]
        x = self._x if block == 0 else self._features[block - 1][1]
        middle, out = self._features[block]
        noise = self._engine.noise(self._sizes, self._noise_offset)[block]
        parts = [box.grown(GROWTH + 1, size).rounded(self._STEP, size) for box in boxes]

        def modulated(layer: int, features: Tensor, part: Box, slope: float, upsample: bool) -> Tensor:
            index = level.index[part.window].contiguous()[None]
            plan = PatchPlan(index, index, index)  # nothing but the index is asked for
            features = _crop(features, part.halved() if upsample else part)
            return found.layers[layer].modulate(
                features, tables[layer], plan, style, slope=slope, upsample=upsample
            )

        for part in parts:  # all of them first: they see each other's results
            _put(middle, found.convs[0](modulated(0, x, part, SLOPE, found.upsample)), part, size)
        for part in parts:
            if len(tables) > 2:
                shortcut = found.convs[2](modulated(2, x, part, 1.0, found.upsample))
            else:
                shortcut = _crop(x, part.halved() if found.upsample else part)
                shortcut = F.interpolate(shortcut, scale_factor=2) if found.upsample else shortcut
            shortcut = shortcut if noise is None else shortcut + _crop(noise, part)
            y = found.convs[1](modulated(1, middle, part, SLOPE, False), add=shortcut)
            _put(out, y, part, size)

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `FeatureCache`."""
        size, features = self._sizes[-1], self._features[-1][1]
        for box in boxes:
            part = box.grown(1, size).rounded(self._STEP, size)
            y = self._engine.to_image(F.leaky_relu(_crop(features, part), SLOPE))
            _put(self._picture, y.float().tanh(), part, size)
        return self._picture


def _workspace(channels: int, size: Size, dtype: torch.dtype) -> Tensor:
    return torch.zeros(1, channels, *size, dtype=dtype).to(memory_format=torch.channels_last)


def _crop(features: Tensor, box: Box) -> Tensor:
    return features[(..., *box.window)].contiguous(memory_format=torch.channels_last)


def _put(features: Tensor, y: Tensor, part: Box, size: Size) -> None:
    """Keep what was computed for a part, but not its rim, which lacks its neighbours."""
    inner = part.shrunk(size)
    top, left = inner.top - part.top, inner.left - part.left
    features[(..., *inner.window)] = y[
        ..., top : top + inner.bottom - inner.top, left : left + inner.right - inner.left
    ]
