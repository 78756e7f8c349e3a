"""Layouts that differ from ours in the names of their folders or their order; exports of annotation tools."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.cli import main
from semsynth.data import load_dataset, recognise
from semsynth.data.check import check
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.data import trees

FOUR = LabelSpace.named("siftflow")


def fill(root: Path, photos: str, maps: str, count: int, start: int = 0) -> Path:
    for i in range(start, start + count):
        trees.photo(root / photos / f"p{i}.png", i)
        trees.ids(root / maps / f"p{i}.png", i)
    return root


@pytest.mark.parametrize(
    ("photos", "maps"),
    [
        ("images/{}", "labels/{}"),
        ("img_dir/{}", "ann_dir/{}"),
        ("Images/{}", "Masks/{}"),
        ("{}/images", "{}/labels"),
        ("{}/images", "{}/masks"),
    ],
)
@pytest.mark.parametrize(
    "names",
    [("train", "val", "test"), ("training", "validation", "testing"), ("Train", "valid", "Test")],
)
def test_splits_above_or_below_the_kinds(
    tmp_path: Path, photos: str, maps: str, names: tuple[str, str, str]
) -> None:
    for number, (name, count) in enumerate(zip(names, (4, 2, 1), strict=True)):
        fill(tmp_path, photos.format(name), maps.format(name), count, 10 * number)
    sizes = {
        split: load_dataset(tmp_path, split=split, label_space=FOUR) for split in ("train", "val", "test")
    }
    assert {split: len(data) for split, data in sizes.items()} == {"train": 4, "val": 2, "test": 1}
    assert sizes["val"].keys == ["p10", "p11"]
    everything = load_dataset(tmp_path, split="all", label_space=FOUR)
    assert everything.keys[4:6] == ["val/p10", "val/p11"]
    found = check(tmp_path)
    assert [(part.split, part.samples) for part in found.splits] == [("train", 4), ("val", 2), ("test", 1)]


def test_folders_that_are_no_splits_stay_one_set(tmp_path: Path) -> None:
    fill(tmp_path, "images/berlin", "labels/berlin", 2)
    fill(tmp_path, "images/rome", "labels/rome", 3)
    assert load_dataset(tmp_path, label_space=FOUR).keys[:3] == ["berlin/p0", "berlin/p1", "rome/p0"]


def test_what_lies_beside_the_splits_is_said(tmp_path: Path) -> None:
    fill(tmp_path, "images/train", "labels/train", 2)
    trees.photo(tmp_path / "images" / "test" / "t.png")
    trees.photo(tmp_path / "images" / "loose.png")
    said = " ".join(load_dataset(tmp_path, label_space=FOUR).left.sentences())
    assert "no folder for split 'test'" in said
    assert "loose.png" in said


def test_masks_beside_labels_are_said(tmp_path: Path) -> None:
    fill(tmp_path, "images", "labels", 2)
    fill(tmp_path, "images", "masks", 2)
    said = load_dataset(tmp_path, label_space=FOUR).left.sentences()
    assert any("masks beside it is not read" in sentence for sentence in said)


def test_label_sets_of_splits_must_agree(tmp_path: Path) -> None:
    for split, last in (("train", "land"), ("val", "mud")):
        trees.plain(tmp_path / split, 2)
        (tmp_path / split / "labels.json").write_text(json.dumps({"classes": ["void", "sky", "sea", last]}))
    with pytest.raises(SemsynthError, match="different label sets"):
        load_dataset(tmp_path, split="all")


def test_a_folder_too_high_is_told_which_to_give(tmp_path: Path) -> None:
    voc(tmp_path / "VOC2012")
    with pytest.raises(SemsynthError, match=r"VOC2012 looks like 'voc': give that"):
        recognise(tmp_path)
    trees.plain(tmp_path / "other" / "unpacked", 2)
    with pytest.raises(SemsynthError, match=r"give .*unpacked itself"):
        check(tmp_path / "other")


def test_hidden_and_linked_folders(tmp_path: Path) -> None:
    trees.plain(tmp_path / "real", 2)
    for kind in ("images", "labels"):
        trees.ids(tmp_path / "own" / kind / ".ipynb_checkpoints" / "0-checkpoint.png")
        (tmp_path / "own" / kind / "a").symlink_to(tmp_path / "real" / kind)
    assert load_dataset(tmp_path / "own", label_space=FOUR).keys == ["a/0", "a/1"]


def test_nothing_found_names_what_is_there(tmp_path: Path) -> None:
    for kind in ("images", "labels"):
        (tmp_path / kind / ".hidden").mkdir(parents=True)
        (tmp_path / kind / "a.heic").touch()
    for attempt in (lambda: load_dataset(tmp_path, label_space=FOUR), lambda: check(tmp_path)):
        with pytest.raises(SemsynthError, match=r"images holds files: \.heic \(1\).*\.hidden"):
            attempt()


# ---- VOC

COLORS = np.array([[0, 0, 0], [51, 221, 255], [250, 50, 83]], np.uint8)


def voc(root: Path, count: int = 4, lists: dict[str, list[int]] | None = None) -> Path:
    for i in range(count):
        trees.photo(root / "JPEGImages" / f"f{i}.png", i)
        ids = np.random.default_rng(i).integers(0, 3, trees.SIZE)
        trees.write(root / "SegmentationClass" / f"f{i}.png", COLORS[ids])
    for name, numbers in (lists or {}).items():
        place = root / "ImageSets" / "Segmentation"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.txt").write_text("".join(f"f{i}\n" for i in numbers))
    return root


def test_voc_is_divided_by_its_lists(tmp_path: Path) -> None:
    root = voc(tmp_path, 5, {"train": [0, 1, 2], "val": [3], "trainval": [0, 1, 2, 3]})
    assert recognise(root) == "voc"
    found = check(root)
    assert [(part.split, part.samples) for part in found.splits] == [("train", 3), ("val", 1)]
    assert len(load_dataset(root, split="trainval", label_space=found.label_space)) == 4
    assert len(load_dataset(root, split="all", label_space=found.label_space)) == 5
    with pytest.raises(SemsynthError, match="no split 'test'"):
        load_dataset(root, split="test", label_space=found.label_space)


def test_voc_lists_that_share_pictures_or_miss_them_are_said(tmp_path: Path) -> None:
    root = voc(tmp_path, 3, {"Train": [0, 1, 9], "Validation": [1, 2]})
    said = " ".join(check(root).splits[0].usage)
    assert "1 pictures are in both train and val, such as f1" in said
    assert "not there, such as f9" in said


def test_voc_without_a_useful_list_is_training_data(tmp_path: Path) -> None:
    root = voc(tmp_path, 3, {"default": [0, 1, 2]})
    found = check(root)
    assert [(part.split, part.samples) for part in found.splits] == [("train", 3)]
    assert found.label_space.num_classes == 3
    with pytest.raises(SemsynthError, match="not divided"):
        load_dataset(root, split="val", label_space=found.label_space)


def test_a_labelmap_names_the_classes_of_voc(tmp_path: Path) -> None:
    root = voc(tmp_path, 3)
    rows = [
        f"{name}:{r},{g},{b}::"
        for name, (r, g, b) in zip(("background", "sky", "tree"), COLORS.tolist(), strict=False)
    ]
    (root / "labelmap.txt").write_text("# label:color_rgb:parts:actions\n" + "\n".join(rows))
    ids = np.random.default_rng(0).integers(0, 3, trees.SIZE)
    image = Image.fromarray(np.array([2, 0, 1], np.uint8)[ids])  # indices in an order of their own
    image.putpalette(COLORS[[1, 2, 0]].tobytes())
    image.save(root / "SegmentationClass" / "f0.png")
    data = load_dataset(root)
    assert data.label_space.names == ("background", "sky", "tree")
    assert np.array_equal(data.read(0).labels, ids)
    assert not check(root).guessed


def test_names_of_labelme_and_its_void(tmp_path: Path) -> None:
    trees.photo(tmp_path / "JPEGImages" / "a.jpg")
    ids = np.random.default_rng(0).integers(0, 2, trees.SIZE).astype(np.uint8)
    ids[0] = 255
    trees.write(tmp_path / "SegmentationClassPNG" / "a.png", ids)
    (tmp_path / "SegmentationClass").mkdir()
    (tmp_path / "class_names.txt").write_text("_background_\nsky\n")
    data = load_dataset(tmp_path)
    assert (data.label_space.names, data.label_space.void_id) == (("_background_", "sky"), 255)
    assert check(tmp_path).usable


# ---- Roboflow


def roboflow(root: Path, csv: str = "Pixel Value, Class\n0, background\n1, sky\n2, tree\n") -> Path:
    for split, count in (("train", 3), ("valid", 2)):
        for i in range(count):
            trees.photo(root / split / f"p{i}_jpg.rf.0a{i}.jpg", i)
            trees.ids(root / split / f"p{i}_jpg.rf.0a{i}_mask.png", i, high=3)
        (root / split / "_classes.csv").write_text(csv)
    return root


def test_masks_of_roboflow(tmp_path: Path) -> None:
    root = roboflow(tmp_path)
    (root / "README.roboflow.txt").touch()
    assert recognise(root) == "roboflow"
    found = check(root)
    assert [(part.split, part.samples, part.usage) for part in found.splits] == [
        ("train", 3, []),
        ("val", 2, []),
    ]
    assert found.label_space.names == ("background", "sky", "tree")
    assert len(load_dataset(root, split="all")) == 5
    assert recognise(root / "train") == "roboflow"
    with pytest.raises(SemsynthError, match="no split 'test'"):
        load_dataset(root, split="test")


def test_exports_of_roboflow_whose_classes_differ_are_refused(tmp_path: Path) -> None:
    root = roboflow(tmp_path)
    (root / "valid" / "_classes.csv").write_text("Pixel Value, Class\n0, sky\n1, tree\n2, sea\n")
    with pytest.raises(SemsynthError, match="different label sets"):
        load_dataset(root)


def test_the_csv_of_a_classification_export_is_another(tmp_path: Path) -> None:
    roboflow(tmp_path, "filename, sky, tree\na.jpg, 0, 1\n")
    with pytest.raises(SemsynthError, match="no layout known"):
        recognise(tmp_path)


# ---- Annotations that are no label maps

LABELME = {"version": "5.5.0", "shapes": [], "imagePath": "a.jpg", "imageHeight": 2, "imageWidth": 2}
COCO = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "sky"}]}
SUPERVISELY = {"description": "", "tags": [], "size": {"height": 2, "width": 2}, "objects": []}
STUDIO = [{"id": 1, "annotations": [], "data": {"image": "a.jpg"}}]
CVAT_XML = "<?xml version='1.0'?><annotations><version>1.1</version><meta/></annotations>"
BOXES_XML = "<annotation><object><bndbox/></object></annotation>"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("p0.json", json.dumps(LABELME), "labelme2voc"),
        ("annotations.json", json.dumps(COCO), "datum convert -if coco"),
        ("p0.txt", "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8\n", "polygons of YOLO"),
        ("p0.txt", "0 0.1 0.2 0.3 0.4\n", "boxes of YOLO"),
        ("annotations.xml", CVAT_XML, "Segmentation mask 1.1"),
        ("p0.xml", BOXES_XML, "boxes in VOC's XML"),
        ("p0.jpg.json", json.dumps(SUPERVISELY), "Supervisely"),
        ("export.json", json.dumps(STUDIO), "Label Studio"),
    ],
)
def test_annotations_of_other_tools_are_told_apart(
    tmp_path: Path, name: str, content: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.photo(tmp_path / "images" / "p0.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / name).write_text(content)
    assert main(["data", "check", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    (tmp_path / "labels").rename(tmp_path / "whatever")
    with pytest.raises(SemsynthError, match=said):
        recognise(tmp_path)


def test_a_text_that_is_no_annotation_is_left_alone(tmp_path: Path) -> None:
    trees.plain(tmp_path, 2)
    (tmp_path / "labels" / "notes.txt").write_text("1 2 3\nnot numbers\n")
    assert load_dataset(tmp_path).left.sentences() == ["1 other file not read (.txt: 1)."]


def test_endings_few_people_use(tmp_path: Path) -> None:
    trees.plain(tmp_path, 1)
    trees.ids(tmp_path / "labels" / "g.gif", high=2)
    trees.photo(tmp_path / "images" / "g.jpg").rename(tmp_path / "images" / "g.jfif")
    assert load_dataset(tmp_path).keys == ["0", "g"]
    assert set(np.unique(load_dataset(tmp_path).read(1).labels)) == {0, 1}
