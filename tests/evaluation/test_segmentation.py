"""Scores read off a confusion matrix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.errors import SemsynthError
from semsynth.evaluation.segmentation import ConfusionMatrix

K = 5


def random_pair(seed: int, shape: tuple[int, ...] = (3, 16, 16)) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, K + 1, shape), rng.integers(0, K + 1, shape)


def matrix_of(truth: np.ndarray, predicted: np.ndarray) -> ConfusionMatrix:
    matrix = ConfusionMatrix(K)
    matrix.add(truth, predicted)
    return matrix


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_the_truth_scores_one_without_void(seed: int) -> None:
    truth, _ = random_pair(seed)
    perfect = matrix_of(truth, truth).scores("ignored")
    assert perfect.miou == perfect.pixel_accuracy == perfect.mean_accuracy == 1.0


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_order_and_batching_change_nothing(seed: int) -> None:
    truth, predicted = random_pair(seed)
    one_by_one = ConfusionMatrix(K)
    for i in reversed(range(len(truth))):
        one_by_one.add(truth[i], predicted[i])
    assert np.array_equal(one_by_one.counts, matrix_of(truth, predicted).counts)
    assert one_by_one.counts.dtype == np.int64


@given(st.integers(0, 10_000), st.sampled_from(["ignored", "counted"]))
@settings(max_examples=20, deadline=None)
def test_scores_agree_with_their_definition_pixel_by_pixel(seed: int, void: str) -> None:
    truth, predicted = random_pair(seed)
    kept = truth < K if void == "ignored" else np.ones_like(truth, bool)
    scores = matrix_of(truth, predicted).scores(void)
    ious = [
        ((truth == c) & (predicted == c)).sum() / (kept & ((truth == c) | (predicted == c))).sum()
        for c in range(K)
    ]
    hits = ((truth == predicted) & (truth < K)).sum()
    assert scores.class_iou == pytest.approx(ious)
    assert scores.miou == pytest.approx(np.mean(ious))
    assert scores.pixel_accuracy == pytest.approx(hits / kept.sum())


def test_counting_void_lowers_accuracy_by_its_share_and_leaves_mean_accuracy() -> None:
    truth = np.array([0, 0, 1, 1, K, K, K, K])
    predicted = np.array([0, 0, 1, 1, 0, 0, 1, 1])
    matrix = matrix_of(truth, predicted)
    ignored, counted = matrix.scores("ignored"), matrix.scores("counted")
    assert (ignored.pixel_accuracy, counted.pixel_accuracy) == (1.0, 0.5)
    assert (ignored.miou, counted.miou) == (1.0, 0.5)
    assert ignored.mean_accuracy == counted.mean_accuracy == 1.0


def test_each_rule_for_absent_classes_averages_over_its_own_set() -> None:
    # Class 0 is right, class 1 occurs and is missed, class 2 is imagined, classes 3 and 4 are nowhere.
    matrix = matrix_of(np.array([0, 0, 1]), np.array([0, 0, 2]))
    found = {rule: matrix.scores(absent=rule) for rule in ("truth", "union", "zero")}
    assert {rule: s.classes_averaged for rule, s in found.items()} == {"truth": 2, "union": 3, "zero": 5}
    assert [found[r].miou for r in ("truth", "union", "zero")] == pytest.approx([1 / 2, 1 / 3, 1 / 5])
    assert found["truth"].class_iou == (1.0, 0.0, 0.0, None, None)


def test_a_void_prediction_is_a_miss() -> None:
    assert matrix_of(np.array([0, 0]), np.array([0, K])).scores().miou == 0.5


def test_what_cannot_be_scored_says_so() -> None:
    matrix = ConfusionMatrix(K)
    with pytest.raises(SemsynthError, match="same size"):
        matrix.add(np.zeros((4, 4), int), np.zeros((4, 5), int))
    with pytest.raises(SemsynthError, match=r"0\.\.4, and 5 for void"):
        matrix.add(np.array([255]), np.array([0]))
    with pytest.raises(SemsynthError, match="nothing to score"):
        matrix_of(np.full(4, K), np.zeros(4, int)).scores()
