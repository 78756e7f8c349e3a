"""Which of our numbers is which of the published ones, found by importing numbered tensors."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

Read = Callable[[Mapping[str, Tensor]], tuple[dict[str, Any], dict[str, Tensor]]]


class Correspondence:
    """The published view of values that belong to our state: weights, gradients, statistics.

    Importing only moves numbers about (it renames, stacks and cuts). So importing a state that holds, instead
    of weights, the number of each weight tells where each one went.

    Args:
        read: an `import_published` with its hints.
        state: the published state dictionary.
    """

    def __init__(self, read: Read, state: Mapping[str, Tensor]) -> None:
        numbered, self._places, count = {}, {}, 0
        for name, value in state.items():
            self._places[name] = (count, value.shape)
            numbered[name] = torch.arange(count, count + value.numel()).double().view(value.shape)
            count += value.numel()
        _, moved = read(numbered)
        self._shapes = {name: value.shape for name, value in moved.items()}
        where = torch.cat([value.flatten() for value in moved.values()]).long()
        self._from = torch.full((count,), -1)
        self._from[where] = torch.arange(len(where))

    def published(self, name: str, ours: Mapping[str, Tensor]) -> Tensor | None:
        """The values of one published tensor, gathered from ours; None where we keep no such tensor.

        Args:
            name: the published name.
            ours: our names → values; names left out count as not a number.
        """
        start, shape = self._places[name]
        index = self._from[start : start + shape.numel()]
        if index.numel() and bool((index < 0).any()):
            return None
        some = next(iter(ours.values()))
        parts = [
            ours[key].detach().flatten() if key in ours else some.new_full((shape_.numel(),), torch.nan)
            for key, shape_ in self._shapes.items()
        ]
        return torch.cat(parts)[index].view(shape)
