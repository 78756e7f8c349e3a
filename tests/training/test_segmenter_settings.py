"""Settings of a segmenter's training that mean nothing are refused before anything is read."""

import pytest

from semsynth.errors import SemsynthError
from semsynth.models.segmenter import EncoderName
from semsynth.training import segmenter_settings
from semsynth.training.segmenter_settings import SegmenterRecipe

LEAST = {"width": 1, "pictures": 1, "minutes": 0, "batch_size": 1, "learning_rate": 0, "size": 64, "seed": 0}
MOST = {"size": 4096, "ema": 1, "class_power": 10, "rare_share": 1, "least_crop": 1, "frozen_steps": 8}


@pytest.mark.parametrize("name", LEAST)
def test_settings_are_as_large_as_they_must_be(name: str) -> None:
    with pytest.raises(SemsynthError, match=rf"^{name} is .* must be at least {LEAST[name]}\.$"):
        SegmenterRecipe(**{name: LEAST[name] - 1})  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["minutes", "learning_rate"])
def test_settings_are_finite(name: str, value: float) -> None:
    with pytest.raises(SemsynthError, match=rf"^{name} is .*; it must be a finite number\.$"):
        SegmenterRecipe(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MOST)
def test_settings_are_as_small_as_they_must_be(name: str) -> None:
    with pytest.raises(SemsynthError, match=rf"^{name} is .* must be at most {MOST[name]}\.$"):
        SegmenterRecipe(**{name: MOST[name] + 1})  # type: ignore[arg-type]


def test_the_encoders_are_those_of_the_network() -> None:
    assert segmenter_settings.EncoderName == EncoderName
