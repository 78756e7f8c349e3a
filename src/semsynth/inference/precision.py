"""Which of the two precisions to draw in."""

from typing import Literal

import torch

from semsynth.errors import SemsynthError
from semsynth.ops.dtypes import multiplies_bfloat16

Precision = Literal["auto", "float32", "bfloat16"]


def choose_precision(asked: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Settle "auto": bfloat16 where the device has its arithmetic, which is several times as fast.

    Any precision draws on any device: `engine_for` computes bfloat16 in float32 where it must.

    Raises:
        SemsynthError: there is no such precision.
    """
    if asked not in ("auto", "float32", "bfloat16"):
        raise SemsynthError(f"precision is {asked!r}; allowed are auto, float32, bfloat16")
    if asked == "auto":
        return "bfloat16" if multiplies_bfloat16(device) else "float32"
    return asked
