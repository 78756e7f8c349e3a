"""Names that nearly agree are paired by one rule that is said, or both sides are shown."""

import unicodedata
from pathlib import Path

import pytest

from semsynth.cli import main
from semsynth.data import load_dataset
from semsynth.data.check import check
from semsynth.data.matching import match
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.data import trees

SPACE = LabelSpace.named("siftflow")
PHOTOS = ["IMG_0000", "IMG_0001", "IMG_0002"]


@pytest.mark.parametrize(
    ("photos", "maps", "said"),
    [
        (PHOTOS, [f"{name}_labelIds" for name in PHOTOS], "label maps end in '_labelIds'"),
        (PHOTOS, [f"{name}_odd word" for name in PHOTOS], "end in '_odd word'"),
        (PHOTOS, [f"mask_{name}" for name in PHOTOS], "label maps begin with 'mask_'"),
        (PHOTOS, [name.lower() for name in PHOTOS], "capital and small letters"),
        (PHOTOS, [f"{name.lower()}_Mask" for name in PHOTOS], "'_Mask' and capital"),
        (["1_sat", "2_sat"], ["1_mask", "2_mask"], "photographs end in '_sat' and label maps end in '_mask'"),
        (["a/x", "b/x"], ["a/x-seg", "b/x-seg"], "end in '-seg'"),
        (["1.jpg", "2.jpg"], ["1", "2"], "photographs end in '.jpg'"),
        (
            [unicodedata.normalize("NFC", name) for name in ("Café", "Müll")],
            [unicodedata.normalize("NFD", name) for name in ("Café", "Müll")],
            "NFC and NFD",
        ),
    ],
)
def test_one_difference_is_overlooked_and_said(photos: list[str], maps: list[str], said: str) -> None:
    found, note = match(photos, maps, "label map")
    assert found == dict(zip(photos, maps, strict=True))
    assert said in note
    assert f"{len(photos)} label maps" in note


@pytest.mark.parametrize(
    ("photos", "maps"),
    [
        (PHOTOS, [f"{name}{end}" for name in PHOTOS for end in ("_labelIds", "_instanceIds")]),
        (["a", "A"], ["a_mask", "A_mask", "a_Mask"]),
        (["IMG_1", "IMG_2"], ["DSC_1", "DSC_2"]),
        (["a"], ["b"]),
        (["a_1"], ["b_1"]),
        (["IMG_1"], ["img_1", "Img_1"]),
    ],
)
def test_what_is_not_clear_is_not_paired(photos: list[str], maps: list[str]) -> None:
    assert match(photos, maps, "label map") == ({}, "")


def test_exact_names_come_first() -> None:
    found, note = match(["a", "b", "c"], ["a", "a_mask", "b_mask", "c"], "label map")
    assert found == {"a": "a", "c": "c", "b": "b_mask"}
    assert "1 label maps" in note


def test_pairs_by_a_suffix_are_said_by_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(3):
        trees.photo(tmp_path / "images" / f"{i}.JPG")
        trees.ids(tmp_path / "labels" / f"{i}_mask.png")
    assert main(["data", "check", str(tmp_path)]) == 0
    assert "label maps end in '_mask'" in capsys.readouterr().out


def test_both_sides_and_the_reason_are_shown(tmp_path: Path) -> None:
    trees.photo(tmp_path / "images" / "p.jpg")
    for end in ("_color", "_labelIds"):
        trees.ids(tmp_path / "labels" / f"p{end}.png")
    with pytest.raises(
        SemsynthError, match=r"images/p\.jpg.*labels/p_color\.png.*'_color' \(1\), '_labelIds'"
    ):
        load_dataset(tmp_path, label_space=SPACE)


def test_photographs_that_are_not_used_are_counted(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3)
    trees.photo(tmp_path / "images" / "alone.png")
    (tmp_path / "images" / "phone.HEIC").touch()
    trees.ids(tmp_path / "labels" / "other.png")
    (tmp_path / "labels" / "classes.txt").touch()
    said = load_dataset(tmp_path).left.sentences()
    assert said == [
        "3 of 5 photographs are used; left out: 1 without a label map, such as images/alone.png; 1 of a kind "
        "that is not read (.heic: 1).",
        "1 label map without a photograph, such as labels/other.png.",
        "1 other file not read (.txt: 1).",
    ]
    assert check(tmp_path).splits[0].usage == said


def test_nothing_is_said_of_a_tidy_folder(tmp_path: Path) -> None:
    assert load_dataset(trees.plain(tmp_path, 3, instances=True)).left.sentences() == []


def test_instance_maps_by_a_suffix(tmp_path: Path) -> None:
    trees.plain(tmp_path, 2, instances=True)
    for path in (tmp_path / "instances").iterdir():
        path.rename(path.with_stem(f"{path.stem}_instanceIds"))
    data = load_dataset(tmp_path)
    assert data.has_instances
    assert "instance maps end in '_instanceIds'" in data.left.sentences()[0]
