"""Retrieval: a planted segment is found, and the matrix products are the IoUs they stand for."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from semsynth.models.sims import SegmentBank, build_bank
from semsynth.models.sims.bank import CELL, bitmap
from semsynth.models.sims.retrieval import coarse_context, coarse_mask_iou, retrieve
from semsynth.models.sims.segments import find_segments, inside
from tests.models.sims.conftest import CAR, ROAD, SIZE, SKY, SPACE, TREE, World


@pytest.mark.parametrize("picture", [0, 3, 7])
def test_the_exact_segment_is_found(bank: SegmentBank, picture: int) -> None:
    labels = World().read(picture).labels
    wanted = find_segments(labels, SPACE)
    assert len(wanted) == 4
    for segment, matches in zip(wanted, retrieve(bank, labels, wanted), strict=True):
        best = matches[0]
        assert best.score == 2.0
        assert bank.segments[best.row].tolist() == [picture, segment.class_id, segment.area]
        assert np.array_equal(bank.mask(best.row), segment.mask)
        scores = [match.score for match in matches]
        assert scores == sorted(scores, reverse=True)
        assert scores[1] < 2.0


def test_an_excluded_picture_is_not_taken_from(bank: SegmentBank) -> None:
    labels = World().read(3).labels
    for matches in retrieve(bank, labels, find_segments(labels, SPACE), exclude=[3]):
        assert matches
        assert all(bank.segments[match.row, 0] != 3 for match in matches)


def test_position_counts_and_context_decides_between_equal_masks(tmp_path: Path) -> None:
    def change(index: int, labels: NDArray[np.int64]) -> None:
        labels[:] = SKY if index == 1 else ROAD
        top = 40 if index == 2 else 20
        labels[top : top + 16, 30:60] = CAR

    world = World(3, change)
    street = build_bank(world, tmp_path / "bank", SIZE)
    labels = world.read(0).labels
    (car,) = (segment for segment in find_segments(labels, SPACE) if segment.class_id == CAR)
    [matches] = retrieve(street, labels, [car])
    assert [int(street.segments[match.row, 0]) for match in matches] == [0, 1, 2]
    same, other_context, elsewhere = matches
    assert (same.mask_iou, same.context_iou) == (1.0, 1.0)
    assert other_context.mask_iou == 1.0
    assert other_context.context_iou < 1.0
    assert elsewhere.mask_iou == 0.0


def test_a_class_the_bank_lacks_gives_no_match(tmp_path: Path) -> None:
    def change(index: int, labels: NDArray[np.int64]) -> None:
        labels[labels == TREE] = SKY

    treeless = build_bank(World(2, change), tmp_path / "bank", SIZE)
    labels = World().read(0).labels
    wanted = find_segments(labels, SPACE)
    found = dict(
        zip((segment.class_id for segment in wanted), retrieve(treeless, labels, wanted), strict=True)
    )
    assert found[TREE] == []
    assert found[CAR]


def test_the_products_are_the_ious(bank: SegmentBank) -> None:
    labels = World().read(11).labels
    wanted = find_segments(labels, SPACE)
    grid = bitmap(wanted[0].mask)
    rows = np.arange(len(bank))
    expected = [(bitmap(bank.mask(r)) & grid).sum() / (bitmap(bank.mask(r)) | grid).sum() for r in rows]
    np.testing.assert_allclose(coarse_mask_iou(bank, rows, wanted[0].mask), expected, rtol=1e-6)

    box = inside((10, 20, 50, 90), SIZE)
    half = CELL // 2
    inner, query = box[half::CELL, half::CELL], labels[half::CELL, half::CELL]
    for picture, found in enumerate(coarse_context(bank, labels, [box])[:, 0]):
        stored = bank.labels[picture][half::CELL, half::CELL]
        both = sum(((query == c) & (stored == c) & inner).sum() for c in range(5))
        either = sum((((query == c) | (stored == c)) & inner).sum() for c in range(5))
        assert found == pytest.approx(both / either)
