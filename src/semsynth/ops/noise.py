"""A fixed random map that tells a network where in the picture it is drawing (ours).

StyleGAN adds fresh noise at every layer. Here the noise is fixed, repeats after `PERIOD` rows and columns,
and is moved by an offset: each offset gives another picture of the same labels and style.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from semsynth.ops.init import init_as

SIDE = 64
"""Rows and columns of the map. In the stem it repeats after these."""

_OTHER = 61
"""Those of the second map in the blocks; the sum of both repeats after 64 x 61 rows and columns."""

PERIOD = SIDE * _OTHER


class FixedNoise(nn.Module):
    """The map, and one linear map of it each for the stem and for the result of every block.

    The linear maps start at zero.

    Args:
        channels: P of the map, at least 2.
        stem_width: channels of the stem's result.
        block_widths: channels of every block's result.

    Raises:
        ValueError: a single channel.
    """

    def __init__(self, channels: int, stem_width: int, block_widths: Sequence[int]) -> None:
        super().__init__()
        if channels < 2:
            raise ValueError(f"noise_channels is {channels}; it must be 0 or at least 2")
        self.to_stem, *blocks = (
            init_as(nn.Conv2d(channels, width, 1, bias=False), zero=True)
            for width in (stem_width, *block_widths)
        )
        self.to_blocks = nn.ModuleList(blocks)
        values = torch.randn(
            (1, channels, SIDE, SIDE),
            dtype=torch.float32,
            device="cpu",  # whatever the network is built on: PyTorch's compiler would be loaded for it
            generator=torch.Generator().manual_seed(0),
        )
        self.values: Tensor
        self.register_buffer("values", values)

    def in_stem(self, height: int, width: int, offset: Tensor | None = None) -> Tensor:
        """What is added in the stem: an offset (B, 2) → (B, C, h, w); (1, C, h, w) without one."""
        return self.to_stem(_tiled(self.values, SIDE, height, width, offset))  # type: ignore[no-any-return]

    def at(self, height: int, width: int, offset: Tensor | None = None) -> Tensor:
        """What `to_blocks` map: an offset (B, 2) → (B, P, h, w), channels last; (1, P, h, w) without one."""
        values = self.values / math.sqrt(2)
        other = values.roll(1, 1)  # of another channel: independent everywhere
        return _tiled(values, SIDE, height, width, offset).add_(_tiled(other, _OTHER, height, width, offset))


def _tiled(values: Tensor, period: int, height: int, width: int, offset: Tensor | None) -> Tensor:
    """(1, P, 64, 64) repeated after so many rows and columns, (B or 1, P, h, w), channels last in memory."""
    if offset is None:
        offset = torch.zeros(1, 2, dtype=torch.int64, device=values.device)
    rows, columns = (
        (torch.arange(side, device=values.device) + offset[:, i : i + 1]) % period  # (B,side)
        for i, side in enumerate((height, width))
    )
    # Columns of few rows first, then whole rows: what is copied lies together.
    x: Tensor = values[0].permute(2, 1, 0).contiguous().index_select(0, columns.flatten())  # (B*w,64,P)
    x = x.unflatten(0, columns.shape).transpose(1, 2).flatten(0, 1)  # (B*64,w,P)
    first = torch.arange(rows.shape[0], device=values.device)[:, None] * SIDE
    x = x.index_select(0, (first + rows).flatten())
    return x.reshape(-1, height, width, values.shape[1]).permute(0, 3, 1, 2)
