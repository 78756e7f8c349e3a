"""Linear maps of windows of rows, for the tables of labels, on the native kernels."""

import torch
from torch import Tensor

from semsynth.ops import native, structs
from semsynth.ops.convolve import PANEL, described, is_dense

_TWO_STEPS = 1.2  # windows per row from which it pays to multiply the rows alone
_MOST_ROWS = 1 << 14  # whose products are kept, by every thread


class WindowLinear:
    """A linear map of windows of rows, for label tables: what it gives for a window is the same to the bit
    whichever windows are asked for together, and whichever way is taken.

    Args:
        weight: (O, k*k, H) for each tap.
        bias: (O).
    """

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        self.outputs, self.taps, _ = weight.shape
        self.depth = -(-weight.shape[2] // PANEL) * PANEL
        self.group = min(-(-self.outputs // PANEL) * PANEL, 32)
        groups = -(-self.outputs // self.group)
        wide = weight.new_zeros(groups * self.group, self.taps, self.depth, dtype=torch.float32)
        wide[: self.outputs, :, : weight.shape[2]] = weight
        wide = wide.view(groups, -1, PANEL, self.taps, self.depth)
        self.weight = wide.permute(0, 3, 1, 4, 2).contiguous()  # (groups,taps,group/16,depth,16)
        self.bias = weight.new_zeros(groups * self.group, dtype=torch.float32)
        self.bias[: self.outputs] = bias

    def __call__(self, rows: Tensor, windows: Tensor) -> Tensor:
        """(V, depth) rows, wider than H by zeros, and (U, k*k) int32 of them → (U, O), all float32.

        Where rows recur in many windows, each is multiplied once and the products are looked up.

        Raises:
            ValueError: Types or shapes do not fit.
        """
        if rows.dim() != 2 or rows.shape[1] != self.depth or not is_dense(rows, torch.float32):
            raise ValueError(f"Rows are dense float32 (V, {self.depth}); got {described(rows)}.")
        if windows.dim() != 2 or windows.shape[1] != self.taps or not is_dense(windows, torch.int32):
            raise ValueError(f"Windows are dense int32 (U, {self.taps}); got {described(windows)}.")
        out = rows.new_empty(len(windows), self.outputs)
        native.multiply_windows(
            structs.WindowProduct(
                rows=rows.data_ptr(),
                windows=windows.data_ptr(),
                weight=self.weight.data_ptr(),
                bias=self.bias.data_ptr(),
                out=out.data_ptr(),
                count=len(windows),
                taps=self.taps,
                depth=self.depth,
                outputs=self.outputs,
                groups=len(self.weight),
                group=self.group,
                num_rows=len(rows) if _MOST_ROWS >= len(rows) < len(windows) / _TWO_STEPS else 0,
            )
        )
        return out
