"""Reading published state dictionaries: names are translated, and everything must fit exactly."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.ops.blocks import EPS, SpectralNorm

Network = TypeVar("Network", bound=nn.Module)

Imported = tuple[dict[str, Any], dict[str, Tensor]]
"""A network of a published file: the keyword arguments of its class, and its state under our names."""

# Ends of our names and of the published ones, where the old spectral norm hook was used.
_TAILS = {
    ".parametrizations.weight.original": ".weight_orig",
    ".parametrizations.weight.0.u": ".weight_u",
    ".parametrizations.weight.0.v": ".weight_v",
}


class Piece(NamedTuple):
    """Where the file holds a module of ours that is several there, or a part of one.

    Attributes:
        modules: published modules, whose output channels are stacked.
        inputs: which of their input channels it has.
    """

    modules: tuple[str, ...]
    inputs: slice = slice(None)


def modulation(site: str) -> Piece:
    """The convolutions of gamma and of beta of a SPADE layer, which here are one."""
    return Piece((f"{site}.mlp_gamma", f"{site}.mlp_beta"))


def blank(build: Callable[..., Network], config: Mapping[str, Any]) -> Network:
    """A network on the meta device, to compare names and shapes with."""
    with torch.device("meta"):
        return build(**config)


def translate(
    state: Mapping[str, Tensor],
    modules: Mapping[str, str | Piece],
    model: nn.Module,
    *,
    unused: Collection[str] = (),
) -> dict[str, Tensor]:
    """Rename a published state dictionary to ours, strictly.

    `num_batches_tracked` is dropped, since no network here needs it. Files from before torch 1.0 lack
    `weight_v` and may hold `weight` beside `weight_orig`: v is computed from `weight_u`, and scaled so that
    sigma is what made the one weight from the other.

    Args:
        state: published names → tensors, without a `module.` prefix.
        modules: our module → the published module or a `Piece`, for every module that holds tensors.
        model: the network the result is for; it may live on the meta device.
        unused: published names that the network does not need, allowed to be there.

    Returns:
        our names → tensors, to be loaded strictly.

    Raises:
        SemsynthError: names the first tensor that is missing, of another shape, or not expected.
    """
    left = {key for key in state if not key.endswith("num_batches_tracked") and f"{key}_orig" not in state}
    left -= set(unused)
    result: dict[str, Tensor] = {}
    for ours, like in model.state_dict().items():
        names, inputs = _published_names(ours, modules)
        if names[0].endswith(".weight_v") and names[0] not in state:
            part = model.get_submodule(ours.rpartition(".")[0])
            plain = state.get(names[0].removesuffix("_v"))
            result[ours] = _compute_v(result, ours, cast(SpectralNorm, part).dim, plain)
            continue
        shape = (like.shape[0] // len(names), *like.shape[1:])
        parts = [_take(state, name, inputs, shape) for name in names]
        result[ours] = parts[0] if len(parts) == 1 else torch.cat(parts)
        left -= set(names)
    if left:
        raise SemsynthError(f"The file holds a tensor this network has no place for: {min(left)!r}.")
    return result


def _published_names(ours: str, modules: Mapping[str, str | Piece]) -> Piece:
    """The published names of the tensors that one of ours is made of."""
    tail = next((tail for tail in _TAILS if ours.endswith(tail)), f".{ours.rpartition('.')[2]}")
    theirs = modules[ours.removesuffix(tail)]
    names, inputs = ((theirs,), slice(None)) if isinstance(theirs, str) else theirs
    return Piece(tuple(name + _TAILS.get(tail, tail) for name in names), inputs)


def _take(state: Mapping[str, Tensor], name: str, inputs: slice, shape: tuple[int, ...]) -> Tensor:
    """A tensor of the file, or those of its input channels that are wanted, of the shape that is needed."""
    if name not in state:
        raise SemsynthError(
            f"The file lacks the tensor {name!r} {shape}; "
            "it holds another kind of network, or only a part of one."
        )
    value = state[name]
    taken = value[:, inputs] if value.dim() > 1 else value
    if taken.shape != shape:
        raise SemsynthError(
            f"The tensor {name!r} has shape {tuple(value.shape)}; this network needs {shape}."
        )
    return taken


def require(state: Mapping[str, Tensor], name: str, kind: str) -> Tensor:
    """The tensor by which a network's settings are read off.

    Raises:
        SemsynthError: it is not there, so the file does not hold this `kind` of network.
    """
    if name not in state:
        some = ", ".join(list(state)[:3]) or "nothing"
        raise SemsynthError(f"This is not a published {kind}: it lacks {name!r} (it holds {some} ...).")
    return state[name]


def _compute_v(result: Mapping[str, Tensor], ours: str, dim: int, plain: Tensor | None) -> Tensor:
    """v = W^T u, of length one; or longer or shorter, so that u . (W v) is the sigma that `plain` shows.

    The raw weight and u come before v in a state dictionary.
    """
    stem = ours.removesuffix(".0.v")
    weight, u = result[f"{stem}.original"], result[f"{stem}.0.u"]
    matrix = weight.transpose(0, dim).flatten(1)  # (out, in*kh*kw)
    v = F.normalize(matrix.t() @ u, dim=0, eps=EPS)
    if plain is None or plain.shape != weight.shape:
        return v
    sigma = weight.norm() / plain.norm()
    rescaled: Tensor = v * (sigma / torch.dot(u, matrix @ v))
    return rescaled
