"""Networks of settings that somebody else wrote: refused before memory is taken, where they do not fit it."""

import contextlib
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from semsynth.errors import SemsynthError
from semsynth.files.reading import shown

MAX_TENSORS = 20_000
"""Most weights and biases of one network; the largest published one has some 700."""

STAGES = frozenset({"downsamplings", "upsamplings", "enhancers", "modules", "layers", "scales"})
MAX_STAGES = 16
"""Most stages of a network, of whichever kind."""


@contextlib.contextmanager
def size_limit(stored: int | None = None) -> Iterator[None]:
    """Refuse a network built within, once its parameters exceed what fits into this machine's memory.

    They are counted while it is built, before they are given values, so it takes no time and no memory.

    Args:
        stored: Size in bytes of the files that hold its weights, where there are any: a network with more
            parameters than bytes is not theirs.

    Raises:
        SemsynthError: The network is too large.
    """
    thread, memory = threading.get_ident(), memory_bytes()
    tensors, numbers = 0, 0

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal tensors, numbers
        if parameter is None or threading.get_ident() != thread:
            return
        tensors, numbers = tensors + 1, numbers + parameter.numel()
        if tensors > MAX_TENSORS:
            raise SemsynthError(
                f"The network has more than {MAX_TENSORS:,} weights and biases; no network needs so many."
            )
        if stored is not None and numbers > stored:
            raise SemsynthError(f"The network has more parameters than its weights have bytes ({stored:,}).")
        if 4 * numbers > memory:
            raise SemsynthError(
                f"The network has {numbers:,} parameters or more ({4 * numbers / 1e9:,.0f} GB); "
                f"this machine has {memory / 1e9:,.0f} GB of memory. Make it smaller."
            )

    handle = register_module_parameter_registration_hook(count)
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "allocate memory" in str(error):
            raise SemsynthError(
                "The network does not fit into this machine's memory; make it smaller."
            ) from None
        raise
    finally:
        handle.remove()


def check_counts(settings: Mapping[str, Any]) -> None:
    """Refuse numbers of stages of which no network has so many; each of them doubles a size.

    Raises:
        SemsynthError: Names the setting.
    """
    for name in STAGES & settings.keys():
        value = settings[name]
        if isinstance(value, int | float) and not value <= MAX_STAGES:
            raise SemsynthError(f"{name} is {shown(value)}; at most {MAX_STAGES} are possible.")


def memory_bytes() -> int:
    """How much memory this process may use; 64 GB where the operating system does not say."""
    known = [1 << 36]
    with contextlib.suppress(AttributeError, ValueError, OSError):
        known = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    with contextlib.suppress(OSError, ValueError):  # of a container; "max" where it has no limit
        known.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(known)
