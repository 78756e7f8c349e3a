"""Settings of a segmenter's training that mean nothing are refused before anything is read."""

import pytest

from semsynth.errors import SemsynthError
from semsynth.evaluation.segmenter_recipe import LEAST, MOST, SegmenterRecipe


@pytest.mark.parametrize("name", LEAST)
def test_settings_are_as_large_as_they_must_be(name: str) -> None:
    for value in (LEAST[name] - 1, float("nan"), float("inf")):
        with pytest.raises(SemsynthError, match=rf"^{name} is .* must be at least {LEAST[name]}\.$"):
            SegmenterRecipe(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MOST)
def test_settings_are_as_small_as_they_must_be(name: str) -> None:
    with pytest.raises(SemsynthError, match=rf"^{name} is .* must be at most {MOST[name]}\.$"):
        SegmenterRecipe(**{name: MOST[name] + 1})  # type: ignore[arg-type]
