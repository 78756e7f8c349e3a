"""Image files one does not trust, and photographs of every pixel format."""

import contextlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.images import files
from semsynth.labels import (
    read_label_map,
)
from tests.labels.maps import IDS, own, save


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
        files.read_photo(tmp_path / name)


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


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


# --- orientation ---


def jpeg(size: tuple[int, int], tag: int) -> bytes:
    """A photograph stored in a width and height; held upright its upper half is white."""
    wide = size if tag < 5 else size[::-1]
    upright = np.zeros((wide[1], wide[0], 3), np.uint8)
    upright[: wide[1] // 2] = 255
    back = dict(files.TURNS)
    back[6], back[8] = back[8], back[6]
    image = Image.fromarray(upright)
    exif = Image.Exif()
    exif[0x0112] = tag
    return encoded(image.transpose(back[tag]) if tag > 1 else image, "JPEG", exif=exif)


@pytest.mark.parametrize("tag", range(1, 9))
def test_the_camera_tells_how_it_was_held(tag: int) -> None:
    photo = jpeg((32, 16), tag)
    assert files.orientation(photo) == tag
    for pixels in (files.read_upright(photo), files.read_photo(photo, orient=True)):
        assert pixels[: len(pixels) // 2 - 1].min() > 200
        assert pixels[len(pixels) // 2 + 1 :].max() < 50
    stored = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    assert np.array_equal(files.read_photo(photo, orient=False), stored)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("side", [16, 32])
def test_photographs_are_turned_only_to_fit_their_map(tag: int, side: int) -> None:
    photo = jpeg((32, side), tag)
    stored = np.asarray(Image.open(io.BytesIO(photo)).convert("RGB"))
    height, width = stored.shape[:2]
    reading = files.examine_photo(photo, (height, width))
    assert np.array_equal(reading.pixels, stored)
    # Where the photograph has the shape of its map either way, nothing says which of the two is meant.
    assert reading.undecided == (tag != 1 and (tag < 5 or side == 32))
    assert not files.examine_photo(photo, (height, width), orient=False).undecided
    if tag > 4 and side == 16:
        for size in ((width, height), (width * 2, height * 2)):
            assert files.read_photo(photo, size).shape == (width, height, 3)
    assert files.examine_photo(photo).pixels.shape == stored.shape


def test_damaged_orientation_tags_turn_nothing() -> None:
    exif = Image.Exif()
    exif[0x0112] = 77
    photo = encoded(Image.new("RGB", (6, 4), "red"), "JPEG", exif=exif)
    assert files.orientation(photo) == 1
    assert files.read_upright(photo).shape == (4, 6, 3)
    assert files.orientation(encoded(Image.new("L", (6, 4)))) == 1


# --- pixel formats ---

RAMP = np.linspace(0, 1, 64)[:, None].repeat(16, 1)
COLOR = np.stack([RAMP, RAMP[::-1], RAMP * 0 + 0.5], axis=2)
SMALL = (COLOR * 255).astype(np.uint8)


def deep_png(values: np.ndarray) -> bytes:
    """A colour PNG of 16 bits a channel, which Pillow does not write."""
    height, width, channels = values.shape

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 16, 2 if channels == 3 else 6, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    content = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + content


def tiff(values: np.ndarray, dtype: type) -> bytes:
    return encoded(Image.fromarray(values.astype(dtype)), "TIFF")


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_values_of_up_to_sixteen_bits_are_scaled(bits: int) -> None:
    top = 2**bits - 1
    grey = np.round(RAMP * top).astype(np.uint16)
    sources = [encoded(Image.fromarray(grey)), tiff(grey, np.uint16)]
    if bits == 16:
        sources.append(encoded(Image.fromarray(grey.astype(np.int32)), "PPM"))
    for source in sources:
        reading = files.examine_photo(source)
        assert np.abs(reading.pixels[..., 0] - RAMP * 255).max() <= 1
        assert bool(reading.notes) == (bits < 16)
    deep = files.examine_photo(deep_png(np.round(COLOR * top).astype(np.uint16)))
    assert np.abs(deep.pixels - COLOR * 255).max() <= 1
    assert bool(deep.notes) == (bits < 16)


@pytest.mark.parametrize(
    "source",
    [
        tiff(RAMP, np.float32),
        tiff(RAMP * 255, np.float32),
        tiff(RAMP * 1.02 - 0.01, np.float32),
        tiff(RAMP * 255, np.int32),
        encoded(Image.fromarray(SMALL[..., 0])),
    ],
    ids=["0..1", "0..255", "overshooting", "int32", "grey"],
)
def test_known_ranges_are_read(source: bytes) -> None:
    assert np.abs(files.read_photo(source)[..., 0] - RAMP * 255).max() <= 3


@pytest.mark.parametrize(
    ("values", "dtype", "said"),
    [
        (RAMP * 2550, np.float32, r"values 0\.\.2550"),
        (RAMP * 2 - 1, np.float32, r"values -1\.\.1"),
        (RAMP * 4, np.float32, r"values 0\.\.4"),
        (np.where(RAMP > 0.5, np.nan, RAMP), np.float32, "values that are no numbers"),
        (np.where(RAMP > 0.5, np.inf, RAMP), np.float32, "values that are no numbers"),
        (RAMP * 65535, np.int32, r"values 0\.\.65535"),
        (RAMP > 0.5, np.int32, r"values 0\.\.1"),
        (RAMP * 300 - 100, np.int32, r"values -100\.\.200"),
    ],
)
def test_unknown_ranges_are_refused_with_what_was_found(values: np.ndarray, dtype: type, said: str) -> None:
    with pytest.raises(SemsynthError, match=f"my photo holds {said}"):
        files.read_photo(tiff(values, dtype), name="my photo")


def test_transparent_parts_are_white_and_said() -> None:
    pixels = np.zeros((8, 8, 4), np.uint8)
    pixels[..., 0] = 200
    pixels[:2, :, 3] = 255
    reading = files.examine_photo(encoded(Image.fromarray(pixels)))
    assert reading.pixels[0, 0].tolist() == [200, 0, 0]
    assert reading.pixels[5, 5].tolist() == [255, 255, 255]
    assert "75.0 % of the picture is transparent" in reading.notes[0]
    indexed = Image.fromarray(SMALL).quantize(4)
    assert files.examine_photo(encoded(indexed)).notes == ()
    assert files.examine_photo(encoded(indexed, transparency=0)).notes


def test_a_picture_that_would_be_one_colour_is_refused() -> None:
    hidden = np.dstack([SMALL, SMALL[..., 0] * 0])
    with pytest.raises(SemsynthError, match="one colour all over"):
        files.read_photo(encoded(Image.fromarray(hidden)))
    assert files.read_photo(encoded(Image.new("RGB", (4, 4)))).max() == 0  # black is no mistake


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "HSV", "P", "1", "LA", "RGBX", "RGBa", "I;16", "F"])
def test_images_of_every_mode_become_rgb(mode: str) -> None:
    image = Image.new(mode, (4, 3)) if mode in ("LAB", "I;16", "RGBa") else Image.fromarray(SMALL)
    steps = {"LA": ["L", "LA"], "F": ["L", "F"]}.get(mode, [mode])
    for step in steps if image.mode != mode else ():
        image = image.convert(step)
    assert image.mode == mode
    assert files.upright(image).mode == "RGB"


# --- where pictures come from ---


@pytest.mark.parametrize("read", [files.open_image, files.read_photo, files.read_upright])
def test_pictures_come_from_paths_bytes_and_open_files(tmp_path: Path, read: Callable[..., object]) -> None:
    content = encoded(Image.fromarray(SMALL))
    path = tmp_path / "a.png"
    path.write_bytes(content)
    first = np.asarray(read(path))
    with path.open("rb") as file:
        for source in (
            str(path),
            content,
            bytearray(content),
            memoryview(content),
            io.BytesIO(content),
            file,
        ):
            assert np.array_equal(np.asarray(read(source)), first)


@pytest.mark.parametrize("name", [None, "the upload"])
def test_messages_call_a_picture_by_the_name_given(name: str | None) -> None:
    for content in (b"", b"no picture", png_header(60_000, 60_000)):
        with pytest.raises(SemsynthError, match=f"^{name or 'The picture'} "):
            files.read_photo(content, name=name)
        with pytest.raises(SemsynthError, match=f"^{name or 'The label map'} "):
            read_label_map(content, own(4), name=name)
    with pytest.raises(SemsynthError, match="opened as text"):
        files.open_image(io.StringIO("x"), name=name)  # type: ignore[arg-type]
    with pytest.raises(SemsynthError, match="given as int"):
        files.open_image(3, name=name)  # type: ignore[arg-type]


def test_limits_can_be_lowered() -> None:
    content = encoded(Image.new("L", (20, 10)))
    with pytest.raises(SemsynthError, match=r"20 x 10.*at most 16384 pixels a side and 100 pixels in all"):
        files.open_image(content, max_pixels=100)
    with pytest.raises(SemsynthError, match="no image format known"):
        files.open_image(content, formats=("JPEG",))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    for read in (files.open_image, files.orientation, files.read_photo):
        with pytest.raises(SemsynthError, match=r"a\.png is a pipe"):
            read(tmp_path / "a.png")


def test_formats_that_start_programs_are_not_read() -> None:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
    with pytest.raises(SemsynthError, match="no image format known"):
        files.open_image(script)
