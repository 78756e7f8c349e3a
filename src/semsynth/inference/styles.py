"""The styles of a picture: one, or a row per class."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Styles:
    """Each distinct style of a picture once.

    A layer computes its part of a style from that style alone: the others do not change its rounding.

    Attributes:
        vectors: (S, Z).
        of_class: (K) int32, which of them each class has.
    """

    vectors: Tensor
    of_class: Tensor

    @classmethod
    def of(cls, style: Tensor, num_classes: int) -> "Styles":
        """Those of a style (Z,), or (K, Z) with a row per class."""
        if style.dim() == 1:
            return cls(style[None].clone(), torch.zeros(num_classes, dtype=torch.int32))
        vectors, of_class = torch.unique(style, dim=0, return_inverse=True)
        return cls(vectors, of_class.int())

    def changed(self, before: "Styles") -> Tensor:
        """(K) bool: the classes that had another style before."""
        return (self.vectors[self.of_class] != before.vectors[before.of_class]).any(1)

    def each(self, compute: Callable[[Tensor], Tensor]) -> Tensor:
        """What is computed of (1, Z), one by one, joined: (S, ...)."""
        return torch.cat([compute(vector) for vector in self.vectors.split(1)])

    def of_rows(self, classes: Tensor) -> Tensor | None:
        """(rows) classes → int32 which style each has; None where there is one style."""
        return None if len(self.vectors) == 1 else self.of_class[classes]
