"""Distances between sets of features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.errors import SemsynthError
from semsynth.evaluation.frechet import (
    FEWEST,
    Features,
    FeatureSpace,
    Statistics,
    at_half_count,
    frechet_distance,
    warn_few,
)
from semsynth.evaluation.kernel import kernel_distance, kernel_floor

SPACE = FeatureSpace("network", "0123", "last", "clean", 12)


def features(seed: int, count: int = 40, shift: float = 0.0) -> Features:
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(12, 12))
    return Features(rng.normal(size=(count, 12)) @ mixing + shift, SPACE)


@given(st.integers(0, 1000), st.sampled_from([FEWEST, 40, 200]))
@settings(max_examples=15, deadline=None)
def test_a_set_has_no_distance_to_itself(seed: int, count: int) -> None:
    x = features(seed, count)
    assert frechet_distance(x, x) < 1e-9
    assert frechet_distance(Statistics.of(x), x) < 1e-9


@given(st.integers(0, 1000), st.floats(-3, 3))
@settings(max_examples=15, deadline=None)
def test_a_shift_costs_its_squared_length(seed: int, shift: float) -> None:
    x = features(seed)
    moved = Features(x.values + shift, SPACE)
    assert frechet_distance(x, moved) == pytest.approx(12 * shift**2, abs=1e-8)


def test_it_is_symmetric_and_blind_to_order() -> None:
    x, y = features(1), features(2, 60, 0.5)
    shuffled = x.subset(np.random.default_rng(0).permutation(len(x)))
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-12)
    assert frechet_distance(shuffled, y) == pytest.approx(frechet_distance(x, y), rel=1e-12)
    # Subsets are drawn at random, the whole sets are not.
    assert kernel_distance(shuffled, y, subsets=1)[0] == pytest.approx(kernel_distance(x, y, subsets=1)[0])


def test_fewer_pictures_than_features_take_another_road_to_the_same_number() -> None:
    wide = replace(SPACE, dimensions=50)
    rng = np.random.default_rng(3)
    x, y = (Features(rng.normal(size=(30, 50)) + i, wide) for i in range(2))
    assert frechet_distance(x, y) == pytest.approx(
        frechet_distance(Statistics.of(x), Statistics.of(y)), rel=1e-9
    )


def test_it_is_the_textbook_formula_where_covariances_commute() -> None:
    rng = np.random.default_rng(4)
    mean_a, mean_b, var_a, var_b = rng.normal(size=12), rng.normal(size=12), rng.random(12), rng.random(12)
    a = Statistics(mean_a, np.diag(var_a), 100, SPACE)
    b = Statistics(mean_b, np.diag(var_b), 100, SPACE)
    expected = np.square(mean_a - mean_b).sum() + np.square(np.sqrt(var_a) - np.sqrt(var_b)).sum()
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-10)


def test_the_kernel_distance_is_unbiased_around_zero_and_sees_a_shift() -> None:
    null = [kernel_distance(features(2 * s, 60), features(2 * s + 1, 60), subsets=1)[0] for s in range(40)]
    assert abs(np.mean(null)) < 3 * np.std(null) / np.sqrt(len(null))
    assert kernel_distance(features(1), features(2, shift=2.0))[0] > 5 * np.std(null)


def test_floor_and_distance_agree_where_pictures_are_as_good_as_photographs() -> None:
    distance, floor = at_half_count(features(1, 400), features(2, 400))
    assert distance == pytest.approx(floor, rel=0.2)
    worse, same_floor = at_half_count(features(1, 400), features(2, 400, shift=1.0))
    assert same_floor == floor
    assert worse > 2 * floor


def test_the_kernel_floor_is_nothing_but_chance() -> None:
    mean, deviation = kernel_floor(features(1, 200))
    assert abs(mean) < deviation
    assert kernel_distance(features(1, 200), features(2, 200, shift=1.0))[0] > 5 * deviation


def test_statistics_come_back_from_their_file_with_their_provenance(tmp_path: Path) -> None:
    x = replace(features(6), source="forty pictures")
    path = tmp_path / "reference.npz"
    Statistics.of(x).save(path)
    back = Statistics.load(path)
    assert (back.space, back.count, back.source) == (SPACE, 40, "forty pictures")
    assert frechet_distance(back, x) < 1e-9
    assert [p.name for p in tmp_path.iterdir()] == ["reference.npz"]


def test_unlike_is_refused_with_the_difference_named() -> None:
    other = Features(features(1).values, replace(SPACE, resize="tf1"))
    with pytest.raises(SemsynthError, match="resize clean against tf1"):
        frechet_distance(features(1), other)
    with pytest.raises(SemsynthError, match="resize clean against tf1"):
        kernel_distance(features(1), other)


def test_three_pictures_are_refused_and_a_small_set_is_warned_of() -> None:
    with pytest.raises(SemsynthError, match="3 pictures are too few"):
        frechet_distance(features(1, 3), features(2))
    assert "11 pictures for 12 features" in (warn_few(11, SPACE) or "")
    assert warn_few(12, SPACE) is None


def test_foreign_statistics_are_refused(tmp_path: Path) -> None:
    bare, text = tmp_path / "bare.npz", tmp_path / "text.npz"
    np.savez(bare, mu=np.zeros(3), sigma=np.eye(3))
    text.write_text("no archive")
    with pytest.raises(SemsynthError, match="does not say which network"):
        Statistics.load(bare)
    with pytest.raises(SemsynthError, match=r"cannot be read as an \.npz file"):
        Statistics.load(text)
