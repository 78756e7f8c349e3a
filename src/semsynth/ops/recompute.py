"""Activation checkpointing for networks whose forward pass moves state.

Batch statistics and spectral vectors move with every training forward pass. When the backward pass computes a
block a second time they must stay, and the second pass must see what the first one saw.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from torch import Tensor
from torch.utils import checkpoint

_again: ContextVar[bool] = ContextVar("semsynth_recomputing", default=False)


def recomputing() -> bool:
    """Whether this is a second computation of what was computed before: no state may move."""
    return _again.get()


def recomputed(block: Callable[..., Tensor], *args: Any, **kwargs: Any) -> Tensor:
    """Call `block`, keep its inputs only, and compute it again in the backward pass."""
    contexts = lambda: (contextlib.nullcontext(), _second_time())  # noqa: E731
    result: Tensor = checkpoint.checkpoint(
        block, *args, use_reentrant=False, context_fn=contexts, preserve_rng_state=False, **kwargs
    )
    return result


@contextlib.contextmanager
def _second_time() -> Iterator[None]:
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)
