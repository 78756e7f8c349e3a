"""What a picture's appearance is given by, beside its labels: a style and a noise offset."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.hub.styles import MAX_NUMBER, is_style
from semsynth.images import PhotoLike

StyleLike: TypeAlias = "PhotoLike | list[float] | list[list[float]]"
"""The name of a style, a photograph, a vector (Z,), or one vector per picture (N, Z)."""

OffsetLike = Tensor | NDArray[Any] | Sequence[int]
"""How far the fixed noise is moved, in rows and columns: (2,) integers, or one row per picture (N, 2)."""


def draw_appearances(seed: int, count: int, style_dim: int, period: int) -> tuple[Tensor, Tensor]:
    """Random styles (N, Z) and noise offsets (N, 2); the first of many is the one that is drawn alone.

    Args:
        seed: The same seed gives the same.
        count: N.
        style_dim: Z, 0 for a network without styles.
        period: Offsets are below it; 0 for a network without fixed noise, whose offsets are zero.
    """
    draws, styles, offsets = torch.Generator().manual_seed(seed), [], []
    for _ in range(count):
        styles.append(torch.randn(style_dim, dtype=torch.float32, generator=draws))
        zero = torch.zeros(2, dtype=torch.int64)
        offsets.append(torch.randint(period, (2,), generator=draws) if period else zero)
    return torch.stack(styles), torch.stack(offsets)


def read_offsets(offset: OffsetLike, count: int) -> Tensor:
    """One noise offset a picture, (count, 2) int64.

    Raises:
        SemsynthError: It has another type or shape.
    """
    array = np.asarray(offset.detach().cpu() if isinstance(offset, Tensor) else offset)
    if array.dtype.kind not in "iu" or array.shape not in ((2,), (count, 2)):
        raise SemsynthError(
            f"A noise_offset holds integers (int64), of shape (2,) or ({count}, 2) here; "
            f"this is {array.dtype} of shape {array.shape}."
        )
    return torch.from_numpy(array.astype(np.int64)).expand(count, 2)


def read_style(
    style: StyleLike, named: Mapping[str, Tensor], style_dim: int, encode: Callable[[PhotoLike], Tensor]
) -> Tensor:
    """A style as (Z,) or (N, Z) float32.

    Args:
        style: Whatever was given for it.
        named: The styles that have a name.
        style_dim: Z.
        encode: Gives the style of a photograph.

    Raises:
        SemsynthError: It is no style of this network.
    """
    if isinstance(style, str) and style in named:
        return named[style]
    if isinstance(style, str) and not _exists(style):
        known = ", ".join(named) or "none"
        raise SemsynthError(f"{style!r} is neither a photograph nor a style of this model ({known}).")
    if is_photo(style):
        return encode(cast(PhotoLike, style))
    try:
        array = np.asarray(style.detach().cpu().float() if isinstance(style, Tensor) else style)
        vectors = torch.from_numpy(array.astype(np.float32))
    except (TypeError, ValueError):  # texts, None, rows of unequal lengths
        raise SemsynthError(
            f"A style is numbers, a name or a photograph; {str(style)[:80]} is none."
        ) from None
    if vectors.dim() not in (1, 2) or vectors.shape[-1] != style_dim or not is_style(vectors):
        raise SemsynthError(
            f"A style is ({style_dim},) or (N, {style_dim}) finite numbers of at most "
            f"{MAX_NUMBER:,.0f}; got {tuple(vectors.shape)}, {array.dtype}."
        )
    return vectors


def is_photo(style: object) -> bool:
    """Whether what was given for a style, and is no name, is a photograph; numbers are a vector."""
    if isinstance(style, (Tensor, np.ndarray)):
        return style.ndim == 3
    return not isinstance(style, (list, tuple))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # what is too long for a name, or holds a NUL character
        return False
