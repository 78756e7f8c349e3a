"""What the frozen networks share: finding a file of weights, and folding batch norms into convolutions.

The networks are never trained, so their batch norms are constants: they are multiplied into the convolutions
when a file is read, and a network is convolutions with biases alone.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.files.tensors import read_checkpoint


def checkpoints_folder() -> Path:
    """Where torch keeps downloaded weights: `$TORCH_HOME/hub/checkpoints`, as a rule below `~/.cache`."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def find_weights(path: Path | None, pattern: str, network: str, source: str) -> Path:
    """The file of weights a frozen network reads.

    Args:
        path: the file, or None to look for `pattern` in torch's cache.
        pattern: a glob, e.g. "vgg19-*.pth".
        network: the network's name, for the message.
        source: where the file comes from, for the message.

    Raises:
        SemsynthError: there is no such file; says where to put one.
    """
    if path is not None:
        if not path.is_file():
            raise SemsynthError(f"There is no file {path} with weights of {network}; {source}.")
        return path
    folder = checkpoints_folder()
    files = sorted(folder.glob(pattern))
    if not files:
        raise SemsynthError(
            f"{network} needs its published weights, a file {pattern} in {folder}; there is none; {source}."
        )
    return files[0]


def read_state(path: Path, network: str) -> dict[str, Tensor]:
    """Read a plain state dictionary; no code in the file is run.

    Raises:
        SemsynthError: the file holds something else.
    """
    try:
        return read_checkpoint(path)
    except SemsynthError as error:
        raise SemsynthError(f"The file cannot be read as weights of {network}: {error}") from None


def take(state: Mapping[str, Tensor], name: str, shape: torch.Size, origin: str, network: str) -> Tensor:
    """One tensor of a file.

    Raises:
        SemsynthError: it is missing or has another shape, so that `origin` does not hold this network.
    """
    if name not in state or state[name].shape != shape:
        held = tuple(state[name].shape) if name in state else "nothing"
        raise SemsynthError(f"{origin} is not {network}: {name!r} should be {tuple(shape)}, found {held}.")
    return state[name]


def fold_batch_norm(weight: Tensor, norm: Sequence[Tensor], epsilon: float) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that equals `weight` and then a batch norm.

    Args:
        weight: (out,in,kh,kw), of a convolution without bias.
        norm: the batch norm's weight, bias, running mean and running variance, each (out,).
        epsilon: added to the variance.
    """
    scale, shift, mean, variance = (part.double() for part in norm)
    factor = scale / (variance + epsilon).sqrt()
    folded = weight.double() * factor[:, None, None, None]
    return folded.to(weight.dtype), (shift - mean * factor).to(weight.dtype)
