"""Bad files, and what every reader must make of them: a sentence, in time, or the right thing."""

import contextlib
import copy
import io
import json
import os
import pickle
import random
import resource
import signal
import socket
import struct
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError

SECONDS = 5.0
"""How long a reader may compute over a bad file; it may wait four times as long on a busy machine."""
MEMORY = 1 << 31
"""How many bytes of memory a reader may take for a bad file."""

HUGE = 10**4000
VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**9,
    10**30,
    HUGE,
    1e308,
    "",
    "x\0y",
    "../../x",
    [],
    [[]],
    {},
    [None],
    {"a": {}},
]
"""What takes the place of every value of a JSON file in turn."""


class TooSlow(BaseException):
    """Not an Exception, so that no reader takes it for damage."""


class Code:
    """A pickle that leaves a marker where it is loaded."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch '{self.marker}'",))


def code(marker: Path) -> bytes:
    """The same in bytes, as any protocol reads them."""
    return pickle.dumps(Code(marker), protocol=2)


@contextlib.contextmanager
def in_memory(more: int = MEMORY) -> Iterator[None]:
    """Let the process have so many bytes more than it has, where the system can tell."""
    if not Path("/proc/self/statm").exists():
        yield
        return
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


@contextlib.contextmanager
def in_time(seconds: float = SECONDS) -> Iterator[None]:
    """Break off what takes longer; the innermost of the contexts, or it breaks off the end of another."""

    def stop(*_: object) -> None:
        raise TooSlow

    timers = {
        signal.SIGALRM: (signal.ITIMER_REAL, 4 * seconds),
        signal.SIGPROF: (signal.ITIMER_PROF, seconds),
    }
    before = {number: signal.signal(number, stop) for number in timers}
    try:
        for timer, limit in timers.values():
            signal.setitimer(timer, limit)
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def outcome(read: Callable[[], object], path: Path) -> str:
    """Why this outcome is wrong; empty where it is right."""
    begin = time.monotonic()
    try:
        with in_time(), in_memory():
            read()
    except SemsynthError as error:
        sentence = str(error)
        if path.name not in sentence and path.parent.name not in sentence:
            return f"does not name the file: {sentence[:200]}"
        if len(sentence) > 2000:
            return f"a sentence of {len(sentence)} characters"
    except TooSlow:
        return f"took more than {SECONDS} s"
    except Exception as error:  # this is what must not be
        return f"{type(error).__name__}: {str(error)[:150]} (after {time.monotonic() - begin:.1f} s)"
    return ""


def contents(good: bytes) -> dict[str, bytes]:
    """Damaged and foreign contents by name."""
    return {
        "empty": b"",
        "one byte": good[:1],
        "first tenth": good[: len(good) // 10],
        "first half": good[: len(good) // 2],
        "all but the end": good[:-1],
        "a hole": good[: len(good) // 3] + bytes(len(good) // 3) + good[2 * (len(good) // 3) :],
        "more at the end": good + good[:100],
        "zeros": bytes(4096),
        "ones": b"\xff" * 4096,
        "random": random.Random(0).randbytes(5000),
        "deep lists": b"[" * 100_000 + b"]" * 100_000,
        "deep objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        "deep TOML": b"a = " + b"[" * 5000 + b"]" * 5000,
        "NaN": b'{"format": NaN, "styles": [NaN], "classes": [Infinity]}',
        "1e400": b'{"format": 1e400}',
        "5000 digits": b'{"format": ' + b"9" * 5000 + b"}",
        "null": b"null",
        "list": b"[1, 2]",
        "text": b'"text"',
        "number": b"3",
        "object": b"{}",
        "UTF-16": "{}".encode("utf-16"),
        "BOM": b"\xef\xbb\xbf{",
        "Latin-1": '{"ä": 1}'.encode("latin-1"),
        "NUL": b'{"a\0": "\0"}',
        "escapes": rb'{"a": "\ud800\u0000"}',
        "HTML": b"<!DOCTYPE html><html><body>404</body></html>",
        "LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "PNG": _png(1 << 30, 1 << 30),
        "gzip": b"\x1f\x8b\x08\0" + zlib.compress(bytes(1000)),
        "zip": _zip({"a": b"b"}),
        "zip bomb": _zip({"a/data.pkl": b"\x80\x02}.", "a/data/0": bytes(1 << 26)}, zipfile.ZIP_DEFLATED),
        "long header": struct.pack("<Q", 1 << 62) + b"{}",
        "npy": b"\x93NUMPY\x01\x00v\x00" + _NPY.ljust(117) + b"\n",
        "pickle": pickle.dumps({"a": [1, 2, 3]}),
    }  # fmt: skip


def files(path: Path, good: bytes) -> Iterator[str]:
    """Put one bad thing after the other in the place of a file; yields what it is."""
    for name, content in contents(good).items():
        _clear(path)
        path.write_bytes(content)
        yield name
    for name, make in _ODD.items():
        _clear(path)
        closing = make(path)
        yield name
        if closing is not None:
            closing.close()
    if os.geteuid() != 0:
        _clear(path)
        path.write_bytes(good)
        path.chmod(0)
        yield "unreadable"
    _clear(path)
    path.write_bytes(good)


def mutations(good: bytes) -> Iterator[tuple[str, bytes]]:
    """A JSON file with one value after the other replaced by each of VALUES, and left out."""
    table = json.loads(good)
    for place in list(_places(table)):
        for value in [*VALUES, ...]:
            changed = copy.deepcopy(table)
            parent = changed
            for key in place[:-1]:
                parent = parent[key]
            if value is ...:
                del parent[place[-1]]
            else:
                parent[place[-1]] = value
            shown = "left out" if value is ... else "10**4000" if value is HUGE else repr(value)
            yield f"{'.'.join(map(str, place))} = {shown}", json.dumps(changed, allow_nan=True).encode()


def _places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    pairs: Any = (
        value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    )
    for key, inner in pairs:
        yield (*above, key)
        yield from _places(inner, (*above, key))


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)


def _socket(path: Path) -> socket.socket:
    held = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's whole path may have 108 bytes
    try:
        held.bind(path.name)
    finally:
        os.chdir(here)
    return held


_ODD: dict[str, Callable[[Path], Any]] = {
    "pipe": lambda path: os.mkfifo(path),
    "zeros without end": lambda path: path.symlink_to("/dev/zero"),
    "nothing": lambda path: path.symlink_to("/dev/null"),
    "folder": lambda path: path.mkdir(),
    "loose link": lambda path: path.symlink_to("/nowhere/at/all"),
    "link to itself": lambda path: path.symlink_to(path.name),
    "socket": _socket,
    "missing": lambda path: None,
}


def _png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(bytes(1000)))
        + chunk(b"IEND", b"")
    )


_NPY = b"{'descr': '|O', 'fortran_order': False, 'shape': (99999999999,), }"


def _zip(entries: dict[str, bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return out.getvalue()
