"""Reading published state dictionaries: names are translated, and everything must fit exactly."""

from collections.abc import Collection, Mapping
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.ops.blocks import EPS, SpectralNorm

# Ends of our names and of the published ones, where the old spectral norm hook was used.
_TAILS = {
    ".parametrizations.weight.original": ".weight_orig",
    ".parametrizations.weight.0.u": ".weight_u",
    ".parametrizations.weight.0.v": ".weight_v",
}


def translate(
    state: Mapping[str, Tensor],
    modules: Mapping[str, str],
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
        modules: our module → the published module, for every module that holds tensors.
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
        theirs = published_name(ours, modules)
        if theirs.endswith(".weight_v") and theirs not in state:
            part = model.get_submodule(ours.rpartition(".")[0])
            plain = state.get(theirs.removesuffix("_v"))
            found = _compute_v(result, ours, cast(SpectralNorm, part).dim, plain)
        elif theirs not in state:
            raise SemsynthError(
                f"The file lacks the tensor {theirs!r} {tuple(like.shape)}; "
                "it holds another kind of network, or only a part of one."
            )
        else:
            found = state[theirs]
        if found.shape != like.shape:
            raise SemsynthError(
                f"The tensor {theirs!r} has shape {tuple(found.shape)}; "
                f"this network needs {tuple(like.shape)}."
            )
        result[ours] = found
        left.discard(theirs)
    if left:
        raise SemsynthError(f"The file holds a tensor this network has no place for: {min(left)!r}.")
    return result


def published_name(ours: str, modules: Mapping[str, str]) -> str:
    """The published name of one of our tensors."""
    for tail, published_tail in _TAILS.items():
        if ours.endswith(tail):
            return modules[ours.removesuffix(tail)] + published_tail
    module, _, name = ours.rpartition(".")
    return f"{modules[module]}.{name}"


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
