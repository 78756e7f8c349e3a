"""Spectral normalisation, and a convolution with the norm that follows it.

These layers do not look at the label map. The discriminators, the style encoder and pix2pixHD are built of
them; SPADE's own convolutions are wrapped by `spectral_norm`.
"""

from typing import TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from semsynth.ops.norm import BatchNorm2d, InstanceNorm2d
from semsynth.ops.recompute import recomputing

M = TypeVar("M", bound=nn.Module)

EPS = 1e-12
"""Smallest norm a vector is divided by: v / max(|v|, EPS)."""

START_ITERATIONS = 3
"""Power iterations a fresh weight gets, so that a network never trained has sane weights in eval mode."""

NORMS = ("none", "instance", "batch", "sync_batch")
"""Kinds of norm `conv_norm` knows."""


class SpectralNorm(nn.Module):
    """A weight divided by its largest singular value (Miyato et al. 2018), as a torch parametrization.

    One power iteration per read of the weight in train mode, none in eval mode. The order is the published
    one: v from u, u from v, sigma = u . (W v); gradients pass through sigma with u and v held constant.
    Computed in float32 at least, also under autocast.

    Args:
        weight: the weight it will be given.
        dim: axis of output channels: 1 for transposed convolutions, else 0.
    """

    def __init__(self, weight: Tensor, dim: int = 0) -> None:
        super().__init__()
        self.dim = dim
        rows = weight.shape[dim]
        like = self._matrix(weight.detach())
        self.u: Tensor
        self.v: Tensor
        self.register_buffer("u", like.new_empty(rows))  # (out,)
        self.register_buffer("v", like.new_empty(weight.numel() // rows))  # (in*kh*kw,)
        self.restart(weight)

    def _matrix(self, weight: Tensor) -> Tensor:
        if self.dim != 0:
            weight = weight.transpose(0, self.dim)
        matrix = weight.flatten(1)  # (out, in*kh*kw)
        return matrix.float() if matrix.dtype in (torch.bfloat16, torch.float16) else matrix

    @torch.no_grad()
    def restart(self, weight: Tensor, generator: torch.Generator | None = None) -> None:
        """Draw u and v anew for a weight that has just been initialised."""
        if weight.is_meta:  # a file will bring them; drawing there would load torch's compiler, 100 MB of it
            return
        self.u.normal_(generator=generator)
        self.iterate(weight, START_ITERATIONS)

    @torch.no_grad()
    def iterate(self, weight: Tensor, count: int = 1) -> None:
        """Run `count` power iterations without using the result, e.g. when a file lacks `v`."""
        matrix = self._matrix(weight)
        self.u.copy_(F.normalize(self.u, dim=0, eps=EPS))
        for _ in range(count):
            self.v.copy_(F.normalize(matrix.t() @ self.u, dim=0, eps=EPS))
            self.u.copy_(F.normalize(matrix @ self.v, dim=0, eps=EPS))

    def _is_channels_last(self, weight: Tensor) -> bool:
        return self.dim == 0 and weight.dim() == 4 and weight.is_contiguous(memory_format=torch.channels_last)

    def forward(self, weight: Tensor) -> Tensor:
        """Return `weight` / sigma, with the shape and dtype of `weight`."""
        last = self._is_channels_last(weight)
        with torch.autocast(weight.device.type, enabled=False):
            iterate = self.training and not recomputing()
            # Columns in the order they have in memory: the weight is not copied.
            matrix = self._matrix(weight.permute(0, 2, 3, 1) if last else weight)
            stored = self.v.view(weight.shape[1:]).permute(1, 2, 0) if last else self.v
            u, v = self.u.to(matrix.dtype), stored.flatten().to(matrix.dtype)
            if iterate:
                v = F.normalize(matrix.detach().t() @ u, dim=0, eps=EPS)
            else:  # the buffers may move before backward runs
                u, v = u.clone(), v.clone()
            wv = matrix @ v  # (out,): one product serves both the new u and sigma
            if iterate:
                u = F.normalize(wv.detach(), dim=0, eps=EPS)
                with torch.no_grad():
                    self.u.copy_(u)
                    stored.copy_(v.view_as(stored))
            sigma = torch.dot(u, wv)
            return (weight / sigma).to(weight.dtype)


def spectral_norm(module: M) -> M:
    """Wrap a convolution, transposed convolution or linear layer, in place.

    State: `parametrizations.weight.original` instead of `weight`, and the buffers
    `parametrizations.weight.0.u` and `.v`. Reading `module.weight` in train mode costs a power iteration; a
    forward pass reads it once.

    Returns:
        the same module.
    """
    weight = cast(Tensor, module.weight)
    dim = 1 if isinstance(module, nn.ConvTranspose2d) else 0
    parametrize.register_parametrization(module, "weight", SpectralNorm(weight, dim), unsafe=True)
    return module


def is_spectral(module: nn.Module) -> bool:
    """Whether this very module (not its children) has been wrapped by `spectral_norm`."""
    return spectral_part(module) is not None


def spectral_part(module: nn.Module) -> SpectralNorm | None:
    """The `SpectralNorm` of a wrapped module, else None."""
    if not parametrize.is_parametrized(module, "weight"):
        return None
    part = cast(nn.ModuleDict, module.parametrizations)["weight"][0]  # type: ignore[index]
    return part if isinstance(part, SpectralNorm) else None


def stored_weight(module: nn.Module) -> nn.Parameter | None:
    """The parameter behind `module.weight`: the raw one where the module is wrapped; None if it has none."""
    if is_spectral(module):
        return cast(nn.Parameter, module.parametrizations.weight.original)  # type: ignore[union-attr]
    weight = getattr(module, "weight", None)
    return weight if isinstance(weight, nn.Parameter) else None


def fold_spectral_norm(model: M) -> M:
    """Replace every spectral-normed weight of `model` by its present value, a plain parameter, in place.

    What eval mode computes is unchanged. For inference and export: the weights can no longer be trained as
    before.

    Returns:
        the same model.
    """
    for module in list(model.modules()):
        part = spectral_part(module)
        if part is None:
            continue
        part.eval()  # folding must not iterate
        raw = cast(nn.Parameter, stored_weight(module))
        # On the meta device a weight is its shape, and nothing computes its value.
        present = raw if raw.is_meta else cast(Tensor, module.weight)
        weight = nn.Parameter(present.detach().clone(), requires_grad=raw.requires_grad)
        # Not `remove_parametrizations`: it strips the class, which deep copies of a module share.
        plain = parametrize.type_before_parametrizations(module)
        del module.parametrizations
        module.__class__ = plain
        module.register_parameter("weight", weight)
    return model


class ConvNorm(nn.Module):
    """A convolution and the norm after it, named `conv` and `norm`."""

    def __init__(self, conv: nn.Module, norm: nn.Module) -> None:
        super().__init__()
        self.conv = conv
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',H',W')."""
        out: Tensor = self.norm(self.conv(x))
        return out


def conv_norm(
    conv: nn.Conv2d | nn.ConvTranspose2d, norm: str = "instance", *, spectral: bool = True
) -> ConvNorm:
    """Follow a convolution by a norm that does not look at labels.

    A bias in front of a norm that subtracts the mean changes nothing, so it is removed.

    Args:
        conv: the bare convolution; changed in place.
        norm: "none"; "instance": no affine, no running statistics, eps 1e-5; "batch" or "sync_batch": affine,
            across replicas where there are several (one implementation serves both names).
        spectral: wrap the convolution's weight by `spectral_norm`.

    Raises:
        ValueError: another kind of norm.
    """
    if norm not in NORMS:
        raise ValueError(f"norm is {norm!r}; allowed are {', '.join(NORMS)}")
    if norm != "none":
        conv.bias = None
    if spectral:
        spectral_norm(conv)
    if norm == "none":
        return ConvNorm(conv, nn.Identity())
    if norm == "instance":
        return ConvNorm(conv, InstanceNorm2d(conv.out_channels))
    return ConvNorm(conv, BatchNorm2d(conv.out_channels, affine=True))
