"""Read files that somebody else made: regular files only, bounded, and every parser error a sentence.

Everything that reads JSON, TOML or NumPy arrays from a file goes through this module, so that a damaged or
hostile file ends in a `SemsynthError` that names it, never in a traceback, a hang or an exhausted memory.
"""

import contextlib
import io
import json
import math
import os
import stat
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError

MAX_TEXT = 1 << 26
"""Longest JSON or TOML file that is read, in bytes: 64 MiB."""
MAX_ARRAYS = 1 << 33
"""Most bytes that the arrays of one file may take in memory: 8 GiB."""


@contextlib.contextmanager
def parsing(path: object, kind: str, advice: str = "") -> Iterator[None]:
    """Turn whatever a parser raises into one sentence that names the file.

    Args:
        path: The file, as the message names it.
        kind: What it should be, with its article: "a JSON file".
        advice: A further sentence: what to do.

    Raises:
        SemsynthError: The parser raised anything but KeyboardInterrupt.
    """
    try:
        yield
    except SemsynthError as error:
        if str(path) in str(error):
            raise
        raise SemsynthError(f"{path}: {error}") from None
    except Exception as error:  # parsers raise whatever they trip over, and the file is to blame
        reason = {RecursionError: "it is nested too deeply", MemoryError: "it does not fit into memory"}.get(
            type(error)
        )
        if reason is None and isinstance(error, OSError):
            reason = error.strerror
        if reason is None:
            reason = str(error).partition("\n")[0].rstrip(".")[:300] or type(error).__name__
        if isinstance(error, KeyError):
            reason = f"it lacks {reason}"
        more = f" {advice}" if advice else ""
        raise SemsynthError(f"{path} cannot be read as {kind}: {reason}.{more}") from None


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading; links are followed, and nothing else is waited for.

    Raises:
        SemsynthError: The file is missing, unreadable, or a folder, pipe, socket or device.
    """
    path = Path(path)
    try:
        # Without O_NONBLOCK, opening a named pipe would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        raise SemsynthError(f"{path} does not exist.") from None
    except IsADirectoryError:
        raise SemsynthError(f"{path} is a folder; a file was expected.") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character in the name
        raise SemsynthError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}.") from None
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    what = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
    raise SemsynthError(f"{path} is {what}; a file was expected.")


def require_regular(path: str | Path) -> Path:
    """The path, once it is known to be a regular file that can be opened.

    Raises:
        SemsynthError: As for `open_regular`.
    """
    open_regular(path).close()
    return Path(path)


def read_bytes(path: str | Path, limit: int = MAX_TEXT) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        SemsynthError: As for `open_regular`, or the file is larger.
    """
    with open_regular(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise SemsynthError(f"{path} cannot be read: {error.strerror or error}.") from None
    if len(content) > limit:
        raise SemsynthError(f"{path} is larger than {limit:,} bytes, which is more than such a file needs.")
    return content


def read_text(path: str | Path, limit: int = MAX_TEXT) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises:
        SemsynthError: See `read_bytes`; or it is no text in UTF-8.
    """
    content = read_bytes(path, limit)
    with parsing(path, "a text file", "Save it as UTF-8."):
        return _decode(content)


def parse_json(content: bytes | str, name: object) -> Any:
    """Parse JSON in UTF-8, with or without a byte order mark; NaN and infinities are refused.

    Args:
        content: The text.
        name: The file, for messages.

    Raises:
        SemsynthError: It is no valid JSON.
    """
    with parsing(name, "a JSON file"):
        text = content if isinstance(content, str) else _decode(content)
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_refuse_constant, parse_float=_finite)


def read_json(path: str | Path, limit: int = MAX_TEXT) -> Any:
    """Read a JSON file, see `read_bytes` and `parse_json`."""
    return parse_json(read_bytes(path, limit), path)


def read_toml(path: str | Path, limit: int = MAX_TEXT) -> dict[str, Any]:
    """Read a TOML file, with or without a byte order mark.

    Raises:
        SemsynthError: See `read_bytes`; or it is no valid TOML.
    """
    content = read_bytes(path, limit)
    advice = ""
    if b"\\" in content:
        advice = r"Write Windows paths in single quotes: 'C:\data'."
    with parsing(path, "a TOML file", advice):
        return tomllib.loads(_decode(content).removeprefix("\ufeff"))


def read_arrays(path: str | Path, limit: int = MAX_ARRAYS) -> dict[str, NDArray[Any]]:
    """Read the arrays of an .npz file; nothing is unpickled, and sizes are compared before memory is taken.

    Raises:
        SemsynthError: The file is damaged, holds Python objects, or more than `limit` bytes of numbers.
    """
    with open_regular(path) as file, parsing(path, "an .npz file of arrays"):
        arrays = {}
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > limit:
                raise ValueError(f"its arrays would take more than {limit:,} bytes")
            for entry in entries:
                with archive.open(entry) as member:
                    _check_array_header(io.BytesIO(member.read(1 << 16)), entry.file_size)
                with archive.open(entry) as member:
                    name = entry.filename.removesuffix(".npy")
                    arrays[name] = np.lib.format.read_array(member, allow_pickle=False)
        return arrays


def _check_array_header(start: BinaryIO, size: int) -> None:
    """Refuse an .npy header that promises another number of bytes than follow."""
    version = np.lib.format.read_magic(start)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(start)
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    if math.prod(shape) * dtype.itemsize != size - start.tell():
        raise ValueError(f"an array of shape {shape} does not fit the {size:,} bytes it is stored in")


def shown(value: object) -> str:
    """A value as a message shows it: one line, of at most 80 characters."""
    if isinstance(value, int) and abs(value) >= 10**60:
        return "a number of more than 60 digits"
    text = repr(value)  # of what JSON and TOML give, so control characters are escaped
    return text if len(text) <= 80 else f"{text[:77]}..."


def _decode(content: bytes) -> str:
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise ValueError("it is encoded in UTF-16; save it as UTF-8")
    return content.decode("utf-8-sig")


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}, which is no finite number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"it holds {text[:40]}, which is too large")
    return value
