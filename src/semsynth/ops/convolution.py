"""A convolution that trains faster on CPUs.

In float32, the native kernels compute 3x3 and 4x4 convolutions and their gradients by Winograd's method,
F(4x4,3x3) and F(3x3,4x4); PyTorch computes the direct sum. Every sum has a fixed order, whatever the number
of threads.

For the weight gradient in bfloat16, a CPU's kernels share out the pixels of a batch, and run at a few per
cent of their speed where there are few pixels for many channels: in the first blocks of a generator. There
the gradient is one product of matrices instead, several times faster. The numbers are the same.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from semsynth.ops import native
from semsynth.ops.convolve import PANEL
from semsynth.ops.dtypes import compute_dtype
from semsynth.ops.structs import BatchConvolution, WeightGradient

_PIXELS_PER_CHANNEL = 8  # measured: up to this many pixels of the batch per input channel
_POINTS = 6  # of a tile along one side
_LEAST_TILES = 16  # of a batch; fewer do not repay the transform of the weights
_FEW_TILES = 128  # are transformed at once, and the weights part by part
_CHUNK = 256  # tiles that are transformed before they are multiplied


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d` of one group without dilation, padded by zeros."""

    def forward(self, x: Tensor) -> Tensor:
        """(B,C,H,W) → (B,C',H',W')."""
        dtype = compute_dtype(x)
        if self.training and self._fits_winograd(x, dtype):
            return _Winograd.apply(x, self.weight, self.bias, self.padding[0])  # type: ignore[no-any-return]
        pixels = x.shape[0] * x.shape[2] * x.shape[3]
        if (
            x.device.type != "cpu"
            or dtype != torch.bfloat16
            or pixels > _PIXELS_PER_CHANNEL * self.in_channels
            or not torch.is_grad_enabled()
        ):
            return super().forward(x)
        bias = None if self.bias is None else self.bias.to(dtype)
        return _SmallMap.apply(x.to(dtype), self.weight.to(dtype), bias, self.stride, self.padding)  # type: ignore[no-any-return]

    def _fits_winograd(self, x: Tensor, dtype: torch.dtype) -> bool:
        """Whether the native kernels can compute this, and are faster at it."""
        kernel, padding = self.kernel_size[0], self.padding[0]
        return (
            (self.kernel_size, self.padding) in (((3, 3), (1, 1)), ((4, 4), (2, 2)))
            and self.stride == (1, 1)
            and x.dtype == dtype == next(self.parameters()).dtype == torch.float32
            and native.supports(x)
            and self.in_channels % PANEL == self.out_channels % PANEL == 0
            and _tiles(x.shape, kernel, int(padding)) >= _LEAST_TILES
        )


class _SmallMap(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        padding: tuple[int, int],
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        grad_x = grad_weight = grad_bias = None
        if ctx.needs_input_grad[0]:
            grad_x = torch.ops.aten.convolution_backward(
                grad, x, weight, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, (True, False, False)
            )[0]
        rows = grad.permute(0, 2, 3, 1).flatten(0, 2)  # (B*H'*W',C')
        if ctx.needs_input_grad[1]:
            out, channels, height, width = weight.shape
            matrix = rows.t() @ _windows(x, (height, width), ctx.stride, ctx.padding)  # (C',kh*kw*C)
            grad_weight = matrix.view(out, height, width, channels).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[2]:
            grad_bias = rows.sum(0, dtype=torch.float32).to(rows.dtype)
        return grad_x, grad_weight, grad_bias, None, None


def _windows(x: Tensor, size: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]) -> Tensor:
    """(B,C,H,W) → (B*H'*W',kh*kw*C): what each output pixel sees."""
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, padding[1], padding[1], padding[0], padding[0]))
    windows = padded.unfold(1, size[0], stride[0]).unfold(2, size[1], stride[1])  # (B,H',W',C,kh,kw)
    return windows.permute(0, 1, 2, 4, 5, 3).flatten(3).flatten(0, 2)


