"""The shape of SPADE's decoder, which CC-FPSE's and the concatenating ablation's share."""

import torch.nn.functional as F
from torch import Tensor

MULTIPLIERS = (16, 16, 16, 16, 8, 4, 2, 1)
"""Width of the stem and of every block's output, in units of the base width."""

UPSAMPLE = {
    5: (False, True, False, True, True, True, True),
    6: (False, True, True, True, True, True, True),
    7: (False, True, True, True, True, True, True, True),
}
"""Which blocks double their input first, by the number of doublings ("normal", "more", "most")."""


def upsample(upsamplings: int, most: int = 6) -> tuple[bool, ...]:
    """A row of `UPSAMPLE`.

    Args:
        upsamplings: how often the picture is doubled.
        most: how often the network at hand can.

    Raises:
        ValueError: another number.
    """
    allowed = [number for number in UPSAMPLE if number <= most]
    if upsamplings not in allowed:
        raise ValueError(f"upsamplings is {upsamplings}; allowed are {', '.join(map(str, allowed))}")
    return UPSAMPLE[upsamplings]


def latent_grid(values: Tensor, latent_size: tuple[int, int], size: tuple[int, int]) -> Tensor:
    """A grid (B, C, h, w) laid out in rows (B, C * h * w), at another size (H, W), bilinear."""
    grid = values.unflatten(1, (-1, *latent_size))
    return grid if size == latent_size else F.interpolate(grid, size=size, mode="bilinear")
