"""What this processor computes with, and the limit that the variable SEMSYNTH_CPU sets.

A level is a set of instructions, each holding those below it. On x86 they are:

    portable      what every processor has
    avx2          256-bit vectors, AVX2 and FMA
    avx512        512-bit vectors: AVX-512 F, BW, VL and DQ
    avx512_bf16   and its bfloat16 arithmetic
    amx           and a matrix unit for bfloat16

A 64-bit ARM processor has one level, neon: every one of them has those vectors. Others have portable alone.

SEMSYNTH_CPU=avx2 makes this processor compute as one of that level would: our kernels, and those of PyTorch,
oneDNN and MKL, which read variables of their own. They are set when `semsynth` is imported, and child
processes inherit them. A limit never raises a level. Nothing heavy is imported here: PyTorch reads its
variable at its first operation, so a limit that comes later than that is reported.
"""

import importlib
import os
import platform
import sys
import warnings
from functools import cache
from pathlib import Path

from semsynth.errors import SemsynthError

_X86 = ("portable", "avx2", "avx512", "avx512_bf16", "amx")
_OF_MACHINES = {
    **dict.fromkeys(("x86_64", "amd64", "i686", "x86"), _X86),
    **dict.fromkeys(("aarch64", "arm64"), ("neon",)),
}


def levels_of(machine: str) -> tuple[str, ...]:
    """The levels of an architecture, from the least to the most."""
    return _OF_MACHINES.get(machine.lower(), ("portable",))


LEVELS = levels_of(platform.machine())
"""Of this architecture."""

VARIABLE = "SEMSYNTH_CPU"

_NEEDS = {
    "avx2": {"avx2", "fma"},
    "avx512": {"avx512f", "avx512bw", "avx512vl", "avx512dq"},
    "avx512_bf16": {"avx512_bf16"},
    "amx": {"amx_tile", "amx_bf16"},
}
"""Level → what it adds, as Linux names it."""

_TORCH_ASKS = {
    "avx2": ("_is_avx2_supported", "_is_cpu_support_avx2"),
    "avx512": ("_is_avx512_supported", "_is_cpu_support_avx512"),
    "avx512_bf16": ("_is_avx512_bf16_supported",),
    "amx": ("_is_amx_tile_supported",),
}
"""Level → functions of `torch.cpu` that tell it, in newer and older versions."""

_OTHERS = {
    "ATEN_CPU_CAPABILITY": ("default", "avx2", "avx512", "avx512", "avx512"),
    "ONEDNN_MAX_CPU_ISA": ("SSE41", "AVX2", "AVX512_CORE", "AVX512_CORE_BF16", "AVX512_CORE_AMX"),
    "MKL_ENABLE_INSTRUCTIONS": ("SSE4_2", "AVX2", "AVX512", "AVX512_E3", "AVX512_E4"),
}
"""Variables of PyTorch, oneDNN and MKL, and what each says at every level. MKL obeys on Intel processors."""

_asked = os.environ.get(VARIABLE, "")


@cache
def best() -> str:
    """The highest level that this processor has, whatever the limit."""
    if len(LEVELS) == 1:
        return LEVELS[0]
    flags = _flags()
    if flags is not None:
        return level_of(flags)
    torch = importlib.import_module("torch")
    has = {
        level
        for level, names in _TORCH_ASKS.items()
        if any(ask() for name in names if (ask := getattr(torch.cpu, name, None)))
    }
    return level_of({flag for level in has for flag in _NEEDS[level]})


def level_of(flags: set[str]) -> str:
    """The highest level whose instructions, and those of the levels below, are all among these."""
    best = LEVELS[0]
    for level, needed in _NEEDS.items():
        if not needed <= flags:
            break
        best = level
    return best


def limit() -> str | None:
    """The level that SEMSYNTH_CPU named when this process began; None where it named none.

    Raises:
        SemsynthError: There is no such level, or this processor lacks it.
    """
    if not _asked:
        return None
    if _asked not in LEVELS:
        raise SemsynthError(f"{VARIABLE} is {_asked!r}; allowed are {', '.join(LEVELS)}.")
    if LEVELS.index(_asked) > LEVELS.index(best()):
        raise SemsynthError(
            f"{VARIABLE} is {_asked}, which this processor lacks: it has {best()}; "
            f"allowed are {', '.join(available())}."
        )
    return _asked


def level() -> str:
    """The level that is computed with: the processor's own, or the limit.

    Raises:
        SemsynthError: See `limit`.
    """
    return limit() or best()


def available() -> tuple[str, ...]:
    """The levels this processor has, from the least to its own."""
    return LEVELS[: LEVELS.index(best()) + 1]


def has_bfloat16() -> bool:
    """Whether there is bfloat16 arithmetic at the level that is computed with."""
    return level() in ("avx512_bf16", "amx")


def prepare() -> None:
    """Set the variables of PyTorch, oneDNN and MKL; called when `semsynth` is imported.

    A limit that cannot be kept changes nothing here: its first use raises an error. A variable that already
    says less is left as it is.
    """
    try:
        asked = limit()
    except SemsynthError:
        return
    if asked is None:
        return
    for name, values in _OTHERS.items():
        allowed = values[: LEVELS.index(asked) + 1]
        if os.environ.get(name) not in allowed:
            os.environ[name] = allowed[-1]
    torch = sys.modules.get("torch")
    if torch is None:
        return
    capability = torch.backends.cpu.get_cpu_capability().lower()
    if capability not in _OTHERS["ATEN_CPU_CAPABILITY"][: LEVELS.index(asked) + 1]:
        warnings.warn(
            f"PyTorch has computed before semsynth was imported, and keeps to {capability}: "
            f"{VARIABLE}={asked} limits semsynth's own kernels alone; import semsynth first",
            RuntimeWarning,
            stacklevel=2,
        )


def _flags() -> set[str] | None:
    """The instruction sets Linux lists; None elsewhere, or where it lists none."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    return next((set(line.partition(":")[2].split()) for line in lines if line.startswith("flags")), None)
