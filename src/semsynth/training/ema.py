"""The averaged copy of a network that is shown and shipped."""

import copy

import torch
from torch import Tensor, nn

_AVERAGED_BUFFERS = ("running_mean", "running_var")


class Ema:
    """An exponential moving average of a network's weights and batch statistics, by pictures seen.

    Args:
        network: what is followed.
        half_life: pictures after which an old weight counts half.
        rampup: the half-life is at most this share of the pictures seen so far; 0 is none.
    """

    def __init__(self, network: nn.Module, half_life: int, rampup: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.half_life = half_life
        self.rampup = rampup

    @torch.no_grad()
    def update(self, network: nn.Module, images_seen: int, batch_size: int) -> None:
        """Move towards `network`, whose latest step saw `batch_size` pictures."""
        half_life = float(self.half_life)
        if self.rampup:
            half_life = min(half_life, images_seen * self.rampup)
        weight = 1 - 0.5 ** (batch_size / max(half_life, 1e-8))
        ours: list[Tensor] = list(self.network.parameters())
        theirs: list[Tensor] = list(network.parameters())
        torch._foreach_lerp_(ours, theirs, weight)
        for (name, mine), other in zip(self.network.named_buffers(), network.buffers()):
            if name.endswith(_AVERAGED_BUFFERS):
                mine.lerp_(other, weight)
            else:
                mine.copy_(other)
