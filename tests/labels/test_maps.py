"""Label map files: reading what people have, and writing."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.labels import (
    LabelClass,
    LabelSpace,
    nearest_colors,
    read_label_map,
    write_label_map,
)
from tests.labels.maps import IDS, SETS, own, save


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "webp"])
def test_grey_files_hold_ids(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"map.{ending}"
    Image.fromarray(IDS).save(path, **({"lossless": True} if ending == "webp" else {}))
    assert np.array_equal(read_label_map(path, own(4)).ids, IDS)


def test_sixteen_and_thirty_two_bit_files_hold_ids(tmp_path: Path) -> None:
    ids = IDS.astype(np.uint16) * 100
    sixteen = save(tmp_path / "a.png", ids)
    thirty_two = save(tmp_path / "b.tif", ids.astype(np.int32))
    assert Image.open(sixteen).mode.startswith("I;16")
    for path in (sixteen, thirty_two):
        assert np.array_equal(read_label_map(path, own(301)).ids, ids)


def test_one_bit_files_hold_two_classes(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", (IDS > 1).astype(np.uint8) * 255, "1")
    assert np.array_equal(read_label_map(path, own(2)).ids, IDS > 1)


def test_float_files(tmp_path: Path) -> None:
    assert np.array_equal(read_label_map(save(tmp_path / "a.tif", IDS.astype(np.float32)), own(4)).ids, IDS)
    with pytest.raises(SemsynthError, match="fractions"):
        read_label_map(save(tmp_path / "b.tif", IDS / np.float32(2)), own(4))


@pytest.mark.parametrize("name", ["coco-stuff", "siftflow", "camvid", "facades"])
def test_exact_colours_are_ids(tmp_path: Path, name: str) -> None:
    space = SETS[name]
    ids = np.arange(space.num_classes).reshape(1, -1)
    reading = read_label_map(save(tmp_path / "a.png", space.colorize(ids)), space)
    assert np.array_equal(reading.ids, ids)
    assert (reading.by_color, reading.repaired, reading.notes) == (True, 0, ())


def test_inexact_colours_are_repaired_and_counted(tmp_path: Path) -> None:
    space = SETS["siftflow"]
    ids = np.full((8, 8), 28)
    drawn = space.colorize(ids)
    drawn[0, :3] += np.uint8(3)
    reading = read_label_map(save(tmp_path / "a.png", drawn), space)
    assert np.array_equal(reading.ids, ids)
    assert reading.repaired == 3
    assert reading.largest_distance == pytest.approx(np.sqrt(27))
    assert "3 pixels" in reading.notes[0]


def test_jpeg_maps_are_repaired_with_a_warning(tmp_path: Path) -> None:
    space = SETS["facades"]
    ids = np.kron(np.array([[1, 2], [3, 11]]), np.ones((16, 16), dtype=int))
    path = tmp_path / "a.jpg"
    Image.fromarray(space.colorize(ids)).save(path, quality=95, subsampling=0)
    reading = read_label_map(path, space)
    assert (reading.ids == ids).mean() > 0.95
    assert any("JPEG" in note for note in reading.notes)


def test_a_photograph_is_not_a_label_map(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    space = LabelSpace("two", (LabelClass(0, "a", (0, 0, 0)), LabelClass(1, "b", (255, 255, 255))))
    with pytest.raises(SemsynthError, match=r"a\.png.*colour picture"):
        read_label_map(save(tmp_path / "a.png", noise), space)


def test_alpha_is_dropped_and_said(tmp_path: Path) -> None:
    space = SETS["siftflow"]
    drawn = np.concatenate([space.colorize(IDS), np.full((*IDS.shape, 1), 7, np.uint8)], axis=2)
    reading = read_label_map(save(tmp_path / "a.png", drawn), space)
    assert np.array_equal(reading.ids, IDS)
    assert "alpha" in reading.notes[0]
    both = np.stack([IDS, np.full_like(IDS, 255)], axis=2)
    grey = read_label_map(save(tmp_path / "b.png", both), space)
    assert np.array_equal(grey.ids, IDS)


def test_grey_rgb_values_are_taken_for_ids(tmp_path: Path) -> None:
    reading = read_label_map(save(tmp_path / "a.png", np.stack([IDS + 1] * 3, axis=2)), SETS["siftflow"])
    assert np.array_equal(reading.ids, IDS + 1)
    assert "ids" in reading.notes[0]


def test_indexed_files_by_index_or_by_colour(tmp_path: Path) -> None:
    space = own(4)
    image = Image.fromarray(IDS)
    image.putpalette(space.palette()[::-1].tobytes())
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_label_map(tmp_path / "a.png", space, palette="index").ids, IDS)
    for palette in ("color", "auto"):
        assert np.array_equal(read_label_map(tmp_path / "a.png", space, palette=palette).ids, 3 - IDS)


def test_an_indexed_file_in_another_order_is_noted(tmp_path: Path) -> None:
    space = own(4)
    image = Image.fromarray(IDS)
    for name, colors, noted in (("same", space.palette(), False), ("other", space.palette()[::-1], True)):
        image.putpalette(colors.tobytes())
        image.save(tmp_path / f"{name}.png")
        assert bool(read_label_map(tmp_path / f"{name}.png", space).notes) == noted


def test_absurd_values_cost_no_memory(tmp_path: Path) -> None:
    path = save(tmp_path / "a.tif", np.array([[2**31 - 1, -5, 255]], np.int32))
    with pytest.raises(SemsynthError, match=r"-5 \(1 pixels\), 2147483647"):
        read_label_map(path, SETS["coco-stuff"])


def test_file_values_are_replaced(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 181, 255]], np.uint8))
    assert read_label_map(path, SETS["coco-stuff"]).ids.tolist() == [[0, 181, 182]]
    mask = save(tmp_path / "b.png", np.array([[0, 255]], np.uint8))
    assert read_label_map(mask, own(2, file_values={"255": 1})).ids.tolist() == [[0, 1]]


def test_ids_out_of_range_are_named_with_their_counts(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 4, 4, 9]], np.uint8))
    with pytest.raises(SemsynthError, match=r"a\.png holds the ids 4 \(2 pixels\), 9 \(1 pixels\).*0\.\.3"):
        read_label_map(path, own(4))


def test_a_mask_gets_advice(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.array([[0, 255]], np.uint8))
    with pytest.raises(SemsynthError, match="0/255 mask"):
        read_label_map(path, own(2))


def test_nearest_colors_of_an_array() -> None:
    space = SETS["facades"]
    assert nearest_colors(space.colorize(IDS), space).ids.tolist() == IDS.tolist()


# --- writing ---


@given(
    ids=hnp.arrays(
        np.int64,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.integers(0, 150),
    )
)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("name", ["ade20k", "ade20k-shifted"])
def test_written_maps_read_back(tmp_path_factory: pytest.TempPathFactory, name: str, ids: np.ndarray) -> None:
    path = tmp_path_factory.mktemp("written") / "map.png"
    write_label_map(path, ids, SETS[name])
    reading = read_label_map(path, SETS[name])
    assert np.array_equal(reading.ids, ids)
    assert (reading.mode, reading.notes) == ("P", ())
    shown = np.asarray(Image.open(path).convert("RGB"))
    assert np.array_equal(shown, SETS[name].colorize(ids))


def test_many_classes_are_written_in_sixteen_bits(tmp_path: Path) -> None:
    ids = np.array([[0, 299, 1000]])
    write_label_map(tmp_path / "a.png", ids, own(1001))
    assert np.array_equal(read_label_map(tmp_path / "a.png", own(1001)).ids, ids)


def test_another_label_set_is_noted(tmp_path: Path) -> None:
    write_label_map(tmp_path / "a.png", IDS, SETS["siftflow"])
    assert "siftflow" in read_label_map(tmp_path / "a.png", SETS["ade20k"]).notes[0]


@pytest.mark.parametrize(
    "ids",
    [np.array([[4]]), np.array([[-1]]), np.zeros((2, 2, 3), int), np.zeros((0, 3), int), np.array([[0.5]])],
)
def test_what_is_no_map_is_not_written(tmp_path: Path, ids: np.ndarray) -> None:
    with pytest.raises(SemsynthError, match=r"a\.png"):
        write_label_map(tmp_path / "a.png", ids, own(4))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("classes", "void"), [(2, 2), (4, 4), (4, 255), (16, 16), (255, 255)])
def test_a_void_beyond_the_classes_is_written(classes: int, void: int, tmp_path: Path) -> None:
    space = LabelSpace.from_dict({"classes": [f"class {i}" for i in range(classes)], "void_id": void})
    ids = np.array([[0, classes - 1, void], [void, 1, 0]])
    write_label_map(tmp_path / "a.png", ids, space)
    assert np.array_equal(read_label_map(tmp_path / "a.png", space).ids, ids)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), ids)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"before")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SemsynthError, match=r"disk is full.*a\.png"):
        write_label_map(path, IDS, own(4))
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, which is always full")
def test_a_full_disk_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *a, **k: opened(Path("/dev/full"), *a, buffering=0))
    with pytest.raises(SemsynthError, match="disk is full"):
        write_atomically(tmp_path / "a.bin", b"x" * 10)


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match=r"nowhere.a\.png cannot be written"):
        write_label_map(tmp_path / "nowhere" / "a.png", IDS, own(4))


@given(
    stored=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    wanted=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@settings(max_examples=40, deadline=None)
def test_a_size_takes_the_pixels_nearest_to_the_centres(
    stored: tuple[int, int], wanted: tuple[int, int]
) -> None:
    ids = np.random.default_rng(0).integers(0, 34, stored)
    grey = Image.fromarray(ids.astype(np.uint8))
    expected = np.asarray(grey.resize(wanted[::-1], Image.Resampling.NEAREST))
    for image in (grey, Image.fromarray(SETS["siftflow"].colorize(ids))):
        reading = read_label_map(image, SETS["siftflow"], size=wanted)
        assert np.array_equal(reading.ids, expected)
        assert reading.stored_size == stored


@pytest.mark.parametrize("size", [(0, 5), (5, -1), (5, 10**9)])
def test_impossible_sizes_are_refused(size: tuple[int, int]) -> None:
    with pytest.raises(SemsynthError, match="pixels a side are possible"):
        read_label_map(Image.new("L", (4, 4)), own(4), size=size)


def test_an_image_that_cannot_be_decoded_is_a_sentence() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 4, (64, 64), dtype=np.uint8)).save(buffer, "PNG")
    with pytest.raises(SemsynthError, match=r"^The label map cannot be read as an image"):
        read_label_map(Image.open(io.BytesIO(buffer.getvalue()[:300])), own(4))