class _Winograd(torch.autograd.Function):
    """A convolution of stride 1 and its gradients on the native kernels, in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return _convolve(x, weight, bias, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        wanted, padding = ctx.needs_input_grad[:3], ctx.padding
        if torch.is_grad_enabled():  # a gradient of this gradient is wanted
            bias = [len(weight)] if wanted[2] else None
            gradients = torch.ops.aten.convolution_backward(
                grad, x, weight, bias, (1, 1), (padding,) * 2, (1, 1), False, (0, 0), 1, wanted
            )
            return *gradients, None
        return (
            _convolve(grad, weight.transpose(0, 1), None, weight.shape[2] - 1 - padding, flipped=True)
            if wanted[0]
            else None,
            _weight_gradient(x, grad, weight, padding) if wanted[1] else None,
            grad.sum((0, 2, 3)) if wanted[2] else None,
            None,
        )


def _convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None, padding: int, *, flipped: bool = False
) -> Tensor:
    """(B,I,H,W), (O,I,k,k) → (B,O,H',W'), channels last in memory.

    Args:
        x: the maps.
        weight: of the convolution, k of 3 or 4.
        bias: (O), or None.
        padding: by zeros, on every side.
        flipped: turn the taps round, as the gradient of the input does.
    """
    weight = _with_taps_in_a_row(weight)
    outputs, inputs, kernel = weight.shape[:3]
    rows = x.permute(0, 2, 3, 1).contiguous()
    bias = None if bias is None else bias.contiguous()
    height, width = (side + 2 * padding - kernel + 1 for side in rows.shape[1:3])
    out = rows.new_empty(len(rows), height, width, outputs)
    tiles = _tiles(x.shape, kernel, padding)
    few = tiles <= _FEW_TILES
    work = rows.new_empty(_POINTS**2 * (tiles * inputs + PANEL if few else inputs * outputs))
    tap = weight.stride(3)
    last = (kernel**2 - 1) * tap * weight.element_size() if flipped else 0
    native.convolve_batch(
        BatchConvolution(
            *rows.shape[:3],
            inputs,
            outputs,
            kernel,
            padding,
            rows.data_ptr(),
            weight.data_ptr() + last,
            None if bias is None else bias.data_ptr(),
            None if few else work.data_ptr(),
            work.data_ptr() if few else None,
            out.data_ptr(),
            weight.stride(0),
            weight.stride(1),
            -tap if flipped else tap,
            _divisor(outputs, 32 if few else 64),
            _divisor(inputs, 256),
        )
    )
    return out.permute(0, 3, 1, 2)


def _weight_gradient(x: Tensor, grad: Tensor, weight: Tensor, padding: int) -> Tensor:
    """(B,I,H,W), the gradient (B,O,H',W') of a convolution's result → that of its weight (O,I,k,k)."""
    rows, grad_rows = (part.permute(0, 2, 3, 1).contiguous() for part in (x, grad))
    outputs, inputs, kernel = weight.shape[:3]
    tiles = _tiles(x.shape, kernel, padding)
    few, chunk = tiles <= _FEW_TILES, min(_CHUNK, tiles)
    x_points, grad_points = (rows.new_empty(_POINTS**2 * (chunk * n + PANEL)) for n in (inputs, outputs))
    sums = None if few else rows.new_empty(_POINTS**2 * inputs * outputs)
    out = _with_taps_in_a_row(torch.empty_like(weight))
    work = (rows, grad_rows, x_points, grad_points, sums, out)
    pointers = (None if part is None else part.data_ptr() for part in work)
    strides = out.stride(0), out.stride(1), out.stride(3)
    native.weight_gradient(
        WeightGradient(*rows.shape[:3], inputs, outputs, kernel, padding, *pointers, *strides, chunk)
    )
    return out


def _with_taps_in_a_row(weight: Tensor) -> Tensor:
    """The same weight (O,I,k,k); the kernels know one stride of its taps."""
    return weight if weight.stride(2) == weight.shape[3] * weight.stride(3) else weight.contiguous()


def _tiles(shape: Sequence[int], kernel: int, padding: int) -> int:
    """How many tiles the results of maps (B,C,H,W) have."""
    side = _POINTS + 1 - kernel
    high, wide = (-(-(size + 2 * padding - kernel + 1) // side) for size in shape[2:])
    return shape[0] * high * wide


def _divisor(size: int, most: int) -> int:
    """The largest multiple of a panel up to `most` that divides `size`."""
    return max(n for n in range(PANEL, most + 1, PANEL) if size % n == 0)
