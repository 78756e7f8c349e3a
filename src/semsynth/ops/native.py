"""The native kernels: whether they run here, and why not; one typed function per kernel.

The library has a plain C interface and is loaded with ctypes. It computes at the level of this processor, or
at the limit that SEMSYNTH_CPU sets. Where it is missing (no compiler at build time, another platform) or
switched off by SEMSYNTH_NATIVE=0, PyTorch's public operations compute the same numbers. SEMSYNTH_LIBRARY
names another build, such as the one whose matrix unit is emulated (see hatch_build.py).
"""

import ctypes
import os
from ctypes import POINTER, c_char_p, c_int, c_int32, c_int64, c_void_p, sizeof
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from semsynth.ops import processor
from semsynth.ops.library import LIBRARY
from semsynth.ops.structs import (
    MIRRORED,
    BatchConvolution,
    Convolution,
    Groups,
    Lookup,
    Modulation,
    WeightGradient,
    WindowProduct,
)

_INTERFACE = 7  # of the C structs and functions, as in kernels.h
_TYPES = (torch.float32, torch.bfloat16)
_MOST_PIXELS = 2**31 - 1  # positions are 32-bit


@cache
def _load() -> tuple[ctypes.CDLL | None, str]:
    """The library, or None; and the reason in words.

    Raises:
        SemsynthError: there is no such level as SEMSYNTH_CPU names.
    """
    limit = processor.limit()
    if os.environ.get("SEMSYNTH_NATIVE", "1") == "0":
        return None, "switched off by SEMSYNTH_NATIVE=0"
    path = Path(os.environ.get("SEMSYNTH_LIBRARY", LIBRARY))
    if not path.exists():
        return None, "not built: no C++ compiler was found when the package was installed"
    try:
        library = ctypes.CDLL(str(path))
        interface = library.semsynth_interface()
    except (OSError, AttributeError) as error:
        return None, f"the library does not load: {error}"
    if interface != _INTERFACE or _struct_sizes(library) != [sizeof(struct) for struct in MIRRORED]:
        return None, "the library was built from other sources: install the package again"
    if limit is not None:
        library.semsynth_use_level(processor.LEVELS.index(limit))
    library.semsynth_kernels.restype = c_char_p
    library.semsynth_threads.argtypes = [c_void_p, c_int]
    library.semsynth_number_windows.argtypes = [c_void_p, *[c_int64] * 4, c_void_p, c_void_p]
    library.semsynth_number_windows.restype = c_int64
    library.semsynth_group.argtypes = [c_void_p, c_int64, c_int64, c_void_p, c_void_p]
    library.semsynth_moments.argtypes = [c_void_p, c_int32, *[c_int64] * 3, c_void_p, c_void_p]
    for name in ("modulate", "modulate_backward", "normalize_backward"):
        getattr(library, f"semsynth_{name}").argtypes = [POINTER(Modulation)]
    for name in ("lookup", "lookup_backward"):
        getattr(library, f"semsynth_{name}").argtypes = [POINTER(Lookup)]
    library.semsynth_sum_groups.argtypes = [POINTER(Groups)]
    library.semsynth_convolve.argtypes = [POINTER(Convolution)]
    library.semsynth_convolve_batch.argtypes = [POINTER(BatchConvolution)]
    library.semsynth_weight_gradient.argtypes = [POINTER(WeightGradient)]
    library.semsynth_multiply_windows.argtypes = [POINTER(WindowProduct)]
    unit = ", matrix unit" if library.semsynth_matrix_unit() else ""
    return library, f"{library.semsynth_kernels().decode()} kernels{unit}"


def _struct_sizes(library: ctypes.CDLL) -> list[int]:
    """Bytes of the library's structs, in the order of `MIRRORED`."""
    sizes = (c_int64 * len(MIRRORED))()
    library.semsynth_sizes(sizes)
    return list(sizes)


@cache
def _fork() -> int | None:
    """The address of PyTorch's own OpenMP fork, which lends the kernels its threads; None where absent."""
    try:
        return ctypes.cast(ctypes.CDLL(None).GOMP_parallel, c_void_p).value
    except (AttributeError, OSError, TypeError):
        return None


def library() -> ctypes.CDLL:
    """The library, told how many threads PyTorch uses just now. Ask `available` first."""
    library = _load()[0]
    assert library is not None
    library.semsynth_threads(_fork(), torch.get_num_threads())
    return library


def available() -> bool:
    """Whether the library runs here."""
    return _load()[0] is not None


def describe() -> str:
    """Which kernels run, or why none do, in words."""
    library, why = _load()
    return why if library is not None else f"public PyTorch operations ({why})"


def supports(*tensors: Tensor) -> bool:
    """Whether the kernels can compute on these: on the CPU, float32 or bfloat16, not too many values."""
    return available() and all(
        t.device.type == "cpu" and t.dtype in _TYPES and t.numel() <= _MOST_PIXELS for t in tensors
    )


def numbers_windows(ids: Tensor, side: int) -> bool:
    """Whether `number_windows` can be asked for these ids."""
    return available() and ids.device.type == "cpu" and side in (1, 3, 5, 7) and ids.numel() <= _MOST_PIXELS


def use_level(level: str) -> bool:
    """Compute at this level from now on, for tests; False where the processor or the limit is below it."""
    allowed = processor.LEVELS[: processor.LEVELS.index(processor.level()) + 1]
    if level not in allowed:
        return False
    wanted = allowed.index(level)
    return bool(library().semsynth_use_level(wanted) == wanted)


