"""Label sets, and the forms other tools write them in."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.errors import SemsynthError
from semsynth.labels import (
    GROUPS,
    NAMED,
    LabelClass,
    LabelSpace,
    published_palette,
)
from tests.labels.maps import SETS, own


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


EXPECTED = ("background", "sky")


@pytest.mark.parametrize(
    "data",
    [
        {"0": "background", "1": "sky"},
        {"1": "sky", "0": "background"},
        {"sky": 1, "background": 0},
        ["background", "sky"],
        {"id2label": {"0": "background", "1": "sky"}, "label2id": {"sky": 1, "background": 0}},
        {"label2id": {"sky": 1, "background": 0}},
        {"names": {"0": "background", "1": "sky"}, "nc": 2},
        {"classes": {"sky": 1, "background": 0}},
        {"classes": {"0": "background", "1": "sky"}},
        {"classes": {"0": {"name": "background"}, "1": {"name": "sky"}}},
        {"classes": {"sky": {"id": 1}, "background": {"id": 0}}},
        {"classes": [{"id": 1, "name": "sky"}, {"id": 0, "name": "background"}]},
        {"categories": [{"id": 0, "name": "background", "supercategory": "x"}, {"id": 1, "name": "sky"}]},
        {"labels": [{"name": "background", "color": "#000000", "attributes": []}, {"name": "sky"}]},
        [{"title": "background", "shape": "bitmap"}, {"title": "sky"}],
    ],
)
def test_the_forms_of_other_tools_are_read(tmp_path: Path, data: object) -> None:
    assert LabelSpace.from_dict(data).names == EXPECTED
    path = tmp_path / "labels.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(data).encode())  # Notepad begins a file with these
    assert LabelSpace.from_file(path).names == EXPECTED


@pytest.mark.parametrize(
    "color",
    [[51, 221, 255], [51, 221, 255, 255], (51.0, 221, 255), "#33ddff", "33DDFF", "#33ddffff", "51, 221,255"],
)
def test_colours_in_the_usual_notations(color: object) -> None:
    assert LabelSpace.from_dict([{"name": "sky", "color": color}]).classes[0].color == (51, 221, 255)
    assert LabelSpace.from_dict({"sky": color}).classes[0].color == (51, 221, 255)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"categories": [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]}, '1, 2.*"void_id": 0'),
        ({"7": "road", "8": "walk"}, r'7, 8; .*"file_values".*\{"8": 1\}'),
        ({"classes": [{"id": 0, "name": "a"}, {"id": 0, "name": "b"}]}, "Two classes have the id 0"),
        ({"classes": ["a"], "ignore_index": 255}, '"void_id"'),
        ({"classes": ["a"], "void_id": 1e12}, "0..65535"),
        ({"classes": ["a"], "void_id": float("inf")}, "whole number"),
        ({"classes": ["a"], "void_id": 1.5}, "whole number"),
        ({"classes": ["a"], "void_id": True}, "whole number"),
        ({"classes": ["a"], "file_values": {"100000000000": 0}}, "whole number"),
        ({"classes": ["a"], "file_values": {"1e11": 0}}, "whole number"),
        ({"classes": ["a"], "file_values": {"255": float("inf")}}, "whole number"),
        ({"classes": ["a"], "file_values": [1]}, "file_values"),
        ({"classes": ["a"], "file_values": {"255": 7}}, r"the ids 7; there are 0\.\.0"),
        ({"classes": ["a\x1b]52;c;aGk=\x07"]}, "control character"),
        ({"classes": ["a\ud800"]}, "control character"),
        ({"classes": ["\u202eeman"]}, "control character"),
        ({"classes": ["a"], "name": "b\n"}, "control character"),
        ({"classes": ["x" * 1000]}, "1,000 characters"),
        ({"classes": ["a"] * 5000}, "at most 4,096 classes"),
        ({"classes": [{"name": "a", "color": "red"}]}, "#2660a0"),
        ({"classes": [{"name": "a", "color": [0.1, 0.2, 0.3]}]}, "0..255"),
        ({"classes": [{"name": "a", "color": [10**400, 0, 0]}]}, "0..255"),
        ({"classes": [["a"]]}, "a name is wanted"),
        ({"classes": {"a": None}}, "a number and a name"),
        ({"classes": {"a": True}}, "a number and a name"),
        (7, "needs classes, such as"),
    ],
)  # fmt: skip
def test_what_is_wanted_is_said(tmp_path: Path, data: object, said: str) -> None:
    with pytest.raises(SemsynthError, match=said) as caught:
        LabelSpace.from_dict(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400


def test_hostile_label_set_files_are_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "labels.json"
    for content in (
        b'{"classes": ["a"], "void_id": Infinity}',
        b'{"classes": ["a"], "void_id": 1e400}',
        b'{"classes": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"classes": [' + b",".join([b'"a"'] * 1_000_000) + b"]}",
        '{"classes": ["a"]}'.encode("utf-16"),
        b"\x00" * 1000,
    ):
        path.write_bytes(content)
        started = time.monotonic()
        with pytest.raises(SemsynthError, match=r"labels\.json"):
            LabelSpace.from_file(path)
        assert time.monotonic() - started < 5
    with pytest.raises(SemsynthError, match="folder"):
        LabelSpace.from_file(tmp_path)


def test_negative_and_large_file_values_are_replaced() -> None:
    space = own(2, void_id=255, file_values={"-1": 255, "70000": 1, "255": 0})
    assert space.to_ids(np.array([-1, 0, 1, 70000, 255])).tolist() == [255, 0, 1, 1, 0]
    assert space.to_ids(np.array([0, 1, 255], np.uint8)).tolist() == [0, 1, 0]
    assert space.to_ids(np.zeros((0, 3), np.uint8)).shape == (0, 3)


def test_labelmap_txt(tmp_path: Path) -> None:
    path = tmp_path / "labelmap.txt"
    path.write_text("# label:color_rgb:parts:actions\nbackground:0,0,0::\nsky:51,221,255::\n\n")
    for space in (LabelSpace.from_labelmap(path), LabelSpace.from_file(path)):
        assert space.names == EXPECTED
        assert space.palette().tolist() == [[0, 0, 0], [51, 221, 255]]
        assert (space.name, space.void_id) == ("labelmap", None)
    path.write_text("__ignore__\n_background_\nsky\nsea\n")
    named = LabelSpace.from_file(path)
    assert (named.names, named.void_id) == (("_background_", "sky", "sea"), 255)
    for content, said in (("a:1,2::\n", "Line 1.*sky:51,221,255"), ("# nothing\n", "It names no class")):
        path.write_text(content)
        with pytest.raises(SemsynthError, match=rf"labelmap\.txt: {said}"):
            LabelSpace.from_file(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SemsynthError, match=r"labelmap\.txt cannot be read as a text file"):
        LabelSpace.from_file(path)


def test_classes_csv(tmp_path: Path) -> None:
    path = tmp_path / "_classes.csv"
    path.write_text("Pixel Value, Class\n1, sky\n0, unlabeled\n2, sea\n")
    for space in (LabelSpace.from_classes_csv(path), LabelSpace.from_file(path)):
        assert (space.names, space.void_id) == (("unlabeled", "sky", "sea"), 0)
    for content, said in (("a,b\nc,d\n", "Line 2"), ("0,a\n0,b\n", "Line 2"), ("1,a\n2,b\n", "1, 2")):
        path.write_text(content)
        with pytest.raises(SemsynthError, match=rf"_classes\.csv: .*{said}"):
            LabelSpace.from_file(path)
