"""Image files one does not trust, and photographs of every pixel format."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semsynth import imagefile
from semsynth.errors import SemsynthError
from semsynth.labels import (
    NAMED,
    LabelSpace,
    read_label_map,
)

SETS = {name: LabelSpace.named(name) for name in NAMED}


def own(count: int, **kw: object) -> LabelSpace:
    return LabelSpace.from_dict({"name": "own", "classes": [f"c{i}" for i in range(count)], **kw})


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path)
    return path


IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 2]], dtype=np.uint8)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def whole_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 4, (64, 64), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


ZOO = {
    "text.png": b"these are notes, not pixels",
    "empty.png": b"",
    "truncated.png": whole_png()[:200],
    "half header.png": whole_png()[:20],
    "bomb.png": png_header(60_000, 60_000),
    "long.png": png_header(30_000, 10),
    "many.png": png_header(16_000, 16_000),
    "nothing.png": png_header(0, 5),
    "broken.jpg": b"\xff\xd8\xff\xe0" + b"\x00" * 40,
    "page.png": b"<!DOCTYPE html><html>404</html>",
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", ZOO)
def test_bad_files_give_a_sentence_that_names_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(ZOO[name])
    with pytest.raises(SemsynthError, match=name) as caught:
        read_label_map(tmp_path / name, own(4))
    assert str(caught.value).endswith(".")
    with pytest.raises(SemsynthError, match=name):
        imagefile.read_photo(tmp_path / name)


def test_limits_are_stated(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(ZOO["long.png"])
    with pytest.raises(SemsynthError, match=r"30000 x 10.*16384"):
        read_label_map(tmp_path / "a.png", own(4))


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="does not exist"):
        read_label_map(tmp_path / "no.png", own(4))
    with pytest.raises(SemsynthError, match="folder"):
        read_label_map(tmp_path, own(4))


def test_one_pixel_is_a_map(tmp_path: Path) -> None:
    assert read_label_map(save(tmp_path / "a.png", IDS[:1, :1]), own(4)).ids.shape == (1, 1)


@given(
    cut=st.integers(0, 400), flips=st.lists(st.tuples(st.integers(0, 399), st.integers(1, 255)), max_size=4)
)
@settings(max_examples=60, deadline=None)
def test_damaged_files_never_escape(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(whole_png())
    for place, change in flips:
        data[place % len(data)] ^= change
    path = tmp_path_factory.mktemp("damaged") / "map.png"
    path.write_bytes(bytes(data[: len(data) - cut]))
    with contextlib.suppress(SemsynthError):  # any other exception fails the test
        assert read_label_map(path, own(4)).ids.ndim == 2


def test_photographs_are_turned_only_to_fit_their_map(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turned by a quarter
    path = tmp_path / "a.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)
    assert imagefile.read_photo(path).shape == (4, 6, 3)
    assert imagefile.read_photo(path, (4, 6)).shape == (4, 6, 3)
    assert imagefile.read_photo(path, (6, 4)).shape == (6, 4, 3)
    assert imagefile.read_upright(path).shape == (6, 4, 3)  # given by itself, it has no map to fit
