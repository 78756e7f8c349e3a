"""Read tensors that somebody else stored: safetensors files and PyTorch checkpoints.

Nothing in a file is run. Types, shapes and sizes are compared before memory is taken for the numbers, and the
numbers are finite. Whatever is wrong ends in a `SemsynthError` that names the file.
"""

import contextlib
import hashlib
import pickle
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.files.reading import open_regular, require_regular

_FLOATS = {"F16", "BF16", "F32", "F64"}
_INTEGERS = {"I8", "I16", "I32", "I64", "U8"}
_MAX_PICKLE = 1 << 26
_SHARED = 4
"""How many times as large as the file its tensors may be: some weights are stored once and used twice."""


def file_sha256(path: Path) -> str:
    """The SHA-256 of a regular file, in hex digits.

    Raises:
        SemsynthError: See `open_regular`.
    """
    with open_regular(path) as file:
        try:
            return hashlib.file_digest(cast(BufferedReader, file), "sha256").hexdigest()
        except OSError as error:
            raise SemsynthError(f"{path} cannot be read: {error.strerror or error}.") from None


def tensor_names(path: Path) -> list[str]:
    """The names of the tensors in a safetensors file; their numbers are not read.

    Raises:
        SemsynthError: The file is missing, no regular file, or damaged.
    """
    with _opened(path) as file:
        names: list[str] = list(file.keys())
        return names


def read_safetensors(
    path: Path,
    expected: Mapping[str, Tensor],
    described_by: str,
    present_name: Callable[[str], str] = str,
) -> dict[str, Tensor]:
    """Read exactly the tensors that a network needs.

    Args:
        path: The file.
        expected: Tensors of the right names, shapes and kinds (of floating point or integers), such as a
            network's on the meta device.
        described_by: The file that says which network it is, for messages.
        present_name: The name of a tensor in the file → that in the network; for files with older names.

    Returns:
        The tensors, copied out of the file: float32, and int64.

    Raises:
        SemsynthError: A tensor is missing, surplus, of another shape or kind, or not finite.
    """
    with _opened(path) as file:
        held = {present_name(name): name for name in list(file.keys())}
        for name, like in expected.items():
            if name not in held:
                raise SemsynthError(
                    f"{path} lacks the tensor {name!r}; {described_by} describes another network."
                )
            _check_stored(path, name, file.get_slice(held[name]), like, described_by)
        if surplus := sorted(held.keys() - expected.keys()):
            raise SemsynthError(
                f"{path} holds {surplus[0]!r}; the network in {described_by} has no such tensor."
            )
        tensors = {}
        for name, like in expected.items():
            kind = torch.bool if like.dtype == torch.bool else torch.int64
            kind = torch.float32 if like.is_floating_point() else kind
            tensors[name] = _finite(path, name, file.get_tensor(held[name]).to(kind, copy=True))
        return tensors


def _check_stored(path: Path, name: str, stored: Any, like: Tensor, described_by: str) -> None:
    shape, kind = tuple(stored.get_shape()), stored.get_dtype()
    if shape != tuple(like.shape):
        raise SemsynthError(
            f"{path}: the tensor {name!r} has shape {shape}; "
            f"the network in {described_by} needs {tuple(like.shape)}."
        )
    allowed = {"BOOL"} if like.dtype == torch.bool else _INTEGERS
    allowed = _FLOATS if like.is_floating_point() else allowed
    if kind not in allowed:
        kinds = ", ".join(sorted(allowed))
        raise SemsynthError(f"{path}: the tensor {name!r} is stored as {kind}; the network needs {kinds}.")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """A safetensors file, its header checked; what goes wrong while it is open is a sentence."""
    require_regular(path)
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except SemsynthError:
        raise
    except Exception as error:
        if isinstance(error, OSError) and not isinstance(error, SafetensorError) and error.strerror:
            raise SemsynthError(f"{path} cannot be read: {error.strerror}.") from None
        reason = str(error).partition("\n")[0].rstrip(".")[:300] or type(error).__name__
        raise SemsynthError(f"{path} is no whole safetensors file: {reason}.") from None


