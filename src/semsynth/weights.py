"""A network's state as a safetensors file: written whole, checked by name on the way back."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
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
    """Fill a network that was built on the meta device."""
    try:
        if path.name in sums:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
            if found != sums[path.name]:
                raise SemsynthError(
                    f"{path} is damaged: its SHA-256 begins {found[:12]}, config.json says "
                    f"{sums[path.name][:12]}; fetch or copy the folder again"
                )
        state = safetensors.torch.load_file(path)
    except OSError as error:
        raise SemsynthError(f"{path} cannot be read: {error.strerror or error}") from None
    except SafetensorError as error:
        raise SemsynthError(f"{path} is no whole safetensors file: {error}") from None
    if not any(".parametrizations." in name for name in state):  # saved with its spectral norm folded in
        fold_spectral_norm(network.to_empty(device="cpu"))
    _check(network.state_dict(), state, path)
    # Copied, because a mapped file is not aligned as the kernels like it, and may be replaced under our feet.
    whole = {
        name: value.to(torch.float32 if value.is_floating_point() else value.dtype, copy=True)
        for name, value in state.items()
    }
    network.load_state_dict(whole, assign=True)


def _check(expected: Mapping[str, Tensor], state: Mapping[str, Tensor], path: Path) -> None:
    """Refuse, by name, the first tensor that does not fit the network."""
    for name, like in expected.items():
        if name not in state:
            raise SemsynthError(f"{path} lacks the tensor {name!r}; config.json describes another network")
        if state[name].shape != like.shape:
            raise SemsynthError(
                f"{path}: the tensor {name!r} has shape {tuple(state[name].shape)}; "
                f"the network in config.json needs {tuple(like.shape)}"
            )
    for name in state:
        if name not in expected:
            raise SemsynthError(f"{path} holds {name!r}; the network in config.json has no such tensor")
