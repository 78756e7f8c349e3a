"""What style measures say of pictures whose answer is known."""

import numpy as np
import pytest

from semsynth.evaluation.style import nearness, to_lab


def plain(*colour: int) -> np.ndarray:
    noise = np.random.default_rng(sum(colour)).integers(-4, 5, (16, 16, 3))
    return (np.array(colour) + noise).clip(0, 255).astype(np.uint8)


def test_nearness_is_the_share_of_photographs_that_are_farther() -> None:
    photos = [plain(20, 20, 20), plain(90, 90, 90), plain(160, 160, 160), plain(230, 230, 230)]
    assert nearness([plain(92, 92, 92)], [1], photos) == 1.0
    assert nearness([plain(92, 92, 92)], [3], photos) == 0.0
    assert nearness([plain(92, 92, 92), plain(150, 150, 150)], [0, 2], photos) == pytest.approx(
        (1 / 3 + 1) / 2
    )


def test_lab_of_known_colours() -> None:
    lab = to_lab(np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8))[0]
    assert np.allclose(lab, [[100, 0, 0], [0, 0, 0], [53.24, 80.09, 67.20]], atol=0.05)