def read_checkpoint(path: Path) -> dict[str, Tensor]:
    """Read a state dictionary that `torch.save` wrote, whatever the version.

    Args:
        path: The file.

    Returns:
        The tensors on the CPU: float32, and the integers of counters as they are.

    Raises:
        SemsynthError: The file is missing, no regular file, damaged, holds code, or anything but finite named
            tensors that are as large as what is stored of them.
    """
    require_regular(path)
    try:
        check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about odd pickles, which are refused below
            state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping) or not state:
            raise SemsynthError(f"{path} holds a {type(state).__name__}; a state dictionary was expected.")
        tensors = {name: value.detach() for name, value in _tensors(path, state)}
        _check_sizes(path, tensors)
        return {
            name: _finite(path, name, value.float() if value.is_floating_point() else value)
            for name, value in tensors.items()
        }
    except SemsynthError:
        raise
    except pickle.UnpicklingError as error:
        if "weights only" in str(error).lower() and "unsupported" in str(error).lower():
            raise SemsynthError(f"{path} holds code or objects beside tensors; it was not opened.") from None
        raise SemsynthError(f"{path} is no checkpoint that torch saved, or a damaged one.") from None
    except Exception:  # torch raises many kinds, and so do tensors of hostile files
        raise SemsynthError(
            f"{path} is damaged or truncated: it is no whole file that torch saved."
        ) from None


def check_archive(path: Path) -> None:
    """Refuse a PyTorch archive that would take more memory than it is long; torch compresses nothing.

    Raises:
        SemsynthError: See above; a file that is no archive passes.
    """
    with open_regular(path) as file:
        if not zipfile.is_zipfile(file):
            return
        entries = zipfile.ZipFile(file).infolist()
        total = sum(entry.file_size for entry in entries)
        packed = [entry.filename for entry in entries if entry.compress_type != zipfile.ZIP_STORED]
        if packed or total > path.stat().st_size:
            raise SemsynthError(
                f"{path} holds compressed parts, which torch does not write; it was not opened."
            )
        if any(entry.filename.endswith(".pkl") and entry.file_size > _MAX_PICKLE for entry in entries):
            raise SemsynthError(
                f"{path} describes more objects than any state dictionary; it was not opened."
            )


def _tensors(path: Path, state: Mapping[Any, Any]) -> Iterator[tuple[str, Tensor]]:
    """The entries of a state dictionary, each known to be a plain tensor of numbers."""
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, Tensor) or value.layout != torch.strided:
            inside = "; save the state dictionary in it by itself" if isinstance(value, Mapping) else ""
            raise SemsynthError(
                f"{path} holds {name!r}, a {type(value).__name__}; "
                f"a state dictionary holds tensors only{inside}."
            )
        counter = value.dim() == 0 and value.dtype == torch.int64
        if value.is_quantized or value.device.type != "cpu" or not (value.is_floating_point() or counter):
            raise SemsynthError(
                f"{path}: the tensor {name!r} is stored as {value.dtype}; weights are of floating point."
            )
        yield name, value


def _check_sizes(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are larger than what is stored of them: expanded, or beyond the file."""
    seen: set[int] = set()
    stored = total = 0
    size = path.stat().st_size
    for name, value in tensors.items():
        storage, needed = value.untyped_storage(), value.numel() * value.element_size()
        stored += 0 if storage.data_ptr() in seen else storage.nbytes()
        seen.add(storage.data_ptr())
        total += needed
        if needed > storage.nbytes() or stored > size or total > _SHARED * size:
            raise SemsynthError(
                f"{path}: the tensor {name!r} of shape {tuple(value.shape)} "
                "is larger than what the file stores."
            )


def _finite(path: Path, name: str, value: Tensor) -> Tensor:
    # The extremes of a tensor that holds NaN are NaN; `isfinite` on all of it takes many times as long.
    if value.is_floating_point() and value.numel() and not torch.stack(value.aminmax()).isfinite().all():
        raise SemsynthError(f"{path}: the tensor {name!r} holds numbers that are not finite.")
    return value
