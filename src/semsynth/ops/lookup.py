"""Strided and padded convolutions of one-hot label maps as look-ups, and label maps at half size.

On one-hot planes a k x k convolution is a sum of k*k columns of its weight, one a tap. `torch`'s embedding
bag computes that sum from integer ids, forwards and backwards, and the planes are never made.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def label_windows(
    labels: Tensor, num_classes: int, kernel: int, *, stride: int = 1, padding: int = 0, reflect: bool = False
) -> Tensor:
    """Which rows of the table [class, tap] each output of a convolution adds up.

    Args:
        labels: (B,H,W) int64 ids in 0..num_classes-1.
        num_classes: K.
        kernel: side k of the convolution.
        stride: of the convolution.
        padding: of the convolution, on every side.
        reflect: pad by reflection; else by zeros, for which there is one row more, K*k*k.

    Returns:
        (B,h',w',k*k) int32.
    """
    taps = kernel * kernel
    rows = labels.to(torch.int32) * taps
    outside = num_classes * taps
    if padding and reflect:
        rows = rows[:, _reflected(rows.shape[1], padding, rows.device)]
        rows = rows[:, :, _reflected(rows.shape[2], padding, rows.device)]
    elif padding:
        rows = F.pad(rows, (padding,) * 4, value=outside)
    windows = rows.unfold(1, kernel, stride).unfold(2, kernel, stride).flatten(3)  # (B,h',w',k*k)
    return (windows + torch.arange(taps, dtype=torch.int32, device=labels.device)).clamp_max(outside)


def lookup_conv(windows: Tensor, weight: Tensor) -> Tensor:
    """Convolve one-hot planes that were never made.

    Args:
        windows: (B,h',w',k*k) by `label_windows`.
        weight: (out,K,k,k).

    Returns:
        (B,out,h',w'), without bias; channels last in memory.
    """
    table = weight.permute(1, 2, 3, 0).flatten(0, 2)  # (K*k*k,out)
    table = F.pad(table, (0, 0, 0, 1))  # the last row stands for outside
    summed = F.embedding_bag(windows.flatten(0, 2), table, mode="sum")  # (B*h'*w',out)
    return summed.reshape(*windows.shape[:3], -1).permute(0, 3, 1, 2)


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


def _reflected(size: int, padding: int, device: torch.device) -> Tensor:
    """Source position of every position of an axis padded by reflection; the border is not repeated."""
    position = torch.arange(-padding, size + padding, device=device).abs()
    return torch.where(position < size, position, 2 * (size - 1) - position)
