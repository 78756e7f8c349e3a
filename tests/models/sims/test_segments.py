"""Regions, boxes and bands, against the obvious slow way."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from semsynth.models.sims.segments import (
    border_band,
    bounding_box,
    connected_components,
    dilate,
    enlarged,
    find_segments,
    inside,
)
from tests.models.sims.conftest import CAR, ROAD, SKY, SPACE, TREE, VOID, World


def flood(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    numbers = np.full(labels.shape, -1)
    count = 0
    for start in np.ndindex(labels.shape):
        if numbers[start] >= 0:
            continue
        todo = [start]
        numbers[start] = count
        while todo:
            i, j = todo.pop()
            for a in range(max(0, i - 1), min(labels.shape[0], i + 2)):
                for b in range(max(0, j - 1), min(labels.shape[1], j + 2)):
                    if numbers[a, b] < 0 and labels[a, b] == labels[i, j]:
                        numbers[a, b] = count
                        todo.append((a, b))
        count += 1
    return numbers


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 13), st.integers(1, 17), st.integers(1, 4))
def test_components_are_those_of_a_flood_fill(seed: int, height: int, width: int, classes: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes, (height, width))
    numbers, count = connected_components(labels)
    expected = flood(labels)
    assert count == expected.max() + 1
    assert np.array_equal(numbers, expected)


def test_a_spiral_is_one_component() -> None:
    labels = np.zeros((41, 41), np.int64)
    for ring in range(0, 20, 2):
        labels[ring : 41 - ring, ring : 41 - ring] = 1
        labels[ring + 1 : 40 - ring, ring + 1 : 40 - ring] = 0
        labels[ring + 1, ring] = 0
        labels[ring + 2, ring : ring + 2] = 1
    assert np.array_equal(connected_components(labels)[0], flood(labels))


def test_void_and_small_regions_are_left_out() -> None:
    labels = World().read(0).labels
    labels[60:62, 5:9] = TREE  # eight pixels
    found = find_segments(labels, SPACE)
    assert {segment.class_id for segment in found} == {SKY, ROAD, CAR, TREE}
    assert sum(segment.class_id == TREE for segment in found) == 1
    covered = sum(segment.mask.astype(int) for segment in found)
    assert covered.max() == 1
    assert not covered[labels == VOID].any()
    assert len(find_segments(labels, SPACE, smallest=0)) == len(found) + 1


def test_dilation_is_a_square_maximum() -> None:
    mask = np.random.default_rng(0).random((17, 23)) < 0.05
    for radius in (0, 1, 4):
        expected = np.zeros_like(mask)
        for i, j in zip(*np.nonzero(mask), strict=True):
            expected[max(0, i - radius) : i + radius + 1, max(0, j - radius) : j + radius + 1] = True
        assert np.array_equal(dilate(mask, radius), expected)


def test_the_band_is_inside_and_the_pictures_rim_is_no_border() -> None:
    mask = np.zeros((10, 12), bool)
    mask[:, :6] = True
    band = border_band(mask, 2)
    assert band[:, 4:6].all()
    assert band.sum() == 20


@pytest.mark.parametrize("margins", [(0.0, 0.0, 0.0), (0.25, 0.5, 1.0)])
def test_boxes(margins: tuple[float, float, float]) -> None:
    mask = np.zeros((20, 20), bool)
    mask[8:12, 2:10] = True
    box = bounding_box(mask)
    assert box == (8, 2, 12, 10)
    top, sides, bottom = margins
    larger = enlarged(box, (20, 20), top=top, sides=sides, bottom=bottom)
    assert larger == (8 - 4 * top, max(0, 2 - 8 * sides), 12 + 4 * bottom, 10 + 8 * sides)
    assert inside(box, (20, 20)).sum() == 32
