"""Averaged weights: what is shown and shipped."""

from typing import Any

import torch
from torch import Tensor, nn

_AVERAGED_BUFFERS = ("running_mean", "running_var")


class Ema:
    """An exponential moving average of a network's weights and batch statistics; other buffers are copied."""

    def __init__(self, network: nn.Module) -> None:
        self._state = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, weight: float) -> None:
        """Move towards `network` by `weight`, a number of 0..1."""
        averaged: tuple[list[Tensor], list[Tensor]] = ([], [])
        parameters = {name for name, _ in network.named_parameters()}
        for name, value in network.state_dict().items():
            if name in parameters or name.endswith(_AVERAGED_BUFFERS):
                averaged[0].append(self._state[name])
                averaged[1].append(value)
            else:
                self._state[name].copy_(value)
        torch._foreach_lerp_(*averaged, weight)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights and buffers, under the names of the network's own."""
        return dict(self._state)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from an earlier average.

        Raises:
            RuntimeError: It has other tensors than the network.
        """
        ours, theirs = ({name: v.shape for name, v in part.items()} for part in (self._state, state))
        if unlike := [name for name in ours | theirs if ours.get(name) != theirs.get(name)]:
            raise RuntimeError(f"The average has other tensors, or of other shapes: {', '.join(unlike)}.")
        for name, value in state.items():
            self._state[name].copy_(value)
