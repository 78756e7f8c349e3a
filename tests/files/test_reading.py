"""Files that somebody else made are read whole, or refused by a sentence that names them."""

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from semsynth.errors import SemsynthError
from semsynth.files.reading import open_regular, parse_json, read_arrays, read_bytes, read_json, read_toml


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def lying_npz() -> bytes:
    """An array that says it has 10**15 numbers, and has four."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**15,)})
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.npy", header.getvalue() + bytes(32))
    return buffer.getvalue()


def object_npz() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.array([os.system], dtype=object))
    return buffer.getvalue()


BAD = {
    "empty.json": b"",
    "cut.json": b'{"a": [1, 2',
    "deep.json": b"[" * 200_000,
    "nan.json": b'{"a": NaN}',
    "infinity.json": b'{"a": -Infinity}',
    "large.json": b'{"a": 1e999}',
    "digits.json": b'{"a": ' + b"9" * 5000 + b"}",
    "latin.json": b'{"a": "\xe9"}',
    "utf16.json": '{"a": 1}'.encode("utf-16"),
    "cut.toml": b"a = [1, 2",
    "deep.toml": b"a = " + b"[" * 200_000,
    "binary.toml": bytes(range(256)),
    "windows.toml": rb'root = "C:\Users"',
    "empty.npz": b"",
    "cut.npz": npz(a=np.arange(1000))[:300],
    "text.npz": b"no archive",
    "objects.npz": object_npz(),
    "lying.npz": lying_npz(),
}
READERS: dict[str, Callable[[Path], object]] = {".json": read_json, ".toml": read_toml, ".npz": read_arrays}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_a_sentence_with_its_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    with pytest.raises(SemsynthError, match=rf"{name} cannot be read as an? .*\.$"):
        READERS[path.suffix](path)


def test_windows_paths_get_advice(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(BAD["windows.toml"])
    with pytest.raises(SemsynthError, match="single quotes"):
        read_toml(tmp_path / "a.toml")


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name, what in {"pipe": "a pipe", "link": "a pipe", ".": "a folder", "none": "does not exist"}.items():
        with pytest.raises(SemsynthError, match=what):
            open_regular(tmp_path / name)


def test_sizes_are_bounded(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(11))
    assert len(read_bytes(tmp_path / "a", 11)) == 11
    with pytest.raises(SemsynthError, match="larger than 10 bytes"):
        read_bytes(tmp_path / "a", 10)
    (tmp_path / "a.npz").write_bytes(npz(a=np.zeros(1000)))
    with pytest.raises(SemsynthError, match="more than 100 bytes"):
        read_arrays(tmp_path / "a.npz", 100)


def test_a_byte_order_mark_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbfa = 1\n")
    assert read_json(tmp_path / "a.json") == read_toml(tmp_path / "a.toml") == {"a": 1}
    assert parse_json('\ufeff{"a": 1}', "text") == {"a": 1}


def test_arrays_come_back(tmp_path: Path) -> None:
    given = {"a": np.arange(6, dtype=np.int64).reshape(2, 3), "b": np.float32(1.5) * np.ones(3)}
    (tmp_path / "a.npz").write_bytes(npz(**given))
    read = read_arrays(tmp_path / "a.npz")
    assert read.keys() == given.keys()
    assert all(np.array_equal(read[name], given[name]) for name in given)
