"""The cache gives the same samples, is whole or absent, and never stale."""

import multiprocessing
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.data import Geometry, load_dataset
from semsynth.data.cache import cached, fingerprint
from semsynth.data.transforms import MODES
from semsynth.errors import SemsynthError
from tests.data import trees


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize(("training", "published"), [(True, False), (False, False), (True, True)])
def test_the_same_samples_come_out(tmp_path: Path, mode: str, training: bool, published: bool) -> None:
    data = load_dataset(trees.plain(tmp_path / "set", 4, instances=True, sizes=True))
    geometry = Geometry(
        mode, load_size=14, crop_size=10, aspect_ratio=1.5, training=training, published=published
    )
    store = cached(data, tmp_path / "cache", geometry)
    assert list(store.keys) == list(data.keys)
    assert len(store) == len(data)
    for index in range(len(data)):
        a = geometry(data.read(index), np.random.default_rng([7, index]))
        b = geometry(store.read(index), np.random.default_rng([7, index]))
        assert a.key == b.key
        assert torch.equal(a.image, b.image)
        assert torch.equal(a.labels, b.labels)
        assert torch.equal(a.instances, b.instances)


def test_a_second_opening_decodes_nothing(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path / "set", 3))
    seen: list[tuple[int, int]] = []
    cached(data, tmp_path / "cache", Geometry(), report=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    store = cached(
        data, tmp_path / "cache", Geometry(), report=lambda done, total: pytest.fail("built again")
    )
    assert not store.has_instances
    with pytest.raises(IndexError):
        store.read(3)


def test_whatever_it_depends_on_changes_the_fingerprint(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path, 2))
    first = fingerprint(data, Geometry())
    assert first == fingerprint(load_dataset(tmp_path), Geometry(flip=False, training=False))
    others = [fingerprint(data, Geometry(load_size=300)), fingerprint(data, Geometry("none"))]
    (tmp_path / "labels.json").write_text('{"classes": ["a", "b", "c", "d", "e"]}')
    others.append(fingerprint(load_dataset(tmp_path), Geometry()))
    os.utime(tmp_path / "images" / "0.png", ns=(1, 1))
    others.append(fingerprint(load_dataset(tmp_path), Geometry()))
    for how in ({"palette": "color"}, {"fill_void": True}, {"resize_photos": True}):
        others.append(fingerprint(load_dataset(tmp_path, **how), Geometry()))
    assert len({first, *others}) == 8


def test_each_way_of_reading_has_a_cache_of_its_own(tmp_path: Path) -> None:
    space = load_dataset(trees.plain(tmp_path / "set", 1)).label_space
    image = Image.fromarray(np.full(trees.SIZE, 3, np.uint8))
    image.putpalette(space.palette()[::-1].tobytes())
    image.save(tmp_path / "set" / "labels" / "0.png")
    for palette, expected in (("index", 3), ("color", 0)):
        data = load_dataset(tmp_path / "set", palette=palette)
        assert cached(data, tmp_path / "cache", Geometry()).read(0).labels.max() == expected


def test_a_broken_file_leaves_no_cache_behind(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path / "set", 3))
    (tmp_path / "set" / "images" / "2.png").write_bytes(b"no")
    with pytest.raises(SemsynthError, match=r"2\.png"):
        cached(data, tmp_path / "cache", Geometry())
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def test_remains_of_a_killed_process_are_swept_away(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path / "set", 2))
    left = tmp_path / "cache" / f".{fingerprint(data, Geometry())}.999999.part"
    left.mkdir(parents=True)
    cached(data, tmp_path / "cache", Geometry())
    assert not left.exists()


def _build(root: str, folder: str, out: "multiprocessing.queues.Queue[int]") -> None:
    store = cached(load_dataset(root), folder, Geometry(load_size=64, crop_size=32))
    out.put(int(sum(int(store.read(i).image.astype(int).sum()) for i in range(len(store)))))


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="needs fork")
def test_two_processes_share_one_cache(tmp_path: Path) -> None:
    trees.plain(tmp_path / "set", 12)
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    args = (str(tmp_path / "set"), str(tmp_path / "cache"), out)
    processes = [context.Process(target=_build, args=args) for _ in range(2)]
    for process in processes:
        process.start()
    sums = {out.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert len(sums) == 1
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


def _damage_meta(place: Path) -> None:
    (place / "meta.json").write_bytes((place / "meta.json").read_bytes()[:20])


def _other_meta(place: Path) -> None:
    (place / "meta.json").write_text('{"sizes": [[-1, 4]], "originals": [], "keys": 5, "types": {}}')


def _cut(place: Path) -> None:
    os.truncate(place / "images.bin", 7)


def _lose(place: Path) -> None:
    (place / "labels.bin").unlink()


def _lose_all(place: Path) -> None:
    for path in place.iterdir():
        path.unlink()


def _not_json(place: Path) -> None:
    (place / "meta.json").write_bytes(b"\xff\x00" * 50)


@pytest.mark.parametrize("damage", [_damage_meta, _other_meta, _cut, _lose, _lose_all, _not_json])
def test_a_damaged_cache_is_built_again_and_said(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    data = load_dataset(trees.plain(tmp_path / "set", 3, sizes=True))
    geometry, said = Geometry("none"), list[str]()
    whole = cached(data, tmp_path / "cache", geometry)
    images = [np.array(whole.read(index).image) for index in range(3)]
    damage(whole.folder)
    store = cached(data, tmp_path / "cache", geometry, log=said.append)
    assert len(said) == 1
    assert "built again" in said[0]
    assert str(whole.folder) in said[0]
    assert all(np.array_equal(store.read(index).image, images[index]) for index in range(3))
    cached(data, tmp_path / "cache", geometry, log=said.append)
    assert len(said) == 1


def test_replaced_files_are_noticed(tmp_path: Path) -> None:
    root, said = trees.plain(tmp_path / "set", 3), list[str]()
    cached(load_dataset(root), tmp_path / "cache", Geometry(), log=said.append)
    cached(load_dataset(root), tmp_path / "cache", Geometry(load_size=300), log=said.append)
    assert not said
    trees.ids(root / "labels" / "1.png", seed=9)
    store = cached(load_dataset(root), tmp_path / "cache", Geometry(), log=said.append)
    assert said == ["Files of the data set have changed since they were cached: they are decoded again."]
    geometry = Geometry(training=False)
    fresh = geometry(load_dataset(root).read(1), np.random.default_rng(0)).labels
    assert torch.equal(geometry(store.read(1), np.random.default_rng(0)).labels, fresh)
