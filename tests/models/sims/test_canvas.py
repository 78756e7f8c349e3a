"""The canvas: what is pasted, what the label map becomes, and what is taken out again."""

import numpy as np
import pytest
from numpy.typing import NDArray

from semsynth.models.sims.canvas import CLEARED, INNER_BAND, Canvas, Placed, compose
from semsynth.models.sims.roles import roles_of
from semsynth.models.sims.segments import Mask, border_band
from tests.models.sims.conftest import CAR, ROAD, SIZE, SKY, SPACE, TREE

ROLES = roles_of(SPACE)
ORDER = np.array([0.0, 0.1, 0.2, 0.9, 0.5])


def box(top: int, left: int, bottom: int, right: int) -> Mask:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return mask


def piece(class_id: int, wanted: Mask, mask: Mask, level: float = 0.3) -> Placed:
    return Placed(class_id, wanted, mask, np.full((*SIZE, 3), level, np.float32))


def paste(labels: NDArray[np.int64], *pieces: Placed, front: bool = False) -> Canvas:
    return compose(labels, pieces, ROLES, ORDER, lambda a, b: front, np.random.default_rng(0))


@pytest.fixture
def labels() -> NDArray[np.int64]:
    labels = np.full(SIZE, SKY)
    labels[32:] = ROAD
    labels[30:50, 40:70] = CAR
    return labels


def test_roles_come_from_groups() -> None:
    assert ROLES.context == {SKY, ROAD, TREE}
    assert ROLES.objects == ROLES.vehicles == {CAR}
    assert ROLES.ground == {ROAD}
    assert ROLES.plants == {TREE}


def test_the_labels_follow_the_pasted_shapes(labels: NDArray[np.int64]) -> None:
    place, shape = labels == CAR, box(32, 44, 52, 70)
    canvas = paste(labels, piece(CAR, place, shape))
    assert (canvas.labels[shape] == CAR).all()
    assert (canvas.labels[place & ~shape] == CLEARED).all()  # a car is no context: nothing stands there
    elsewhere = ~place & ~shape
    assert np.array_equal(canvas.labels[elsewhere], labels[elsewhere])


def test_context_keeps_its_label_where_nothing_came(labels: NDArray[np.int64]) -> None:
    canvas = paste(labels, piece(ROAD, labels == ROAD, box(45, 0, 64, 128)))
    assert (canvas.labels[labels == ROAD] == ROAD).all()
    assert not canvas.filled[32:44].any()


def test_the_back_is_pasted_first_and_what_is_in_front_clips(labels: NDArray[np.int64]) -> None:
    road, car = labels == ROAD, labels == CAR
    pieces = piece(CAR, car, car, 0.9), piece(ROAD, road, box(28, 0, 64, 128), 0.3)
    for front in (False, True):
        canvas = paste(labels, *pieces, front=front)
        # The road goes first. If it is in front, the car is left only where there is no road.
        expected = car & (np.arange(64) < 28)[:, None] if front else car
        assert np.array_equal(canvas.labels == CAR, expected)


def test_the_inner_seam_is_half_white_and_inside(labels: NDArray[np.int64]) -> None:
    shape = box(0, 0, 30, 128)
    canvas = paste(labels, piece(SKY, labels == SKY, shape))
    band = border_band(shape, round(INNER_BAND * SIZE[0]))
    white = (canvas.pixels == 1).all(2)
    assert not white[~band].any()
    assert 0.35 < white[band].mean() < 0.65
    assert np.array_equal(canvas.filled, shape)
    assert (canvas.pixels[shape & ~white] == np.float32(0.3)).all()


def test_ground_around_objects_is_left_to_be_drawn(labels: NDArray[np.int64]) -> None:
    road, car = labels == ROAD, labels == CAR
    canvas = paste(labels, piece(ROAD, road, box(32, 0, 64, 128) & ~car), piece(CAR, car, car))
    holes = ~canvas.filled
    assert holes[50:54, 40:70].all()  # under the car, where a shadow falls
    assert not holes[car].any()
    assert not holes[60:, :].any()
    assert not holes[34:, :30].any()
    assert (canvas.pixels[holes] == 0).all()


def test_nothing_found_gives_an_empty_canvas(labels: NDArray[np.int64]) -> None:
    canvas = paste(labels)
    assert not canvas.filled.any()
    assert np.array_equal(canvas.labels, labels)