def number_windows(ids: Tensor, side: int) -> tuple[Tensor, Tensor]:
    """Number the distinct `side` x `side` windows of (B, h, w) int32 ids, outside counting as 0.

    Returns:
        (B, h, w) int32 numbers in order of first appearance, (N, side * side) int32 windows.
    """
    ids = ids.contiguous()
    numbers = torch.empty_like(ids)
    windows = torch.empty(ids.numel(), side * side, dtype=torch.int32)
    count = library().semsynth_number_windows(
        ids.data_ptr(), *ids.shape, side, numbers.data_ptr(), windows.data_ptr()
    )
    return numbers, windows[:count].clone()


def group(numbers: Tensor, groups: int) -> tuple[Tensor, Tensor]:
    """Positions of `numbers` (int32, any shape) by number: (groups + 1) starts and the order, int32."""
    numbers = numbers.contiguous()
    start = torch.empty(groups + 1, dtype=torch.int32)
    order = torch.empty(numbers.numel(), dtype=torch.int32)
    library().semsynth_group(numbers.data_ptr(), numbers.numel(), groups, start.data_ptr(), order.data_ptr())
    return start, order


def moments(x: Tensor, *, per_sample: bool) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of (B, h, w, C) per channel: (B or 1, C) float32 each."""
    samples = x.shape[0] if per_sample else 1
    channels = x.shape[3]
    mean, variance = torch.empty(2, samples, channels, dtype=torch.float32)
    rows = x.numel() // (samples * channels)
    library().semsynth_moments(
        x.data_ptr(), _half(x), samples, rows, channels, mean.data_ptr(), variance.data_ptr()
    )
    return mean, variance


def modulate(arguments: Modulation) -> None:
    """Fill `y`."""
    library().semsynth_modulate(arguments)


def modulate_backward(arguments: Modulation) -> None:
    """Fill `grad_normalized`, `grad_table` and `sums`."""
    library().semsynth_modulate_backward(arguments)


def normalize_backward(arguments: Modulation) -> None:
    """Fill `grad_x`."""
    library().semsynth_normalize_backward(arguments)


def lookup(table: Tensor, bias: Tensor | None, patches: Tensor, out: Tensor, *, relu: bool) -> None:
    """out[p] = bias + sum over t of table[t, patches[p, t]]: (T,S,O), (P,T) int32 → (P,O); bias float32."""
    taps, symbols, width = table.shape
    bias_at = None if bias is None else bias.data_ptr()
    library().semsynth_lookup(
        Lookup(
            table.data_ptr(), bias_at, patches.data_ptr(), out.data_ptr(), None,
            len(patches), taps, symbols, width, relu, _half(out), _half(table),
        )
    )  # fmt: skip


def lookup_backward(grad: Tensor, patches: Tensor, symbols: int) -> Tensor:
    """The gradient of the table of `lookup`, (T,S,O) float32, from that of its result (P,O)."""
    table = grad.new_zeros(patches.shape[1], symbols, grad.shape[1], dtype=torch.float32)
    return _lookup_backward(grad, patches, table, symbols)


def sum_by_row(grad: Tensor, rows: Tensor, count: int) -> Tensor:
    """The same as (S,T,O), for patches given as the rows S * T that their first tap would take."""
    table = grad.new_zeros(count, rows.shape[1], grad.shape[1], dtype=torch.float32)
    return _lookup_backward(grad, rows, table, 1)


def _lookup_backward(grad: Tensor, patches: Tensor, table: Tensor, stride: int) -> Tensor:
    """Add to a table whose taps are `stride` rows apart."""
    width, taps = grad.shape[1], patches.shape[1]
    library().semsynth_lookup_backward(
        Lookup(
            None, None, patches.data_ptr(), grad.data_ptr(), table.data_ptr(),
            len(patches), taps, stride, width, 0, _half(grad), 0,
        )
    )  # fmt: skip
    return table


def sum_groups(values: Tensor, groups: tuple[Tensor, Tensor], mask: Tensor | None = None) -> Tensor:
    """Sum the rows of (n, O) by group; zero where `mask` (groups, O) is not positive."""
    start, order = groups
    out = values.new_empty(len(start) - 1, values.shape[1])
    mask_at = None if mask is None else mask.data_ptr()
    library().semsynth_sum_groups(
        Groups(
            values.data_ptr(), start.data_ptr(), order.data_ptr(), mask_at, out.data_ptr(),
            len(out), values.shape[1], _half(values),
        )
    )  # fmt: skip
    return out


def convolve(arguments: Convolution) -> None:
    """Fill the boxes of `out`; see `convolve.py`, which makes the arguments."""
    library().semsynth_convolve(arguments)


def multiply_windows(arguments: WindowProduct) -> None:
    """Fill `out`; see `convolve.py`, which makes the arguments."""
    library().semsynth_multiply_windows(arguments)


def convolve_batch(arguments: BatchConvolution) -> None:
    """Fill `out`; see `convolution.py`, which makes the arguments."""
    library().semsynth_convolve_batch(arguments)


def weight_gradient(arguments: WeightGradient) -> None:
    """Fill `out`; see `convolution.py`, which makes the arguments."""
    library().semsynth_weight_gradient(arguments)


def _half(tensor: Tensor) -> int:
    return int(tensor.dtype == torch.bfloat16)
