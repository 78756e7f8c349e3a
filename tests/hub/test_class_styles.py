"""Styles by class: as a synthesizer takes them, and as a picture's record keeps them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.hub.record import read_record
from semsynth.images import png_bytes
from semsynth.pipeline import Synthesizer


@pytest.fixture(scope="module")
def synthesizer() -> Synthesizer:
    return Synthesizer.from_pretrained("landscape", precision="float32")


def halves(synthesizer: Synthesizer) -> np.ndarray:
    names = synthesizer.label_space.names
    labels = np.full((64, 64), names.index("sky"))
    labels[32:] = names.index("sea")
    return labels


def test_a_record_draws_the_picture_again(synthesizer: Synthesizer, tmp_path: Path) -> None:
    labels, named = halves(synthesizer), list(synthesizer.styles)
    style = {"sky": named[0], "sea": synthesizer.styles[named[1]], "rest": 7}
    result = synthesizer(labels, style)
    assert result.styles is not None
    assert torch.equal(result.styles[0, 0], synthesizer.random_styles(7)[0])
    path = tmp_path / "image.png"
    path.write_bytes(png_bytes(result.pictures()[0], pnginfo=result.record().png_info()))
    record = read_record(path)
    assert record.vector is None
    again = synthesizer(labels, **record.arguments())
    assert torch.equal(again.images, result.images)


def test_the_rest_is_random_where_it_is_not_given(synthesizer: Synthesizer) -> None:
    labels = halves(synthesizer)
    result = synthesizer(labels, {"sea": 3}, seed=5, num_images=2)
    assert result.styles is not None
    sea = synthesizer.label_space.names.index("sea")
    assert torch.equal(result.styles[:, sea], synthesizer.random_styles(3).expand(2, -1))
    assert torch.equal(result.styles[:, sea - 1], synthesizer.random_styles(5, 2))


def test_what_is_wrong_is_named(synthesizer: Synthesizer) -> None:
    labels = halves(synthesizer)
    with pytest.raises(SemsynthError, match="no class 'seaa'; did you mean 'sea'"):
        synthesizer(labels, {"seaa": 3})
    near = next(iter(synthesizer.styles))
    with pytest.raises(SemsynthError, match=f"Did you mean '{near}'"):
        synthesizer(labels, {"sea": near + "x"})
    with pytest.raises(SemsynthError, match="a name, a photograph, a vector or a seed"):
        synthesizer(labels, {"sea": {}})
