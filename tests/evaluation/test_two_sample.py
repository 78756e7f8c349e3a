"""Two-sample accuracy, its ladder, and the classes that give pictures away."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.evaluation.features import FeatureExtractor, cropnet_extractor
from semsynth.evaluation.frechet import Features, FeatureSpace
from semsynth.evaluation.kernel import kernel_at_half_count
from semsynth.evaluation.ladder import RUNGS
from semsynth.evaluation.two_sample import (
    _left_out_correlation,
    _spectrum,
    class_entries,
    fold_classifiers,
    halves_accuracy,
    two_sample_accuracy,
)
from semsynth.images import read_photo


def features(values: np.ndarray) -> Features:
    return Features(values, FeatureSpace("network", "0", "last", "clean", values.shape[1]))


def normal(seed: int, count: int = 100, size: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, size))


def test_equal_distributions_are_not_told_apart_and_disjoint_ones_always() -> None:
    null = [two_sample_accuracy(features(normal(2 * s)), features(normal(2 * s + 1)))[0] for s in range(10)]
    assert np.mean(null) == pytest.approx(0.5, abs=0.03)
    assert two_sample_accuracy(features(normal(1) + 3), features(normal(2))) == (1.0, 0.0)
    alone = features(normal(1))
    assert two_sample_accuracy(alone, alone) == (0.5, 0.0)  # copies: every score is the same for both
    mean, deviation = halves_accuracy(features(normal(3, 200)))
    assert mean == pytest.approx(0.5, abs=2 * deviation)


def test_pairs_stay_in_one_fold() -> None:
    held = [fold.held_out for fold in fold_classifiers(normal(1), normal(2))]
    assert [len(numbers) for numbers in held] == [10] * 10
    assert sorted(np.concatenate(held)) == list(range(100))
    # A picture has its photograph's content and differs from it by nothing but noise: chance.
    content, noise = normal(0, size=400), 0.01
    made, real = (content + noise * normal(seed, size=400) for seed in (1, 2))
    assert 0.4 < two_sample_accuracy(features(made), features(real))[0] < 0.6
    # Were a picture's photograph among the training data, the picture would get its label, the wrong one.
    split = two_sample_accuracy(features(made), features(np.roll(real, 1, axis=0)))[0]
    assert split < 0.2


@pytest.mark.parametrize("size", [7, 90])  # fewer and more features than rows
def test_the_classifier_is_the_ridge_regression_of_the_textbook(size: int) -> None:
    made, real = normal(1, 30, size) * 3 + 1, normal(2, 30, size)
    for fold in fold_classifiers(made, real, ridges=[0.3]):
        train = np.setdiff1d(np.arange(30), fold.held_out)
        x = np.concatenate([made[train], real[train]])
        z = (x - x.mean(0)) / x.std(0)
        target = np.repeat([1.0, -1.0], len(train))
        weights = np.linalg.solve(z.T @ z / size + 0.3 * np.eye(size), z.T @ target / size)
        np.testing.assert_allclose(fold.weights, weights / x.std(0), rtol=1e-8, atol=1e-12)
        np.testing.assert_allclose(fold.center, x.mean(0), rtol=1e-12)


@pytest.mark.parametrize("size", [7, 90])
def test_the_ridge_is_chosen_by_pairs_that_are_left_out(size: int) -> None:
    x = np.concatenate([normal(1, 12, size) + 0.5, normal(2, 12, size)])
    z, target = (x - x.mean(0)) / np.sqrt(size), np.repeat([1.0, -1.0], 12)
    for ridge in (1.0, 0.01):
        scores = np.empty(24)
        for pair in range(12):
            rest = np.setdiff1d(np.arange(24), [pair, pair + 12])
            center = z[rest].mean(0)
            own = z[rest] - center
            weights = np.linalg.solve(own.T @ own + ridge * np.eye(size), own.T @ target[rest])
            scores[[pair, pair + 12]] = (z[[pair, pair + 12]] - center) @ weights
        expected = scores @ target / np.linalg.norm(scores)
        found = _left_out_correlation(*_spectrum(z), target, ridge)
        assert found == pytest.approx(expected, rel=1e-6)


def test_units_and_constant_features_change_nothing() -> None:
    made, real = normal(1) + 0.3, normal(2)
    expected = two_sample_accuracy(features(made), features(real))
    assert 0.6 < expected[0] < 1
    scales = np.geomspace(1e-6, 1e6, 40)
    assert two_sample_accuracy(features(made * scales), features(real * scales)) == expected
    constant = np.full((100, 1), 7.1)
    wide = [features(np.hstack([values, constant])) for values in (made, real)]
    assert two_sample_accuracy(*wide)[0] == pytest.approx(expected[0], abs=0.02)


def test_what_cannot_be_compared_is_refused() -> None:
    with pytest.raises(SemsynthError, match="one for each"):
        two_sample_accuracy(features(normal(1)), features(normal(2, 99)))
    with pytest.raises(SemsynthError, match="too few"):
        two_sample_accuracy(features(normal(1, 5)), features(normal(2, 5)))
    with pytest.raises(SemsynthError, match="cannot be compared"):
        two_sample_accuracy(features(normal(1)), features(normal(2, 100, 41)))


def cells(images: torch.Tensor) -> torch.Tensor:
    """Mean color and mean contrast of every 8 x 8 cell."""
    steps = F.pad((images[..., 1:] - images[..., :-1]).abs(), (0, 1))
    return F.avg_pool2d(torch.cat([images, steps], 1), 8)


CELLS = FeatureExtractor(FeatureSpace("cells", "0", "cells", "clean", 6), 64, cells)


def test_the_class_that_is_blurred_gives_the_pictures_away() -> None:
    rng = np.random.default_rng(0)
    maps = [np.kron(rng.integers(0, 4, (4, 4)), np.ones((16, 16), int)) for _ in range(60)]
    photos, made = [], []
    for ids in maps:
        pixels = rng.normal(60 + 40 * ids[..., None], 20, (64, 64, 3)).clip(0, 255)
        again = rng.normal(60 + 40 * ids[..., None], 20, (64, 64, 3)).clip(0, 255)
        again[ids == 2] = 60 + 40 * 2 + (again[ids == 2] - 140) * 0.5  # what is smooth
        photos.append(pixels.astype(np.uint8))
        made.append(again.astype(np.uint8))
    of_made, of_real = CELLS.by_class(made, maps), CELLS.by_class(photos, maps)
    np.testing.assert_allclose(of_made.whole(), CELLS.all(made, "made").values, atol=1e-6)
    entries = class_entries(of_made, of_real, ["a", "b", "blurred", "d", "absent"])
    assert set(entries) == {"a", "b", "blurred", "d"}
    assert entries["blurred"]["told"] > 0.95
    assert entries["blurred"]["gap"] > 0.8
    assert all(0.3 < entries[name]["told"] < 0.7 for name in "abd")
    assert sum(entry["gap"] for entry in entries.values()) == pytest.approx(1)
    assert sum(entry["area"] for entry in entries.values()) == pytest.approx(1)
    assert class_entries(of_real, of_real, ["a", "b"])["b"] | {"maps": 0, "area": 0} == {
        "maps": 0, "area": 0, "gap": 0, "told": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("rung", RUNGS)
def test_rungs_change_a_photograph_and_keep_its_size(rung: str) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (33, 46, 3), dtype=np.uint8)
    before = photo.copy()
    made = RUNGS[rung](photo)
    assert made.shape == photo.shape
    assert made.dtype == np.uint8
    assert (made != photo).any()
    assert (photo == before).all()


def test_the_ladder_has_the_order_of_its_rungs_on_photographs(shared: Path) -> None:
    paths = sorted((shared / "data" / "siftflow" / "val" / "images").glob("*.jpg"))[::4]
    if not paths:
        pytest.skip("no SIFT Flow photographs in ../shared/data")
    photos, extractor = [read_photo(path) for path in paths], cropnet_extractor()
    real = extractor.all(photos, "photographs")
    rungs = [
        extractor.all([np.asarray(RUNGS[f"JPEG quality {quality}"](photo)) for photo in photos], "rung")
        for quality in (30, 10)
    ]
    mild, strong = (two_sample_accuracy(rung, real)[0] for rung in rungs)
    floor, deviation = halves_accuracy(real)
    assert strong > mild > floor + deviation / 2
    kernels = [kernel_at_half_count(real, rung)[0] for rung in rungs]
    assert kernels[1] > kernels[0]


def test_the_bundled_network_is_small_and_its_card_says_how_it_was_trained() -> None:
    import json

    from semsynth.evaluation.features import CROPNET

    assert sum(path.stat().st_size for path in CROPNET.iterdir()) < 1e6
    described = json.loads((CROPNET / "features.json").read_text(encoding="utf-8"))
    card = (CROPNET / "README.md").read_text(encoding="utf-8")
    for share in (described["matching"], described["matching_untrained"]):
        assert f"{100 * share:.1f} %" in card
    assert f"{described['images']:,}" in card
    assert f"{described['photographs']:,}" in card
    picture = np.asarray(Image.new("RGB", (50, 40), "teal"))
    assert cropnet_extractor()([picture]).shape == (1, 296)
