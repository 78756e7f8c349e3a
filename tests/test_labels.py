"""Label sets and label map files."""

import contextlib
import io
import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from semsynth import imagefile
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.labels import (
    GROUPS,
    NAMED,
    LabelClass,
    LabelSpace,
    nearest_colors,
    published_palette,
    read_label_map,
    write_label_map,
)

SETS = {name: LabelSpace.named(name) for name in NAMED}


def own(count: int, **kw: object) -> LabelSpace:
    return LabelSpace.from_dict({"name": "own", "classes": [f"c{i}" for i in range(count)], **kw})


def save(path: Path, array: np.ndarray, mode: str | None = None) -> Path:
    image = Image.fromarray(array)
    (image if mode is None else image.convert(mode)).save(path)
    return path


# --- label sets ---


@pytest.mark.parametrize("name", NAMED)
def test_named_sets_are_sound(name: str) -> None:
    space = SETS[name]
    assert space.name == name
    assert [entry.id for entry in space.classes] == list(range(space.num_classes))
    assert len(set(space.names)) == space.num_classes
    assert sorted(i for ids in space.groups.values() for i in ids) == list(range(space.num_classes))
    assert set(space.groups) <= set(GROUPS)
    assert space.note
    assert LabelSpace.from_dict(space.to_dict()) == space
    assert hash(space) == hash(LabelSpace.from_dict(space.to_dict()))


def test_sizes_and_void_of_the_named_sets() -> None:
    found = {name: (space.num_classes, space.void_id) for name, space in SETS.items()}
    assert found == {
        "ade20k": (151, 0),
        "ade20k-shifted": (151, 150),
        "camvid": (32, 30),
        "cityscapes": (35, 0),
        "cityscapes-19": (19, 255),
        "coco-stuff": (183, 182),
        "facades": (12, None),
        "facades-cmp": (13, 0),
        "siftflow": (34, 0),
    }


def test_known_entries() -> None:
    coco = SETS["coco-stuff"]
    assert (coco.names[0], coco.names[154], coco.names[181], coco.names[182]) == (
        "person",
        "sea",
        "wood",
        "unlabeled",
    )
    assert (SETS["ade20k"].names[3], SETS["ade20k-shifted"].names[2]) == ("sky", "sky")
    assert SETS["cityscapes"].classes[26].name == "car"
    assert SETS["cityscapes"].classes[26].color == (0, 0, 142)
    assert (SETS["siftflow"].names[1], SETS["siftflow"].names[33]) == ("awning", "window")
    assert SETS["facades"].names[:3] == ("background", "facade", "window")


@pytest.mark.parametrize(
    "name", ["coco-stuff", "siftflow", "camvid", "facades", "facades-cmp", "cityscapes-19"]
)
def test_colours_are_distinct(name: str) -> None:
    assert len({tuple(color) for color in SETS[name].palette().tolist()}) == SETS[name].num_classes


def test_shifted_ade_renames_and_nothing_else() -> None:
    raw = np.arange(151)
    shifted = SETS["ade20k-shifted"].to_ids(raw)
    assert sorted(shifted) == list(range(151))
    assert [SETS["ade20k"].names[v] for v in raw] == [SETS["ade20k-shifted"].names[i] for i in shifted]


def test_cityscapes_train_ids_keep_names() -> None:
    ids = SETS["cityscapes-19"].to_ids(np.arange(35))
    assert sorted(set(ids) - {255}) == list(range(19))
    for label, train_id in enumerate(ids):
        if train_id != 255:
            assert SETS["cityscapes"].names[label] == SETS["cityscapes-19"].names[train_id]


def test_filling_takes_a_nearest_label() -> None:
    space = own(5, void_id=9)
    rng = np.random.default_rng(0)
    ids = np.full((2, 13, 9), 9)
    known = rng.random(ids.shape) < 0.05
    known[:, 0, 0] = True
    ids[known] = rng.integers(0, 5, known.sum())
    before = ids.copy()
    filled = space.fill_void(ids)
    assert np.array_equal(ids, before)
    assert np.array_equal(filled[known], ids[known])
    for b in range(2):
        places = np.argwhere(known[b])
        for i in range(13):
            for j in range(9):
                distance = np.abs(places - [i, j]).sum(1)
                nearest = places[distance == distance.min()]
                assert filled[b, i, j] in ids[b, nearest[:, 0], nearest[:, 1]]


def test_void_with_a_channel_is_not_filled() -> None:
    ids = np.array([[0, 3], [3, 3]])
    assert own(4, void_id=3).fill_void(ids) is ids
    with pytest.raises(SemsynthError, match="nothing but void"):
        own(4, void_id=9).fill_void(np.stack([ids, np.full_like(ids, 9)]))


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(SemsynthError, match="siftflow"):
        LabelSpace.named("voc")


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        {"classes": []},
        {"classes": 3},
        {"classes": [{"id": 1, "name": "a"}]},
        {"classes": ["a", {"id": 0, "name": "b"}]},
        {"classes": [{"color": [0, 0, 0]}]},
        {"classes": [{"name": "a", "color": [0, 0, 300]}]},
        {"classes": [{"name": "a", "color": [0, 0]}]},
        {"classes": ["a"], "void_id": -1},
        {"classes": ["a"], "void_id": "x"},
        {"classes": ["a"], "file_values": {"255": 7}},
        {"classes": ["a"], "file_values": [1]},
    ],
)
def test_a_bad_labels_json_is_a_sentence_that_names_the_file(tmp_path: Path, data: object) -> None:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps(data))
    with pytest.raises(SemsynthError, match=r"labels\.json"):
        LabelSpace.from_file(path)


def test_labels_json_missing_or_broken(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text("{")
    for name in ("a.json", "b.json"):
        with pytest.raises(SemsynthError, match=name):
            LabelSpace.from_file(tmp_path / name)


@given(
    classes=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=("C", "Z")), max_size=8),
            st.tuples(*[st.integers(0, 255)] * 3),
            st.sampled_from([*GROUPS, "mine"]),
        ),
        min_size=1,
        max_size=8,
    ),
    void=st.none() | st.integers(0, 300),
)
@settings(max_examples=30)
def test_labels_json_round_trip(
    tmp_path_factory: pytest.TempPathFactory, classes: list, void: int | None
) -> None:
    path = tmp_path_factory.mktemp("labels") / "labels.json"
    entries = tuple(LabelClass(i, name, color, group) for i, (name, color, group) in enumerate(classes))
    space = LabelSpace("own", entries, void, {255: 0})
    space.save(path)
    assert LabelSpace.from_file(path) == space


def test_published_palette_starts_as_published() -> None:
    expected = [(128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128), (128, 0, 128)]
    assert [tuple(color) for color in published_palette(5).tolist()] == expected
    assert len(np.unique(published_palette(255), axis=0)) == 255


# --- reading ---

IDS = np.array([[0, 1, 2, 3], [3, 2, 1, 0], [1, 1, 1, 2]], dtype=np.uint8)


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


# --- files nobody should have to debug ---


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
