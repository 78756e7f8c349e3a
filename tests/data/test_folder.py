"""The plain layout: pairing, splits, sizes, instance maps, and what is said when something is missing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from semsynth.data import load_dataset, recognise
from semsynth.data.filedataset import read_instance_map
from semsynth.data.finding import list_images, natural_key
from semsynth.data.pairing import pair
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.data import trees


def test_a_flat_folder_is_the_training_split(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path, 3))
    assert list(data.keys) == ["0", "1", "2"]
    assert len(data) == 3
    assert data.label_space.names == ("void", "sky", "sea", "land")
    raw = data.read(1)
    assert raw.image.shape == (*trees.SIZE, 3)
    assert raw.labels.shape == trees.SIZE
    assert raw.instances is None
    assert raw.key == "1"
    assert [path.parent.name for path in data.sources(1)] == ["images", "labels"]
    with pytest.raises(SemsynthError, match=r"no split 'val'.*flat"):
        load_dataset(tmp_path, split="val")


def test_splits_are_folders(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3, "train")
    trees.plain(tmp_path, 2, "val")
    assert [len(load_dataset(tmp_path, split=split)) for split in ("train", "val")] == [3, 2]
    assert load_dataset(tmp_path, split="all").keys == ["train/0", "train/1", "train/2", "val/0", "val/1"]
    with pytest.raises(SemsynthError, match="found train, val"):
        load_dataset(tmp_path, split="test")


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    assert load_dataset(trees.plain(tmp_path, 12)).keys == [str(i) for i in range(12)]


@given(st.lists(st.text(max_size=6), max_size=6))
def test_any_names_can_be_sorted(names: list[str]) -> None:
    assert sorted(sorted(names), key=natural_key) == sorted(sorted(names, reverse=True), key=natural_key)


def test_unmatched_files_are_listed(tmp_path: Path) -> None:
    trees.plain(tmp_path, 2)
    lonely = {trees.photo(tmp_path / "images" / "a.jpg"), trees.ids(tmp_path / "labels" / "b.png")}
    data = load_dataset(tmp_path)
    assert set(data.left.unmatched) == lonely
    assert len(data) == 2


@given(images=st.sets(st.integers(0, 9)), labels=st.sets(st.integers(0, 9)), extra=st.sets(st.integers(0, 9)))
def test_pairing_loses_nothing(images: set[int], labels: set[int], extra: set[int]) -> None:
    kinds = [
        {str(i): Path(kind, str(i)) for i in have}
        for kind, have in zip("ilx", (images, labels, extra), strict=True)
    ]
    files, left = pair(*kinds)
    assert {entry.key for entry in files} == {str(i) for i in images & labels}
    used = [p for e in files for p in (e.image, e.labels, e.instances) if p is not None]
    assert sorted([*used, *left.unmatched]) == sorted(p for kind in kinds for p in kind.values())


def test_sub_folders_and_hidden_files(tmp_path: Path) -> None:
    trees.photo(tmp_path / "images" / "a" / "1.JPG")
    trees.ids(tmp_path / "labels" / "a" / "1.png")
    (tmp_path / "images" / "a" / "._1.jpg").write_bytes(b"resource fork")
    (tmp_path / "images" / "Thumbs.db").write_bytes(b"")
    assert list(list_images(tmp_path / "images")) == ["a/1"]
    assert load_dataset(tmp_path, label_space=LabelSpace.named("siftflow")).keys == ["a/1"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    trees.plain(tmp_path, 1)
    trees.photo(tmp_path / "images" / "0.jpg")
    with pytest.raises(SemsynthError, match=r"0\.jpg and .*0\.png have one name"):
        load_dataset(tmp_path)


def test_instance_maps_are_found(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path, 2, instances=True))
    assert data.has_instances
    instances = data.read(0).instances
    assert instances is not None
    assert instances.dtype == np.int64
    assert not load_dataset(tmp_path, instances=False).has_instances
    assert load_dataset(tmp_path, instances=False).read(0).instances is None
    (tmp_path / "instances" / "1.png").unlink()
    assert not load_dataset(tmp_path).has_instances  # all or none


def test_instance_maps_of_all_depths(tmp_path: Path) -> None:
    eight = trees.write(tmp_path / "8.png", np.array([[0, 255]], np.uint8))
    sixteen = trees.write(tmp_path / "16.png", np.array([[26001, 65535]], np.uint16))
    color = trees.write(tmp_path / "24.png", np.array([[[1, 2, 3], [255, 255, 255]]], np.uint8))
    assert read_instance_map(eight).tolist() == [[0, 255]]
    assert read_instance_map(sixteen).tolist() == [[26001, 65535]]
    assert read_instance_map(color).tolist() == [[0x010203, 0xFFFFFF]]


def test_sizes_must_agree(tmp_path: Path) -> None:
    trees.plain(tmp_path, 1, instances=True)
    trees.photo(tmp_path / "images" / "0.png", size=(24, 32))
    with pytest.raises(SemsynthError, match=r"images/0\.png is 32 x 24 .*labels/0\.png is 16 x 12"):
        load_dataset(tmp_path).read(0)
    assert load_dataset(tmp_path, resize_photos=True).read(0).image.shape == (*trees.SIZE, 3)
    trees.ids(tmp_path / "instances" / "0.png", size=(3, 3))
    with pytest.raises(SemsynthError, match=r"instances/0\.png is 3 x 3"):
        load_dataset(tmp_path, resize_photos=True).read(0)


def test_ids_the_set_does_not_have_name_the_file(tmp_path: Path) -> None:
    trees.plain(tmp_path, 2)
    trees.ids(tmp_path / "labels" / "1.png", low=3, high=9)
    with pytest.raises(SemsynthError, match=r"labels/1\.png holds the ids"):
        load_dataset(tmp_path).read(1)


def test_void_photographs_are_left_out(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3)
    trees.ids(tmp_path / "labels" / "1.png", low=0, high=1)
    data = load_dataset(tmp_path, largest_void=0.9)
    assert (list(data.keys), data.left_out) == (["0", "2"], ("1",))


def test_void_without_a_channel_is_filled_on_request(tmp_path: Path) -> None:
    trees.plain(tmp_path, 2)
    (tmp_path / "labels.json").write_text('{"classes": ["sky", "sea", "land"], "void_id": 3}')
    stored = np.asarray(Image.open(tmp_path / "labels" / "1.png"))
    data, filled = load_dataset(tmp_path), load_dataset(tmp_path, fill_void=True)
    assert np.array_equal(data.read(1).labels, stored)  # an evaluation leaves void out
    labels = filled.read(1).labels
    assert labels.max() == 2
    assert np.array_equal(labels[stored != 3], stored[stored != 3])
    assert np.array_equal(filled.read_labels(1), stored)  # what share is void can still be told
    trees.ids(tmp_path / "labels" / "0.png", low=3)
    with pytest.raises(SemsynthError, match=r"labels/0\.png: .*nothing but void.*largest_void"):
        filled.read(0)
    assert load_dataset(tmp_path, fill_void=True, largest_void=0.9).keys == ["1"]


def test_missing_pieces_are_named(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="does not exist"):
        load_dataset(tmp_path / "nowhere")
    with pytest.raises(SemsynthError, match="needs its folder"):
        load_dataset("siftflow")
    with pytest.raises(SemsynthError, match="found nothing"):
        load_dataset(tmp_path)
    trees.photo(tmp_path / "images" / "a.png")
    with pytest.raises(SemsynthError, match="found folders: images"):
        recognise(tmp_path)
    with pytest.raises(SemsynthError, match="expected images/ and labels/"):
        load_dataset("folder", root=tmp_path)
    trees.ids(tmp_path / "labels" / "b.png")
    with pytest.raises(SemsynthError, match=r"labels\.json.*--write-labels"):
        load_dataset(tmp_path)
    with pytest.raises(
        SemsynthError,
        match=r"1 photograph, such as images/a\.png, and 1 label map, such as labels/b\.png, do not pair up",
    ):
        load_dataset(tmp_path, label_space=LabelSpace.named("siftflow"))


def test_indexed_maps_can_be_read_by_colour(tmp_path: Path) -> None:
    space = load_dataset(trees.plain(tmp_path, 1)).label_space
    path = tmp_path / "labels" / "0.png"
    image = Image.fromarray(np.full(trees.SIZE, 3, np.uint8))
    image.putpalette(space.palette()[::-1].tobytes())
    image.save(path)
    assert load_dataset(tmp_path, palette="index").read(0).labels.max() == 3
    assert load_dataset(tmp_path).read(0).labels.max() == 0  # the colours are exactly those of the set
    assert load_dataset(tmp_path, palette="color").read(0).labels.max() == 0
    with pytest.raises(SemsynthError, match="'auto' or 'index' or 'color'"):
        load_dataset(tmp_path, palette="rgb")


def test_names_and_options_nobody_knows_are_named(tmp_path: Path) -> None:
    trees.plain(tmp_path, 1)
    with pytest.raises(SemsynthError, match="no data set format 'lsun'"):
        load_dataset("lsun", root=tmp_path)
    with pytest.raises(SemsynthError, match=r"'folder' has no option 'shifted'"):
        load_dataset(tmp_path, shifted=True)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = trees.photo(tmp_path / "a.png")
    with pytest.raises(SemsynthError, match="is not a folder"):
        load_dataset(path)
