"""Which engine and which backend draw with a generator."""

import copy
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from semsynth.inference.amx_backend import AmxBackend
from semsynth.inference.backend import Backend
from semsynth.inference.cpu_backend import CpuBackend
from semsynth.inference.engine import Engine, Keep
from semsynth.inference.torch_backend import TorchBackend
from semsynth.inference.weights import is_local
from semsynth.models.base import GeneratorModule
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import amx, native
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.ops.dtypes import has_bfloat16_arithmetic

Precision = Literal["float32", "bfloat16"]
Draw = Callable[..., Tensor]
"""The arguments of a generator's `forward` → images (B, 3, H, W) float32."""


def engine_for(
    generator: GeneratorModule,
    precision: Precision = "float32",
    *,
    device: torch.device | None = None,
    keep: Keep = "tables",
) -> Draw:
    """The fastest way to draw with a trained generator.

    Args:
        generator: stays as it is.
        precision: float32 draws what the generator draws, to 2e-5. bfloat16 rounds the weights to bfloat16;
            the arithmetic is bfloat16 where the device has it, else float32.
        device: where to draw; None is where the generator is.
        keep: see `Engine`.

    Returns:
        an `Engine` for SPADE; else a copy of the generator, under autocast where asked.
    """
    device = device or next(generator.parameters()).device
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    if dtype == torch.bfloat16 and not has_bfloat16_arithmetic(device):
        generator, dtype = _rounded(generator), torch.float32
    if type(generator) is SpadeGenerator:
        return Engine(generator, backend_for(generator, dtype, device), keep)
    own = fold_spectral_norm(copy.deepcopy(generator)).eval().requires_grad_(False)
    own = own.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def draw(labels: Tensor, **given: Tensor | None) -> Tensor:
        with torch.inference_mode(), torch.autocast(device.type, dtype, enabled=dtype != torch.float32):
            return own(labels, **given).float()  # type: ignore[no-any-return]

    return draw


def backend_for(generator: SpadeGenerator, dtype: torch.dtype, device: torch.device) -> Backend:
    """The fastest backend for this generator in this type on this device."""
    if device.type == "cpu" and dtype == torch.bfloat16 and is_local(generator) and amx.available():
        return AmxBackend(generator)
    if device.type == "cpu" and dtype == torch.float32 and native.available():
        return CpuBackend(generator)
    return TorchBackend(generator, dtype, device)


@torch.no_grad()
def _rounded(generator: GeneratorModule) -> GeneratorModule:
    """A copy with matrices and kernels rounded to bfloat16; vectors stay, as in a file stored so."""
    own = fold_spectral_norm(copy.deepcopy(generator))
    for weight in own.parameters():
        if weight.dim() > 1:
            weight.copy_(weight.bfloat16())
    return own
