"""The type a layer computes in, and the types a device is fast in."""

import torch
from torch import Tensor


def compute_dtype(tensor: Tensor) -> torch.dtype:
    """Autocast's type where it is on for the tensor's device, else the tensor's own."""
    kind = tensor.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else tensor.dtype


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 by itself: recent GPUs, CPUs with AVX512-BF16 or AMX."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # absent from older PyTorch
    asked = [getattr(torch.cpu, name, None) for name in names]
    return device.type == "cpu" and any(ask is not None and ask() for ask in asked)
