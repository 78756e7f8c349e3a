"""Training canvases: real pixels behind borrowed masks; colours moved by the least map there is."""

import numpy as np
import pytest

from semsynth.errors import SemsynthError
from semsynth.models.sims import SegmentBank
from semsynth.models.sims.canvas import CLEARED
from semsynth.models.sims.stencil import jitter_labels, training_canvas, transfer_colors
from tests.models.sims.conftest import CAR, World


def test_only_pixels_of_the_photograph_or_white_are_on_it(bank: SegmentBank, monkeypatch) -> None:
    monkeypatch.setattr("semsynth.models.sims.stencil.RECOLORED", 0.0)
    raw = World().read(20)
    canvas = training_canvas(bank, raw.image, raw.labels, np.random.default_rng(0))
    white = (canvas.pixels == 1).all(2)
    real = canvas.filled & ~white
    np.testing.assert_allclose(canvas.pixels[real], raw.image[real] / np.float32(255), atol=1e-6)
    assert (canvas.pixels[~canvas.filled] == 0).all()
    assert 0.3 < real.mean() < 0.95
    assert 0.02 < white.mean() < 0.4


def test_another_size_than_the_banks_is_refused(bank: SegmentBank) -> None:
    raw = World().read(0)
    with pytest.raises(SemsynthError, match="64x128, training has 32x128"):
        training_canvas(bank, raw.image[:32], raw.labels[:32], np.random.default_rng(0))


def test_its_own_mask_would_give_it_all_away_so_it_is_excluded(bank: SegmentBank) -> None:
    raw = World().read(2)
    holes = [
        (~training_canvas(bank, raw.image, raw.labels, np.random.default_rng(0), exclude=e).filled).mean()
        for e in (None, 2)
    ]
    assert holes[0] < 0.02 < holes[1]


def test_some_segments_take_on_the_colours_of_others(bank: SegmentBank, monkeypatch) -> None:
    monkeypatch.setattr("semsynth.models.sims.stencil.RECOLORED", 1.0)
    raw = World().read(20)
    image = 255 - raw.image
    canvas = training_canvas(bank, image, raw.labels, np.random.default_rng(0))
    inside = canvas.filled & ~(canvas.pixels == 1).all(2) & (raw.labels == CAR)
    found = 255 * canvas.pixels[inside].mean(0)
    # The bank's cars are red (200, 0, 0); these were cyan.
    assert found[0] > 150
    assert found[1:].max() < 60


def test_transferred_colours_have_the_wanted_mean_and_covariance() -> None:
    source = np.random.default_rng(0)
    colors = source.normal(size=(400, 3)) @ source.normal(size=(3, 3)) * 20 + 90
    like = source.normal(size=(300, 3)) @ source.normal(size=(3, 3)) * 30 + 140
    moved = transfer_colors(colors, like)
    np.testing.assert_allclose(moved.mean(0), like.mean(0), atol=1e-9)
    np.testing.assert_allclose(np.cov(moved.T, bias=True), np.cov(like.T, bias=True), rtol=1e-3)


def test_the_transfer_is_the_optimal_one() -> None:
    source = np.random.default_rng(1)
    colors = source.normal(size=(500, 3)) @ source.normal(size=(3, 3)) * 20
    moved = transfer_colors(colors, source.normal(size=(500, 3)) @ source.normal(size=(3, 3)) * 30)
    mapping, *_ = np.linalg.lstsq(colors - colors.mean(0), moved - moved.mean(0), rcond=None)
    # A linear map between Gaussians moves them least exactly if it is symmetric and positive (Brenier).
    np.testing.assert_allclose(mapping, mapping.T, atol=1e-6)
    assert np.linalg.eigvalsh(mapping).min() > 0


def test_flat_colours_are_no_trouble() -> None:
    moved = transfer_colors(np.full((10, 3), 50.0), np.full((4, 3), 80.0))
    np.testing.assert_allclose(moved, 80.0)


def test_jittered_labels_differ_a_little_and_are_sure() -> None:
    labels = World().read(0).labels
    jittered = jitter_labels(labels, np.random.default_rng(3))
    sure = jittered != CLEARED
    assert 0.8 < sure.mean() < 1.0
    assert 0.85 < (jittered == labels)[sure].mean() < 1.0
    uniform = jitter_labels(np.full((50, 70), 4), np.random.default_rng(0))
    assert set(np.unique(uniform)) <= {CLEARED, 4}
    assert (uniform[5:-5, 5:-5] == 4).all()
