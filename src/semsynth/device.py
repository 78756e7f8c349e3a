"""Where and in which precision to compute, and how to compute alike whatever the host program has set.

A program that uses this package may have told PyTorch of another default device, switched autocast or
inference mode on, or been forked. Every entry point runs `isolated`. The default dtype alone is no thread's
own setting: tensors of this package are made with their dtype named.
"""

import contextlib
import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Literal

import torch

from semsynth.errors import SemsynthError
from semsynth.ops.dtypes import has_bfloat16_arithmetic

Precision = Literal["auto", "float32", "bfloat16"]

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
"""The types to compute in, by the name of the precision."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1

_thread = threading.local()
"""Of each thread: `computed`, whether it has used PyTorch's threads; `forked`, whether its process was forked
after that."""


def choose(name: str | torch.device = "auto") -> torch.device:
    """The device of that name, such as cpu, cuda, cuda:1 or mps, tried before anything is built on it.

    Args:
        name: "auto" is CUDA (under torchrun the process's own card), else MPS, else the CPU.

    Raises:
        SemsynthError: There is no such device, or it cannot be used here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.ones(1, dtype=torch.float32, device=device).item()
    # AssertionError where PyTorch was built without the device, TypeError for what is no name.
    except (RuntimeError, AssertionError, NotImplementedError, TypeError) as error:
        reason = str(error).split("\n")[0].rstrip(".")
        raise SemsynthError(
            f"The device {str(name)!r} cannot be used: {reason}. Give auto, cpu, or a device of this machine."
        ) from None
    return device


def choose_precision(asked: str, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Settle "auto": bfloat16 where the device has native arithmetic for it, several times as fast.

    Any precision draws on any device: `engine_for` computes bfloat16 in float32 where it must.

    Raises:
        SemsynthError: There is no such precision.
    """
    if asked == "auto":
        return "bfloat16" if has_bfloat16_arithmetic(device) else "float32"
    if asked not in DTYPES:
        raise SemsynthError(f"The precision is {asked!r}; allowed are auto, {', '.join(DTYPES)}.")
    return "bfloat16" if asked == "bfloat16" else "float32"


def training_dtype(
    asked: str, device: torch.device, log: Callable[[str], None] = lambda sentence: None
) -> torch.dtype:
    """What to train in: bfloat16 where that or "auto" is asked for and the device has its arithmetic.

    Elsewhere it would be computed in pieces, many times slower than float32, which is taken instead and said.

    Raises:
        SemsynthError: There is no such precision.
    """
    precision = DTYPES[choose_precision(asked, device)]
    if precision == torch.bfloat16 and not has_bfloat16_arithmetic(device):
        log("Training in float32: this device has no bfloat16 arithmetic.")
        return torch.float32
    return precision


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Compute as in a program that has set nothing: on the CPU unless told, with gradients, without autocast.

    All of it is set for the calling thread and undone at the end.

    Raises:
        SemsynthError: The process was forked from one that had computed, and would wait for ever.
    """
    _check_fork()
    with contextlib.ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if not _makes_cpu_tensors():
            stack.enter_context(torch.device("cpu"))
        yield


def _makes_cpu_tensors() -> bool:
    try:
        return torch.empty(0, dtype=torch.uint8).device.type == "cpu"
    except Exception:  # a default device that is not there
        return False


def _check_fork() -> None:
    """Refuse what would wait for ever: OpenMP's threads are not there after a fork, and are waited for."""
    if torch.get_num_threads() == 1:
        return
    if getattr(_thread, "forked", False):
        raise SemsynthError(
            "This process was forked from one that had already computed, and PyTorch's threads do not "
            'survive a fork. Start processes with multiprocessing.get_context("spawn"), or load the model '
            "after the fork alone, or call torch.set_num_threads(1) in this process."
        )
    _thread.computed = True


def _after_fork() -> None:
    _thread.forked = getattr(_thread, "computed", False)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_after_fork)


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


def return_freed_memory() -> None:
    """Give the system back what has been freed; glibc would keep small pieces, such as single weights."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
