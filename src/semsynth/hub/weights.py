"""A network's state as a safetensors file: written whole, checked by name on the way back."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from torch import nn

from semsynth.errors import SemsynthError
from semsynth.files.tensors import file_sha256, read_safetensors, tensor_names
from semsynth.files.writing import write_atomically
from semsynth.hub import compat
from semsynth.ops.blocks import fold_spectral_norm

StoredType = Literal["float32", "bfloat16"]
"""How matrices and kernels are stored; vectors (biases, norms) are always float32."""


def write_weights(path: Path, network: nn.Module, dtype: StoredType) -> str:
    """Write a network's state; returns the file's SHA-256."""
    small = torch.bfloat16 if dtype == "bfloat16" else torch.float32
    state = {}
    for name, value in network.state_dict().items():
        if value.is_floating_point():
            value = value.to(small if value.dim() > 1 else torch.float32)
        state[name] = value.detach().cpu().contiguous()
    data = safetensors.torch.save(state, metadata={"format": "pt"})
    write_atomically(path, data)
    return hashlib.sha256(data).hexdigest()


def load_weights(network: nn.Module, path: Path, sums: Mapping[str, str]) -> None:
    """Fill a network that was built on the meta device.

    Raises:
        SemsynthError: The file is missing, damaged, or of another network; or holds numbers that are not
            finite.
    """
    if path.name in sums:
        digest = file_sha256(path)
        if digest != sums[path.name]:
            raise SemsynthError(
                f"{path} is damaged: its SHA-256 begins {digest[:12]}, config.json says "
                f"{sums[path.name][:12]}; fetch or copy the folder again."
            )
    if not any(".parametrizations." in name for name in tensor_names(path)):  # saved with its norm folded in
        fold_spectral_norm(network)
    state = read_safetensors(path, network.state_dict(), "config.json", compat.weight_name)
    network.load_state_dict(state, assign=True)
