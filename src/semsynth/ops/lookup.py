"""Convolutions of one-hot label maps as sums of table rows, and label maps at half size.

On one-hot planes a k x k convolution is a sum of k*k columns of its weight, one a tap. The sum is computed
from integer ids, forwards and backwards, and the planes are never made.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from semsynth.ops import native
from semsynth.ops.dtypes import compute_dtype


def label_windows(
    labels: Tensor, kernel: int, *, stride: int = 1, padding: int = 0, reflect: bool = False
) -> Tensor:
    """What each output of a convolution sees of a label map.

    Args:
        labels: (B,H,W) int64 ids.
        kernel: side k of the convolution.
        stride: of the convolution.
        padding: of the convolution, on every side.
        reflect: pad by reflection; else by zeros.

    Returns:
        (B,h',w',k*k) int32 symbols: id + 1, or 0 outside.
    """
    symbols = labels.to(torch.int32) + 1
    if padding and reflect:
        symbols = symbols[:, _reflected(symbols.shape[1], padding, symbols.device)]
        symbols = symbols[:, :, _reflected(symbols.shape[2], padding, symbols.device)]
    elif padding:
        symbols = F.pad(symbols, (padding,) * 4)
    return symbols.unfold(1, kernel, stride).unfold(2, kernel, stride).flatten(3)


def lookup_conv(windows: Tensor, weight: Tensor) -> Tensor:
    """Convolve one-hot planes that were never made.

    Args:
        windows: (B,h',w',k*k) by `label_windows`.
        weight: (out,K,k,k).

    Returns:
        (B,out,h',w'), without bias; channels last in memory.
    """
    table = weight.flatten(2).permute(2, 1, 0)  # (k*k,K,out)
    table = F.pad(table, (0, 0, 1, 0))  # symbol 0, outside, adds nothing
    summed = lookup_sum(table, None, windows.flatten(0, 2), dtype=compute_dtype(weight))  # (B*h'*w',out)
    return summed.reshape(*windows.shape[:3], -1).permute(0, 3, 1, 2)


def lookup_sum(
    table: Tensor, bias: Tensor | None, patches: Tensor, *, dtype: torch.dtype, relu: bool = False
) -> Tensor:
    """Add up one row of a table per tap of each patch.

    Args:
        table: (T, S, O) a row per tap and symbol.
        bias: (O), added where given.
        patches: (P, T) int32 symbols.
        dtype: of the result.
        relu: cut the sums at zero.

    Returns:
        (P, O).
    """
    if native.supports(table) and dtype in (torch.float32, torch.bfloat16):
        return _LookupSum.apply(table, bias, patches, dtype, relu)  # type: ignore[no-any-return]
    rows = patches + torch.arange(table.shape[0], device=patches.device, dtype=patches.dtype) * table.shape[1]
    out = F.embedding_bag(rows, table.flatten(0, 1), mode="sum")
    out = out if bias is None else out + bias
    return (F.relu(out) if relu else out).to(dtype)


class _LookupSum(torch.autograd.Function):
    """On the native kernels."""

    @staticmethod
    def forward(
        ctx: Any, table: Tensor, bias: Tensor | None, patches: Tensor, dtype: torch.dtype, relu: bool
    ) -> Tensor:
        out = table.new_empty(len(patches), table.shape[2], dtype=dtype)
        bias = None if bias is None else bias.float().contiguous()
        native.lookup(table.contiguous(), bias, patches.contiguous(), out, relu=relu)
        ctx.save_for_backward(patches, *([out] if relu else []))
        ctx.symbols, ctx.has_bias = table.shape[1], bias is not None
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        patches, *cut = ctx.saved_tensors
        if cut:
            grad = grad * (cut[0] > 0)
        grad = grad.contiguous()
        table = native.lookup_backward(grad, patches.contiguous(), ctx.symbols)
        return table, grad.float().sum(0) if ctx.has_bias else None, None, None, None


def halve(planes: Tensor) -> Tensor:
    """(B,C,h,w) → (B,C,ceil(h/2),ceil(w/2)): 3x3 averages in which the padding does not count."""
    return F.avg_pool2d(planes, 3, stride=2, padding=1, count_include_pad=False)


def halved_one_hot(labels: Tensor, num_classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """`halve(one_hot(labels))` without the full-size planes: counts of the ids in each 3x3 window.

    Args:
        labels: (B,H,W) int64 ids in 0..num_classes-1.
        num_classes: K.
        dtype: of the result.

    Returns:
        (B,K,ceil(H/2),ceil(W/2)) shares that sum to 1; channels last in memory.
    """
    padded = F.pad(labels, (1, 1, 1, 1), value=num_classes)  # outside is one class more, dropped below
    windows = padded.unfold(1, 3, 2).unfold(2, 3, 2).flatten(3)  # (B,h,w,9)
    counts = torch.zeros(*windows.shape[:3], num_classes + 1, dtype=dtype, device=labels.device)
    counts.scatter_add_(3, windows, counts.new_ones(()).expand_as(windows))
    inside = 9 - counts[..., -1:]
    return (counts[..., :-1] / inside).permute(0, 3, 1, 2)


def halved_shares(labels: Tensor, num_classes: int, levels: int) -> list[Tensor]:
    """How much of each class lies under each position of maps of strides 2, 4, 8 and so on.

    Args:
        labels: (B,H,W) int64 ids in 0..num_classes-1.
        num_classes: K.
        levels: how many maps.

    Returns:
        (B,K,h,w) a level, shares that sum to 1.
    """
    shares = [halved_one_hot(labels, num_classes)]
    while len(shares) < levels:
        shares.append(F.avg_pool2d(shares[-1], 2, ceil_mode=True))
    return shares


def _reflected(size: int, padding: int, device: torch.device) -> Tensor:
    """Source position of every position of an axis padded by reflection; the border is not repeated."""
    position = torch.arange(-padding, size + padding, device=device).abs()
    return torch.where(position < size, position, 2 * (size - 1) - position)
