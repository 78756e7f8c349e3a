"""SPADE by distinct patches: its table, and one pass over the pixels, on the native kernels.

    hidden = lookup_sum(...)      one row per distinct small window: a sum of weight columns (lookup.py)
    table  = window_linear(...)   one row per distinct large window: gamma and beta
    out    = modulate(...)        one pass over the pixels: normalise, double, look up, scale, shift, activate

Each keeps for its backward only what cannot be recomputed: features, tables and indices. Every sum has a
fixed order. They are given tensors of the type to compute in, so autocast has nothing to change inside.
Where the kernels do not run, `lookup_sum` and `window_linear` are computed by public operations; `modulate`
must not be called (ask `supports`).
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from semsynth.ops import native
from semsynth.ops.convolve import PANEL
from semsynth.ops.dtypes import compute_dtype
from semsynth.ops.norm import EPSILON, BatchNorm2d, InstanceNorm2d
from semsynth.ops.pyramid import PatchPlan
from semsynth.ops.structs import Modulation
from semsynth.ops.window_linear import WindowLinear

_CHUNK_PIXELS = 1024  # of the backward; at most _CHUNKS of them
_CHUNKS = 64
_LEAST_RECURRENCE = 1.5  # windows per row from which it pays to multiply the rows alone, measured in float32
_TABLE_VALUES = 1 << 21  # of products that a backward keeps at once
_LEAST_STEP = 64  # between numbers of rows that matrix kernels are made for


def supports(x: Tensor) -> bool:
    """Whether `modulate` can compute on these features here."""
    return native.supports(x) and compute_dtype(x) in (torch.float32, torch.bfloat16)


def window_linear(hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: PatchPlan) -> Tensor:
    """A convolution's result at the centre of each distinct window of hidden rows.

    Args:
        hidden: (V + 1, H); row 0 stands outside the picture.
        weight: (N, H, k, k) of the convolution.
        bias: (N), or None.
        plan: names the k*k hidden rows of each of U windows.

    Returns:
        (U, N).
    """
    if native.supports(hidden) and hidden.dtype == torch.float32 and plan.recurrence >= _LEAST_RECURRENCE:
        return _RowsLinear.apply(hidden, weight, bias, plan)  # type: ignore[no-any-return]
    matrix = weight.permute(0, 2, 3, 1).flatten(1)  # (N,k*k*H)
    if native.supports(hidden):
        matrix, bias = matrix.to(hidden.dtype), None if bias is None else bias.to(hidden.dtype)
        return _WindowLinear.apply(hidden, matrix, bias, plan)  # type: ignore[no-any-return]
    return F.linear(hidden[plan.neighbours].flatten(1), matrix, bias)


class _WindowLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Tensor, matrix: Tensor, bias: Tensor | None, plan: PatchPlan) -> Tensor:
        ctx.save_for_backward(hidden, matrix)
        ctx.plan = plan
        return F.linear(_windows(hidden, plan), matrix, bias)[: len(plan.neighbours)]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, matrix = ctx.saved_tensors
        plan: PatchPlan = ctx.plan
        windows, count = _windows(hidden, plan), len(grad)
        grad = F.pad(grad, (0, 0, 0, len(windows) - count))  # (U',N)
        grad_matrix = grad.t() @ windows
        by_tap = (grad @ matrix)[:count].view(-1, hidden.shape[1])  # (U*k*k,H)
        grad_hidden = native.sum_groups(by_tap, plan.taps_by_row)
        grad_bias = grad.sum(0, dtype=torch.float32).to(grad.dtype) if ctx.needs_input_grad[2] else None
        return grad_hidden, grad_matrix, grad_bias, None


class _RowsLinear(torch.autograd.Function):
    """`_WindowLinear` where rows recur in many windows: rows are multiplied, not windows."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: PatchPlan) -> Tensor:
        ctx.save_for_backward(hidden, weight)
        ctx.plan = plan
        by_tap = weight.flatten(2).transpose(1, 2)  # (N,k*k,H)
        linear = WindowLinear(by_tap, weight.new_zeros(()) if bias is None else bias)
        rows = F.pad(hidden, (0, linear.depth - hidden.shape[1])).contiguous()
        return linear(rows, plan.neighbours.contiguous())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        hidden, weight = ctx.saved_tensors
        by_tap = weight.flatten(2).permute(2, 0, 1).contiguous()  # (k*k,N,H)
        taps, outputs, width = by_tap.shape
        first = ctx.plan.neighbours * taps
        grad_hidden, grad_by_tap = torch.zeros_like(hidden), torch.empty_like(by_tap)
        most = max(_TABLE_VALUES // (len(hidden) * taps * PANEL), 1) * PANEL
        for begin in range(0, outputs, most):  # of which the sums stay in the cache
            part = slice(begin, begin + most)
            sums = native.sum_by_row(grad[:, part].contiguous(), first, len(hidden)).flatten(1)  # (V+1,k*k*n)
            grad_hidden.addmm_(sums, by_tap[:, part].flatten(0, 1))
            grad_by_tap[:, part] = (sums.t() @ hidden).view(taps, -1, width)
        grad_weight = grad_by_tap.permute(1, 2, 0).view_as(weight)
        grad_bias = grad.sum(0) if ctx.needs_input_grad[2] else None
        return grad_hidden, grad_weight, grad_bias, None


def _windows(hidden: Tensor, plan: PatchPlan) -> Tensor:
    """(V + 1, H) → (U', k*k*H): the hidden rows each window sees, side by side, then rows of no use.

    A processor's matrix kernels are compiled anew for every number of rows, and kept; U differs from batch to
    batch, so it is rounded up to one of eight numbers per doubling.
    """
    count = len(plan.neighbours)
    step = max(_LEAST_STEP, 1 << max(count.bit_length() - 4, 0))
    neighbours = F.pad(plan.neighbours, (0, 0, 0, -count % step))
    return hidden.index_select(0, neighbours.flatten()).view(len(neighbours), -1)


def modulate(
    x: Tensor,
    table: Tensor,
    plan: PatchPlan,
    norm: BatchNorm2d | InstanceNorm2d,
    style: Tensor | None = None,
    *,
    slope: float = 1.0,
    upsample: bool = False,
) -> Tensor:
    """out = leaky_relu(norm(up(x)) * (1 + gamma) + beta), with gamma and beta looked up per pixel.

    Args:
        x: (B, C, h, w), or half that size with `upsample`.
        table: (U, 2C) gamma and beta of every distinct window.
        plan: the window of every pixel of (h, w).
        norm: the parameter-free norm; in training it tracks its statistics as if it had been called.
        style: (B, 2C) added to gamma and beta of a sample.
        slope: of the leaky ReLU; 1 is none.
        upsample: double `x` by nearest sampling.

    Returns:
        (B, C, h, w) in `compute_dtype(x)`, channels-last in memory.
    """
    dtype = compute_dtype(x)
    rows = x.permute(0, 2, 3, 1).to(dtype)  # (B,h,w,C)
    style = None if style is None else style.float()
    statistics = _statistics(rows.detach().contiguous(), norm, 4 if upsample else 1)
    y = _Modulate.apply(rows, table.to(dtype), style, plan, statistics, slope, upsample)
    return y.permute(0, 3, 1, 2)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class _Statistics:
    """What to normalise with.

    Attributes:
        mean: (1 or B, C) float32.
        rstd: (1 or B, C) float32, one over the standard deviation.
        count: values behind each of them, on all processes; None where they are constants.
        shared: whether processes share them.
    """

    mean: Tensor
    rstd: Tensor
    count: int | None
    shared: bool = False


@torch.no_grad()
def _statistics(x: Tensor, norm: BatchNorm2d | InstanceNorm2d, repeat: int) -> _Statistics:
    """(B, h, w, C) → the statistics that `norm` would use, which it tracks."""
    if isinstance(norm, InstanceNorm2d):
        mean, variance = native.moments(x, per_sample=True)
        return _Statistics(mean, (variance + EPSILON).rsqrt(), x.shape[1] * x.shape[2])
    if not norm.training:
        mean, variance = norm.running_mean.float()[None], norm.running_var.float()[None]
        return _Statistics(mean, (variance + EPSILON).rsqrt(), None)
    world = norm.world_size()
    count = x.numel() // x.shape[3] * world
    norm.check_count(count * repeat, x.shape)
    mean, variance = native.moments(x, per_sample=False)
    if world > 1:  # as _SyncBatchNorm does: the mean first, or the squares cancel
        local = mean.clone()
        dist.all_reduce(mean)
        mean /= world
        variance += (local - mean).square()
        dist.all_reduce(variance)
        variance /= world
    norm.track(mean[0], variance[0], count * repeat)
    return _Statistics(mean, (variance + EPSILON).rsqrt(), count, world > 1)


class _Modulate(torch.autograd.Function):
    """Works on (B, h, w, C) rows."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        table: Tensor,
        style: Tensor | None,
        plan: PatchPlan,
        statistics: _Statistics,
        slope: float,
        upsample: bool,
    ) -> Tensor:
        x, table = x.contiguous(), table.contiguous()
        style = None if style is None else style.contiguous()
        ctx.save_for_backward(x, table, style)
        ctx.plan, ctx.statistics, ctx.slope, ctx.upsample = plan, statistics, slope, upsample
        y = x.new_empty(*plan.index.shape, x.shape[3])
        arguments = _arguments(ctx, x, table, style)
        arguments.y = y.data_ptr()
        native.modulate(arguments)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, table, style = ctx.saved_tensors
        plan: PatchPlan = ctx.plan
        statistics: _Statistics = ctx.statistics
        channels, per_sample = x.shape[3], len(statistics.mean) > 1
        pixels = plan.index.numel()
        chunks = max(1, min(_CHUNKS, pixels // _CHUNK_PIXELS))
        keys = x.shape[0] if per_sample or style is not None else 1
        start, order = plan.pixels_by_window
        grad, grad_table = grad.contiguous(), torch.empty_like(table)
        grad_normalized = torch.empty_like(grad)
        sums = torch.empty(keys, 4, channels, dtype=torch.float32)
        partial = torch.empty(chunks, 2, 2 * channels, dtype=torch.float32)
        chunk_sums = torch.empty(chunks, keys, 4, channels, dtype=torch.float32)
        arguments = _arguments(ctx, x, table, style)
        arguments.y, arguments.chunks, arguments.keys = grad.data_ptr(), chunks, keys
        arguments.start, arguments.order = start.data_ptr(), order.data_ptr()
        arguments.grad_normalized, arguments.grad_table = grad_normalized.data_ptr(), grad_table.data_ptr()
        arguments.partial, arguments.sums = partial.data_ptr(), sums.data_ptr()
        arguments.chunk_sums = chunk_sums.data_ptr()
        native.modulate_backward(arguments)

        grad_x = None
        if ctx.needs_input_grad[0]:
            means = sums[:, 2:].clone() if per_sample else sums[:, 2:].sum(0, keepdim=True)
            if statistics.shared:
                dist.all_reduce(means)
            means = means / statistics.count if statistics.count else torch.zeros_like(means)
            grad_x = torch.empty_like(x) if ctx.upsample else grad_normalized  # in place where it can be
            arguments.means, arguments.grad_x = means.data_ptr(), grad_x.data_ptr()
            native.normalize_backward(arguments)
        grad_style = None if style is None else sums[:, :2].flatten(1)
        return grad_x, grad_table, grad_style, None, None, None, None


def _arguments(ctx: Any, x: Tensor, table: Tensor, style: Tensor | None) -> Modulation:
    """What the forward and the backward kernel both need; the tensors must outlive the call."""
    plan: PatchPlan = ctx.plan
    batch, height, width = plan.index.shape
    return Modulation(
        x=x.data_ptr(),
        index=plan.index.data_ptr(),
        table=table.data_ptr(),
        style=None if style is None else style.data_ptr(),
        mean=ctx.statistics.mean.data_ptr(),
        rstd=ctx.statistics.rstd.data_ptr(),
        batch=batch,
        height=height,
        width=width,
        channels=x.shape[3],
        rows=len(table),
        per_sample=len(ctx.statistics.mean) > 1,
        upsample=ctx.upsample,
        half=x.dtype == torch.bfloat16,
        slope=ctx.slope,
    )
