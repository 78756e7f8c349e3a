"""Batch norm that spans processes on every backend, and parameter-free instance norm."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.ops.recompute import recomputing

MOMENTUM = 0.1
EPSILON = 1e-5


class BatchNorm2d(nn.Module):
    """Batch normalisation over (B, H, W), of all processes where `sync` is set.

    With one process, or in evaluation mode, it is `torch.nn.functional.batch_norm`. Its state is that of
    `torch.nn.BatchNorm2d` without the counter, which a fixed momentum does not need.

    Args:
        num_features: C.
        affine: learn a scale and a shift per channel (SPADE's parameter-free norm has neither).
        sync: share the statistics across the processes of a distributed run (any backend).
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, *, affine: bool = False, sync: bool = True) -> None:
        super().__init__()
        self.num_features = num_features
        self.sync = sync
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor, repeat: int = 1) -> Tensor:
        """Normalise.

        Args:
            x: (B, C, H, W).
            repeat: how often each value will stand in the map whose statistics are meant. Nearest
                upsampling by two repeats every value four times: mean and variance do not change, so it
                is cheaper to normalise before it; only the unbiased running variance sees the count.

        Returns:
            (B, C, H, W).

        Raises:
            ValueError: in training, where one value per channel leaves no variance.
        """
        if not self.training:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, EPSILON
            )
        local = x.numel() // x.shape[1]
        world = self.world_size()
        count = local * repeat * world
        self.check_count(count, x.shape)
        if world > 1:
            return self._across_processes(x, count)
        mean, var = torch.zeros_like(self.running_mean), torch.zeros_like(self.running_var)
        batch = x.shape[0]
        if local == 1:  # torch refuses a single value; repeated, it has no variance and gives zero
            x = x.expand(2, -1, -1, -1)
        y = F.batch_norm(x, mean, var, self.weight, self.bias, True, 1.0, EPSILON)[:batch]
        biased = var * ((local - 1) / local)
        self.track(mean, biased, count)
        return y

    def _across_processes(self, x: Tensor, count: int) -> Tensor:
        y, mean, biased = _SyncBatchNorm.apply(x, EPSILON)
        self.track(mean, biased, count)
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.view(-1, 1, 1) + self.bias.view(-1, 1, 1)
        return y.to(x.dtype)  # type: ignore[no-any-return]

    def world_size(self) -> int:
        """How many processes share the statistics."""
        return dist.get_world_size() if self.sync and dist.is_available() and dist.is_initialized() else 1

    @staticmethod
    def check_count(count: int, shape: Sequence[int]) -> None:
        """Refuse statistics of a single value."""
        if count == 1:
            raise ValueError(
                f"batch norm over a single value per channel (input {tuple(shape)}) has no variance; "
                "train with a larger picture, a larger batch, or instance norm"
            )

    @torch.no_grad()
    def track(self, mean: Tensor, biased_variance: Tensor, count: int) -> None:
        """Move the running statistics towards those of a batch of `count` values per channel."""
        if recomputing():
            return
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), MOMENTUM)
        unbiased = biased_variance * (count / (count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), MOMENTUM)

    def extra_repr(self) -> str:
        """What `print(module)` shows."""
        return f"{self.num_features}, affine={self.weight is not None}, sync={self.sync}"


class _SyncBatchNorm(torch.autograd.Function):
    """Normalise by the statistics of all processes, which hold equal numbers of values.

    Forward all-reduces the mean (C), then the variance (C); backward the sums (2, C) of the gradient and of
    its product with the output. `fused.modulate` does the same, so that one process may take this way and
    another that one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor]:
        wide = x.float() if x.dtype != torch.float64 else x
        world = dist.get_world_size()
        mean = wide.mean((0, 2, 3))
        dist.all_reduce(mean)
        mean /= world
        centred = wide - mean.view(-1, 1, 1)  # first the mean, or the squares cancel in float32
        var = centred.square().mean((0, 2, 3))
        dist.all_reduce(var)
        var /= world
        rstd = (var + epsilon).rsqrt()
        y = centred * rstd.view(-1, 1, 1)
        ctx.save_for_backward(y, rstd)
        ctx.count, ctx.dtype = wide.numel() // wide.shape[1] * world, x.dtype
        ctx.mark_non_differentiable(mean, var)
        return y, mean, var

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Tensor) -> tuple[Tensor, None]:
        y, rstd = ctx.saved_tensors
        packed = torch.stack([grad.sum((0, 2, 3)), (grad * y).sum((0, 2, 3))])
        dist.all_reduce(packed)
        mean_grad, mean_grad_y = (packed / ctx.count).unbind()
        dx = (grad - mean_grad.view(-1, 1, 1) - y * mean_grad_y.view(-1, 1, 1)) * rstd.view(-1, 1, 1)
        return dx.to(ctx.dtype), None


class InstanceNorm2d(nn.Module):
    """Instance norm without parameters and without running statistics: the picture's own, always."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, x: Tensor, repeat: int = 1) -> Tensor:
        """Normalise each plane of `x` (B, C, H, W); `repeat` changes nothing here.

        A plane of a single value has no variance and becomes zero.
        """
        if x.shape[2] * x.shape[3] == 1:
            return x * 0
        return F.instance_norm(x, eps=EPSILON)

    def extra_repr(self) -> str:
        """What `print(module)` shows."""
        return str(self.num_features)


def parameter_free_norm(kind: str, num_features: int) -> BatchNorm2d | InstanceNorm2d:
    """The normalisation inside a SPADE layer: "sync_batch", "batch" (this process alone) or "instance"."""
    if kind == "instance":
        return InstanceNorm2d(num_features)
    if kind in ("batch", "sync_batch"):
        return BatchNorm2d(num_features, sync=kind == "sync_batch")
    raise ValueError(f"norm {kind!r} is not known; allowed: sync_batch, batch, instance")
