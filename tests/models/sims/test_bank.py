"""The memory bank: what goes in comes out, and a folder is a whole bank or none."""

from pathlib import Path

import numpy as np
import pytest

from semsynth.errors import SemsynthError
from semsynth.models.sims import SegmentBank, build_bank
from semsynth.models.sims.bank import CELL, bitmap
from semsynth.models.sims.building import resized
from semsynth.models.sims.segments import find_segments
from tests.models.sims.conftest import SIZE, SPACE, Raw, World


def test_every_segment_comes_back_with_its_photograph(bank: SegmentBank) -> None:
    row = 0
    for picture in range(8):
        raw = World().read(picture)
        assert np.array_equal(bank.images[picture], raw.image)
        assert np.array_equal(bank.labels[picture], raw.labels)
        for segment in find_segments(raw.labels, SPACE):
            assert bank.segments[row].tolist() == [picture, segment.class_id, segment.area]
            assert np.array_equal(bank.mask(row), segment.mask)
            assert np.array_equal(bank.pixels(row), raw.image)
            assert np.array_equal(bank.bitmaps(np.array([row]))[0], bitmap(segment.mask))
            row += 1
    assert row == len(bank)
    assert sorted(np.concatenate(list(bank.by_class.values()))) == list(range(row))
    assert bank.keys[3] == "street3"
    assert bank.space == SPACE


def test_the_photographs_stay_on_disk(bank: SegmentBank) -> None:
    assert isinstance(bank.images, np.memmap)
    assert bank.images.flags.writeable is False


def test_progress_and_resizing(tmp_path: Path) -> None:
    told = []
    bank = build_bank(
        World(3), tmp_path / "b", (32, 64), progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert bank.images.shape == (3, 32, 64, 3)
    assert set(np.unique(bank.labels[0])) <= set(np.unique(World().read(0).labels))


def test_resizing_keeps_ids_and_its_own_size() -> None:
    raw = World().read(0)
    image, labels = resized(raw.image, raw.labels, SIZE)
    assert image is raw.image
    assert np.array_equal(labels, raw.labels)


def test_a_small_mask_still_has_a_cell() -> None:
    mask = np.zeros(SIZE, bool)
    mask[3:5, 3:5] = True
    assert bitmap(mask).sum() == 1
    assert bitmap(np.ones(SIZE, bool)).sum() == SIZE[0] * SIZE[1] // CELL**2


class Failing(World):
    def read(self, index: int) -> Raw:
        if index == 2:
            raise SemsynthError("street2.png cannot be read")
        return super().read(index)


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="street2"):
        build_bank(Failing(), tmp_path / "bank", SIZE)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_build_keeps_the_old_bank(tmp_path: Path) -> None:
    build_bank(World(2), tmp_path / "bank", SIZE)
    with pytest.raises(SemsynthError, match="exists"):
        build_bank(World(3), tmp_path / "bank", SIZE)
    with pytest.raises(SemsynthError, match="street2"):
        build_bank(Failing(), tmp_path / "bank", SIZE, overwrite=True)
    assert len(SegmentBank.open(tmp_path / "bank").keys) == 2
    assert len(build_bank(World(3), tmp_path / "bank", SIZE, overwrite=True).keys) == 3


def test_overwriting_refuses_what_is_no_bank(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(SemsynthError, match="exists"):
        build_bank(World(2), tmp_path / "photos", SIZE, overwrite=True)


def test_refusals_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="multiples of 8"):
        build_bank(World(1), tmp_path / "b", (60, 128))
    with pytest.raises(SemsynthError, match="empty"):
        build_bank(World(0), tmp_path / "b", SIZE)
    with pytest.raises(SemsynthError, match="not a memory bank"):
        SegmentBank.open(tmp_path)
    build_bank(World(1), tmp_path / "b", SIZE)
    facts = tmp_path / "b" / "bank.json"
    facts.write_text(facts.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(SemsynthError, match="format is 9"):
        SegmentBank.open(tmp_path / "b")
