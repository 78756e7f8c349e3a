"""How a fresh network's weights are drawn: the published scheme, as it ran on GPUs and as it ran on CPU."""

import math
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from torch import Tensor, nn

from semsynth.ops.blocks import spectral_part, stored_weight

Scheme = Literal["xavier", "xavier_uniform", "normal", "kaiming", "orthogonal", "none"]
SCHEMES: tuple[Scheme, ...] = ("xavier", "xavier_uniform", "normal", "kaiming", "orthogonal", "none")

M = TypeVar("M", bound=nn.Module)

_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.Linear)
_ATTRIBUTE = "_init_as"


@dataclass(frozen=True)
class _Init:
    zero: bool = False
    chunks: int = 1


def init_as(layer: M, *, zero: bool = False, chunks: int = 1) -> M:
    """Record how `initialize` begins this layer, where that is not as the others.

    Args:
        layer: a convolution or linear layer.
        zero: start at zero.
        chunks: how many layers are stacked along the output channels; each is drawn as a layer of its own.

    Returns:
        the same layer.
    """
    setattr(layer, _ATTRIBUTE, _Init(zero, chunks))
    return layer


def initialize(
    module: nn.Module,
    scheme: Scheme = "xavier",
    gain: float = 0.02,
    *,
    spectral: Literal["default", "scheme"] = "default",
    generator: torch.Generator | None = None,
) -> None:
    """Draw every convolution and linear weight below `module`; set their biases to 0.

    Affine batch norms get weights N(1, gain) and biases 0. Layers of `init_as` begin as it says.

    Args:
        module: changed in place.
        scheme: "xavier" (normal), "xavier_uniform" (gain 1), "normal" N(0, gain), "kaiming" (normal, fan in),
            "orthogonal", or "none": weights stay as torch drew them, biases too.
        gain: standard deviation for "normal", gain for "xavier" and "orthogonal".
        spectral: what spectral-normed weights get. "default": torch's default U(±1/sqrt(fan in)); so the
            published training ran on GPUs, where its initialiser missed the wrapped weights. "scheme": the
            scheme, as the same code does on a CPU. The forward pass is free of their scale; the relative size
            of an Adam step is not (about 30 times).
        generator: the source of randomness; on the weights' device.

    Raises:
        ValueError: an unknown scheme.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"scheme is {scheme!r}; allowed are {', '.join(SCHEMES)}")
    if scheme == "none":
        return
    for layer in module.modules():
        weight = stored_weight(layer)
        if weight is None:
            continue
        if isinstance(layer, _LAYERS):
            part = spectral_part(layer)
            drawn: Scheme = "none" if part is not None and spectral == "default" else scheme
            own = getattr(layer, _ATTRIBUTE, _Init())
            for chunk in weight.detach().chunk(own.chunks, dim=0):
                _draw(chunk, drawn, gain, generator)
            if own.zero:
                nn.init.zeros_(weight)
            if part is not None:
                part.restart(weight, generator)
        elif weight.ndim == 1 and "BatchNorm" in type(layer).__name__:
            nn.init.normal_(weight, 1.0, gain, generator=generator)
        else:
            continue
        if isinstance(bias := getattr(layer, "bias", None), Tensor):
            nn.init.zeros_(bias)


def _draw(weight: Tensor, scheme: Scheme, gain: float, generator: torch.Generator | None) -> None:
    """Fill `weight` (out, in, ...) in place; "none" is what torch itself draws, from the given generator."""
    match scheme:
        case "normal":
            nn.init.normal_(weight, 0.0, gain, generator=generator)
        case "xavier":
            nn.init.xavier_normal_(weight, gain, generator=generator)
        case "xavier_uniform":
            nn.init.xavier_uniform_(weight, 1.0, generator=generator)
        case "kaiming":
            nn.init.kaiming_normal_(weight, a=0, mode="fan_in", generator=generator)
        case "orthogonal":
            nn.init.orthogonal_(weight, gain, generator=generator)
        case "none":
            nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
