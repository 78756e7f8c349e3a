"""Where and in which precision a run computes."""

import ctypes
import sys
from collections.abc import Callable

import torch

from semsynth.device import named_device
from semsynth.ops.dtypes import multiplies_bfloat16

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1


def choose_device(name: str = "auto") -> torch.device:
    """The device of that name; "auto" is CUDA (under torchrun its own card), else MPS, else the CPU.

    Raises:
        SemsynthError: see `named_device`.
    """
    if name != "auto":
        return named_device(name)
    if torch.cuda.is_available():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(
    name: str, device: torch.device, say: Callable[[str], None] = lambda sentence: None
) -> torch.dtype:
    """What to compute in: bfloat16 where that or "auto" is asked for and the device has its arithmetic.

    Elsewhere it would be computed in pieces, many times slower than float32, which is taken instead and said.
    """
    allowed = ("auto", "float32", "bfloat16")
    if name not in allowed:
        raise ValueError(f"precision {name!r} is not known; allowed are {', '.join(allowed)}")
    if name != "float32" and multiplies_bfloat16(device):
        return torch.bfloat16
    if name == "bfloat16":
        say("computing in float32: this device has no bfloat16 arithmetic")
    return torch.float32


def keep_heap() -> None:
    """Tell glibc to keep freed memory instead of returning it to the system after every operation.

    Large tensors are otherwise mapped and page-faulted anew each time, which costs up to a quarter of a step
    on a CPU. Elsewhere than on glibc it does nothing.
    """
    if sys.platform != "linux":
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return
    libc.mallopt(_MMAP_THRESHOLD, ctypes.c_int(2**30))
    libc.mallopt(_TRIM_THRESHOLD, ctypes.c_int(2**31 - 1))
