"""A convolution whose weight is laid out once the way the processor's kernels want it.

PyTorch's oneDNN convolutions otherwise lay the weight out anew in every call, which takes longer than the
convolution itself where a map is small and the channels are many. The operations that avoid it are those
`torch.compile` uses; where this PyTorch lacks them, or the processor cannot do what they need, the usual ones
give the same numbers.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_LONG_SUM = 1024  # input channels
_FEW_PIXELS = 256  # up to so many, reading the weight takes longer than computing with it


class PackedConv:
    """A `torch.nn.Conv2d` for drawing, with an optional sum after it.

    Args:
        conv: of stride 1 that keeps the size; its weight is stored in `dtype` from now on.
        dtype: to compute in.
    """

    def __init__(self, conv: nn.Conv2d, dtype: torch.dtype) -> None:
        # oneDNN's float32 kernels for channels-last maps add long sums up in one go: three times less exact.
        self.is_long = dtype == torch.float32 and conv.in_channels >= _LONG_SUM
        conv.weight.data = conv.weight.data.to(dtype, memory_format=torch.channels_last)
        self.conv = conv
        self.bias = None if conv.bias is None else conv.bias.to(dtype)
        self.geometry: list[Any] = [list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups]
        self._packed: Tensor | None = None
        self._packs = True  # until packing has failed

    def __call__(self, x: Tensor, add: Tensor | None = None) -> Tensor:
        """(B,C,H,W) → (B,C',H',W'), plus `add` where given; channels last in memory."""
        if self.is_long:
            few = x.shape[0] * x.shape[2] * x.shape[3] <= _FEW_PIXELS
            out = self._as_product(x) if few else self._planar(x)
            return out if add is None else out.add_(add)
        packed = self._packed  # read once: another thread may be packing too
        if packed is None and self._packs:  # packed for the first size seen; right for all
            packed = self._packed = self._pack(x)
            self._packs = packed is not None
        if packed is None or x.device.type != "cpu":
            out = F.conv2d(x, self.conv.weight, self.bias, self.conv.stride, self.conv.padding)
            return out if add is None else out + add
        if add is None:
            return torch.ops.mkldnn._convolution_pointwise(  # type: ignore[no-any-return]
                x, packed, self.bias, *self.geometry, "none", [], ""
            )
        return torch.ops.mkldnn._convolution_pointwise.binary(  # type: ignore[no-any-return]
            x, add, packed, self.bias, *self.geometry, "add", 1.0, None, [], None
        )

    def _pack(self, x: Tensor) -> Tensor | None:
        """The weight in oneDNN's own layout; None where that cannot be."""
        if x.device.type != "cpu" or not torch.backends.mkldnn.is_available():
            return None
        try:  # an operation that is missing is an AttributeError
            assert torch.ops.mkldnn._convolution_pointwise
            return torch.ops.mkldnn._reorder_convolution_weight(  # type: ignore[no-any-return]
                self.conv.weight, *self.geometry, list(x.shape)
            )
        except (AttributeError, RuntimeError):
            return None

    def _as_product(self, x: Tensor) -> Tensor:
        """As one matrix product with the windows, which takes the weight as it lies."""
        size = self.conv.kernel_size[0]
        pad = size // 2
        rows = F.pad(x.permute(0, 2, 3, 1), (0, 0, pad, pad, pad, pad)).unfold(1, size, 1).unfold(2, size, 1)
        batch, height, width = rows.shape[:3]  # (B,H',W',C,k,k)
        rows = rows.permute(0, 1, 2, 4, 5, 3).reshape(batch * height * width, -1)
        out = F.linear(rows, self._weight(torch.channels_last).permute(0, 2, 3, 1).flatten(1), self.bias)
        return out.view(batch, height, width, -1).permute(0, 3, 1, 2)

    def _planar(self, x: Tensor) -> Tensor:
        weight = self._weight(torch.contiguous_format)
        out = F.conv2d(x.contiguous(), weight, self.bias, self.conv.stride, self.conv.padding)
        return out.contiguous(memory_format=torch.channels_last)

    def _weight(self, layout: torch.memory_format) -> Tensor:
        """The weight in this layout from now on: maps mostly keep their size."""
        weight = self.conv.weight.data  # read once: another thread may want the other layout
        if not weight.is_contiguous(memory_format=layout):
            with torch.inference_mode(False):  # the generator stays an ordinary one
                self.conv.weight.data = weight = weight.contiguous(memory_format=layout)
        return weight
