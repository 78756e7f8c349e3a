"""Who stands in front: counted in label maps, read from depth, or told by a network."""

import numpy as np
import torch

from semsynth.models.sims import SegmentBank
from semsynth.models.sims.canvas import Placed
from semsynth.models.sims.ordering import (
    FrontCounts,
    OrderingNetwork,
    front_by_disparity,
    outline_length,
    pair_pictures,
)
from semsynth.models.sims.segments import Segment, bounding_box
from tests.models.sims.conftest import CAR, ROAD, SIZE, SKY, SPACE, TREE, World


def segment(class_id: int, top: int, left: int, bottom: int, right: int) -> Segment:
    mask = np.zeros(SIZE, bool)
    mask[top:bottom, left:right] = True
    return Segment(class_id, mask, bounding_box(mask))


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        network = OrderingNetwork(20)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 15.3


def test_the_surrounded_one_is_in_front(bank: SegmentBank) -> None:
    share = bank.front.share()
    assert share[CAR] > share[ROAD]
    assert share[TREE] > share[SKY]
    assert bank.front.in_front[CAR] >= 8  # every car before its road


def test_objects_are_in_front_of_the_ground_even_where_they_surround_it() -> None:
    counts = FrontCounts.none(5)
    road = segment(ROAD, 20, 20, 40, 40)
    ring = np.zeros(SIZE, bool)
    ring[10:50, 10:50] = True
    ring &= ~road.mask
    counts.count([road, Segment(CAR, ring, bounding_box(ring))], SPACE)
    assert counts.in_front[CAR] == 1
    assert counts.in_front[ROAD] == 0


def test_what_does_not_touch_is_not_compared() -> None:
    counts = FrontCounts.none(5)
    counts.count([segment(CAR, 0, 0, 10, 10), segment(TREE, 30, 30, 40, 40)], SPACE)
    counts.count([segment(CAR, 0, 0, 10, 10), segment(CAR, 0, 10, 10, 20)], SPACE)
    assert counts.compared.sum() == 0
    assert (counts.share() == 0.5).all()


def test_an_outline_includes_the_pictures_rim() -> None:
    assert outline_length(segment(CAR, 20, 20, 30, 30)) == 44
    assert outline_length(segment(CAR, 0, 0, *SIZE)) == 2 * sum(SIZE)


def test_nearer_by_disparity_is_in_front() -> None:
    a, b = segment(CAR, 10, 10, 30, 30).mask, segment(ROAD, 10, 30, 30, 50).mask
    disparity = np.where(a, 8.0, 2.0)
    assert front_by_disparity(disparity, a, b) is True
    assert front_by_disparity(disparity, b, a) is False
    assert front_by_disparity(disparity, a, segment(CAR, 50, 100, 60, 120).mask) is None


def test_the_prior_compares_classes(bank: SegmentBank) -> None:
    nowhere, black = np.zeros(SIZE, bool), np.zeros((*SIZE, 3), np.float32)
    car, road = (Placed(c, nowhere, nowhere, black) for c in (CAR, ROAD))
    assert bank.front.is_front(car, road)
    assert not bank.front.is_front(road, car)


def test_the_network_sees_the_pair_and_the_whole_and_all_of_the_picture() -> None:
    labels = World().read(0).labels
    pictures = pair_pictures(labels, labels == CAR, labels == TREE, SPACE)
    colors = torch.from_numpy(SPACE.palette()[labels]).permute(2, 0, 1) / 255
    torch.testing.assert_close(pictures[3:], colors)
    either = torch.from_numpy((labels == CAR) | (labels == TREE))
    torch.testing.assert_close(pictures[:3], colors * either)
    network = OrderingNetwork(5, width=2).eval()
    pictures = pictures[None].requires_grad_()
    logits = network(pictures)
    assert logits.shape == (1, 5)
    logits.square().sum().backward()
    assert pictures.grad is not None
    assert pictures.grad[..., 3 * SIZE[1] // 4 :].abs().sum() > 0  # the right quarter counts
