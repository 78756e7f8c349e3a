"""The published layouts, on trees made here and on the real samples where they are."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.data import FORMATS, load_dataset, recognise
from semsynth.data.ade20k import is_outdoor, outdoor_keys, outdoor_scenes, write_outdoor_list
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.data import trees


def coco(root: Path, kinds: str = "img label inst", ending: str = "", split: str = "train") -> Path:
    for kind in kinds.split():
        for i in range(2):
            path = root / f"{split}_{kind}{ending}" / f"{i:012d}"
            trees.photo(path.with_suffix(".jpg"), i) if kind == "img" else trees.ids(
                path.with_suffix(".png"), i
            )
    return root


def test_coco_as_published(tmp_path: Path) -> None:
    coco(coco(tmp_path), split="val")
    trees.ids(tmp_path / "train_label" / f"{0:012d}.png", low=255, high=256)
    assert recognise(tmp_path) == "coco-stuff"
    data = load_dataset(tmp_path)
    assert data.has_instances
    assert data.read(0).labels.min() == 182
    assert load_dataset(tmp_path, split="test").sources(0)[0].parent.name == "val_img"


def test_coco_portraits_join_the_training_split(tmp_path: Path) -> None:
    coco(coco(tmp_path), "img label inst", "_portrait")
    data = load_dataset(tmp_path)
    assert data.keys[2:] == [f"portrait/{i:012d}" for i in range(2)]
    assert len(load_dataset(tmp_path, portraits=False)) == 2


def test_coco_as_downloaded(tmp_path: Path) -> None:
    trees.photo(tmp_path / "val2017" / "000000000139.jpg")
    trees.ids(tmp_path / "stuffthingmaps" / "val2017" / "000000000139.png", high=182)
    assert recognise(tmp_path) == "coco-stuff"
    data = load_dataset(tmp_path, split="val")
    assert (len(data), data.has_instances) == (1, False)
    with pytest.raises(SemsynthError, match=r"expected train_img/.*images/train2017/ or train2017/"):
        load_dataset(tmp_path)


def test_coco_without_maps_says_so(tmp_path: Path) -> None:
    coco(tmp_path, "img")
    with pytest.raises(SemsynthError, match="expected train_label/"):
        load_dataset("coco-stuff", root=tmp_path)


def ade(root: Path) -> Path:
    for split, mark, count in (("training", "train", 3), ("validation", "val", 2)):
        for i in range(1, count + 1):
            trees.photo(root / "images" / split / f"ADE_{mark}_{i:08d}.jpg", i)
            trees.ids(root / "annotations" / split / f"ADE_{mark}_{i:08d}.png", i, high=151)
    scenes = ["beach", "bedroom", "mosque_outdoor"]
    rows = [f"ADE_train_{i:08d} {scene}" for i, scene in enumerate(scenes, 1)] + ["ADE_val_00000001 exterior"]
    (root / "sceneCategories.txt").write_text("\n".join(rows) + "\n")
    return root


def test_ade20k_raw_and_shifted(tmp_path: Path) -> None:
    ade(tmp_path)
    assert recognise(tmp_path) == "ade20k"
    raw, shifted = (load_dataset(tmp_path, numbering=n).read(0).labels for n in ("raw", "shifted"))
    assert np.array_equal(np.where(raw == 0, 150, raw - 1), shifted)
    assert [len(load_dataset(tmp_path, split=s)) for s in ("train", "val")] == [3, 2]
    with pytest.raises(SemsynthError, match="train and val, not 'test'"):
        load_dataset(tmp_path, split="test")


def test_ade20k_in_one_tree_leaves_out_the_parts(tmp_path: Path) -> None:
    for folder in ("", "deep/er"):
        name = f"ADE_train_{len(folder):08d}"
        trees.photo(tmp_path / folder / f"{name}.jpg")
        trees.ids(tmp_path / folder / f"{name}.png")
        trees.ids(tmp_path / folder / f"{name}_parts_1.png")
    data = load_dataset("ade20k", root=tmp_path)
    assert (len(data), data.left.unmatched) == (2, ())


def test_the_full_ade20k_release_is_told_apart(tmp_path: Path) -> None:
    trees.photo(tmp_path / "ADE_train_00000001.jpg")
    trees.photo(tmp_path / "ADE_train_00000001_seg.png")
    with pytest.raises(SemsynthError, match="ADEChallengeData2016"):
        load_dataset(tmp_path)


def test_ade20k_outdoor(tmp_path: Path) -> None:
    ade(tmp_path)
    data = load_dataset("ade20k-outdoor", root=tmp_path)
    assert [key[-1] for key in data.keys] == ["1", "3"]
    assert data.name == "ade20k-outdoor"
    assert write_outdoor_list(tmp_path, tmp_path / "list.txt") == 3
    assert (tmp_path / "list.txt").read_text().split() == outdoor_keys(tmp_path)
    (tmp_path / "sceneCategories.txt").unlink()
    with pytest.raises(SemsynthError, match=r"sceneCategories\.txt"):
        load_dataset("ade20k-outdoor", root=tmp_path)


def test_the_outdoor_rule() -> None:
    scenes = outdoor_scenes()
    assert all(is_outdoor(scene, scenes) for scene in ("street", "coast", "inn_outdoor", "exterior"))
    assert not any(
        is_outdoor(scene, scenes) for scene in ("bedroom", "misc", "church_indoor", "van_interior")
    )
    assert not any(scene.endswith(("indoor", "interior")) for scene in scenes)


def test_cityscapes(tmp_path: Path) -> None:
    for i in range(2):
        for city in ("aachen", "bonn"):
            frame = f"{city}_{i:06d}_000019"
            trees.photo(tmp_path / "leftImg8bit" / "train" / city / f"{frame}_leftImg8bit.png", i)
            trees.ids(tmp_path / "gtFine" / "train" / city / f"{frame}_gtFine_labelIds.png", i, high=34)
            trees.ids(tmp_path / "gtFine" / "train" / city / f"{frame}_gtFine_color.png", i)
            ids = np.full(trees.SIZE, 26001, np.uint16)
            trees.write(tmp_path / "gtFine" / "train" / city / f"{frame}_gtFine_instanceIds.png", ids)
    assert recognise(tmp_path) == "cityscapes"
    data = load_dataset(tmp_path)
    assert data.keys[0] == "aachen_000000_000019"
    assert (len(data), data.has_instances, data.left.unmatched) == (4, True, ())
    assert data.read(0).instances.max() == 26001
    nineteen = load_dataset(tmp_path, classes=19)
    assert np.array_equal(nineteen.read(0).labels, nineteen.label_space.to_ids(data.read(0).labels))
    with pytest.raises(SemsynthError, match="expected leftImg8bit/val/ and gtFine/val/"):
        load_dataset(tmp_path, split="val")


def test_facades_side_by_side(tmp_path: Path) -> None:
    space = LabelSpace.named("facades")
    ids = np.kron(np.arange(12).reshape(3, 4), np.ones((16, 16), dtype=int))
    drawing = space.colorize(ids)
    photo = np.full_like(drawing, 77)
    (tmp_path / "train").mkdir()
    both = np.concatenate([photo, drawing], axis=1)
    both = both[:, : 2 * drawing.shape[1]]
    Image.fromarray(both).save(tmp_path / "train" / "1.jpg", quality=100, subsampling=0)
    data = load_dataset("facades", root=tmp_path)
    raw = data.read(0)
    assert raw.image.shape == (*ids.shape, 3)
    assert abs(int(raw.image[20, 10, 0]) - 77) < 3
    assert (raw.labels == ids).mean() > 0.97
    shifted = load_dataset("facades", root=tmp_path, numbering="cmp")
    assert shifted.label_space.num_classes == 13
    assert np.array_equal(shifted.read(0).labels, raw.labels + 1)


def test_square_pairs_are_recognised(tmp_path: Path) -> None:
    trees.photo(tmp_path / "train" / "1.jpg", size=(8, 16))
    assert recognise(tmp_path) == "facades"
    trees.photo(tmp_path / "train" / "2.jpg", size=(8, 15))
    with pytest.raises(SemsynthError, match=r"2\.jpg is 15 pixels wide"):
        load_dataset(tmp_path).read(1)


def test_facades_in_folders_and_as_cmp_has_them(tmp_path: Path) -> None:
    trees.plain(tmp_path / "a", 1, "train")
    zero = load_dataset("facades", root=tmp_path / "a")
    shifted = load_dataset("facades", root=tmp_path / "a", numbering="cmp")
    assert np.array_equal(zero.read(0).labels + 1, shifted.read(0).labels)
    trees.photo(tmp_path / "b" / "base" / "cmp_b0001.jpg")
    trees.ids(tmp_path / "b" / "base" / "cmp_b0001.png", low=1, high=13)
    assert recognise(tmp_path / "b") == "facades"
    assert load_dataset(tmp_path / "b").label_space.name == "facades-cmp"
    trees.photo(tmp_path / "c" / "val_img" / "1.jpg")
    trees.ids(tmp_path / "c" / "val_label" / "1.png", low=1, high=13)
    assert load_dataset("facades", root=tmp_path / "c", split="val").read(0).labels.min() >= 1


@pytest.mark.parametrize(
    ("images", "labels", "split"),
    [
        ("701_StillsRaw_full", "LabeledApproved_full", "all"),
        ("train", "train_labels", "train"),
        ("val/images", "val/labels", "val"),
    ],
)
def test_camvid_colours_become_ids(tmp_path: Path, images: str, labels: str, split: str) -> None:
    space = LabelSpace.named("camvid")
    ids = np.arange(32).reshape(4, 8)
    trees.photo(tmp_path / images / "0001TP_1.png", size=(4, 8))
    trees.write(tmp_path / labels / "0001TP_1_L.png", space.colorize(ids))
    data = load_dataset("camvid", root=tmp_path, split=split)
    assert np.array_equal(data.read(0).labels, ids)


def test_camvid_without_its_folders(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="expected train/ and train_labels/"):
        load_dataset("camvid", root=tmp_path)


def test_siftflow_leaves_out_void_in_training_only(tmp_path: Path) -> None:
    for split in ("train", "val"):
        trees.plain(tmp_path, 2, split)
        trees.photo(tmp_path / split / "images" / "opencountry_a.png")
        trees.ids(tmp_path / split / "labels" / "opencountry_a.png", low=0, high=1)
    assert recognise(tmp_path) == "siftflow"
    assert load_dataset(tmp_path).left_out == ("opencountry_a",)
    assert len(load_dataset(tmp_path, split="val")) == 3


REAL = [
    ("coco_stuff_sample", "train", "coco-stuff", 13, True),
    ("cityscapes_sample", "train", "cityscapes", 3, True),
    ("ade20k_sample", "val", "ade20k", 2, False),
    ("siftflow", "val", "siftflow", 200, False),
]


@pytest.mark.parametrize(("folder", "split", "name", "count", "instances"), REAL)
def test_real_samples(shared: Path, folder: str, split: str, name: str, count: int, instances: bool) -> None:
    root = shared / "data" / folder
    if not root.is_dir():
        pytest.skip(f"{folder} is not among the real samples beside this checkout")
    data = load_dataset(root, split=split)
    assert (data.name, len(data), data.has_instances, data.left.unmatched) == (name, count, instances, ())
    for index in range(min(2, count)):
        raw = data.read(index)
        assert raw.image.shape[:2] == raw.labels.shape
        assert not data.label_space.unknown(raw.labels).any()


def test_every_format_says_what_it_expects(tmp_path: Path) -> None:
    for name, entry in FORMATS.items():
        assert entry.layout
        with pytest.raises(SemsynthError, match=r"expected|lacks"):
            load_dataset(name, root=tmp_path)


def test_droppings_hide_no_layout(tmp_path: Path) -> None:
    pair = np.zeros((8, 16, 3), np.uint8)
    trees.write(tmp_path / "facades" / "train" / "1.jpg", pair)
    coco(tmp_path / "coco")
    for place in (tmp_path / "facades" / "train", tmp_path / "coco" / "train_img"):
        (place / "._1.jpg").write_bytes(b"resource fork")
        (place / ".DS_Store").touch()
    assert recognise(tmp_path / "facades") == "facades"
    assert recognise(tmp_path / "coco") == "coco-stuff"
    stem = "ADE_train_00000001"
    trees.photo(tmp_path / "ade" / "a" / f"{stem}.jpg")
    trees.ids(tmp_path / "ade" / "a" / f"{stem}.png")
    trees.ids(tmp_path / "ade" / "a" / ".ipynb_checkpoints" / f"{stem}.png")
    assert load_dataset("ade20k", root=tmp_path / "ade").keys == [stem]
    trees.ids(tmp_path / "ade" / "b" / f"{stem}.png")
    with pytest.raises(SemsynthError, match="have one name"):
        load_dataset("ade20k", root=tmp_path / "ade")


def test_all_of_camvid_is_every_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        trees.photo(tmp_path / split / "images" / f"{split}.png")
        trees.ids(tmp_path / split / "labels" / f"{split}_L.png")
    assert load_dataset("camvid", root=tmp_path, split="all").keys == ["train/train", "val/val"]


def test_a_set_of_which_nothing_is_left_is_refused(tmp_path: Path) -> None:
    for i in range(2):
        trees.photo(tmp_path / "images" / f"{i}.png", i)
        trees.ids(tmp_path / "labels" / f"{i}.png", i, high=1)
    (tmp_path / "labels.json").write_text('{"classes": ["void", "sky"], "void_id": 0}')
    with pytest.raises(SemsynthError, match=r"Each of the 2 label maps, such as 0, is void on more than 50%"):
        load_dataset(tmp_path, largest_void=0.5)
