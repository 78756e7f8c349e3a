"""The type a layer computes in, and the types a device is fast in."""

from functools import cache

import torch
from torch import Tensor

from semsynth.ops import processor


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """Autocast's type where it is on for the tensor's device, else the tensor's own."""
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype


def has_bfloat16_arithmetic(device: torch.device) -> bool:
    """Whether the device has bfloat16 arithmetic: recent GPUs, CPUs with AVX512-BF16 or AMX.

    A limit of the processor's level counts (see `ops.processor`), and so does one that oneDNN was given
    by itself. Where this is False, bfloat16 is a way to store numbers: compute in float32.
    """
    if device.type == "cuda":
        # Not `is_bf16_supported`: it asks about the current card, and counts emulation.
        return torch.version.hip is not None or torch.cuda.get_device_capability(device) >= (8, 0)
    return device.type == "cpu" and processor.has_bfloat16() and _onednn_convolves_bfloat16()


@cache
def _onednn_convolves_bfloat16() -> bool:
    """Tried, because oneDNN may be missing, switched off or limited."""
    if not torch.backends.mkldnn.is_available():
        return False
    x = torch.ones(1, 1, 4, 4, dtype=torch.bfloat16)
    try:
        torch.ops.aten.mkldnn_convolution(x, x[..., :3, :3], None, [1, 1], [1, 1], [1, 1], 1)
    except RuntimeError:
        return False
    return True
