"""The segmenter that comes with the package: what its files promise, and that everything finds it."""

import json
from pathlib import Path

import numpy as np
import pytest

from semsynth.data import load_dataset
from semsynth.evaluation.bundled import find_segmenter
from semsynth.evaluation.protocol import EvaluatedClasses, load_protocol
from semsynth.evaluation.segmenters import load_segmenter, segmenter_path
from semsynth.labels import LabelSpace
from semsynth.models.segmenter import PyramidSegmenter
from semsynth.training.segmenter import validate
from semsynth.training.segmenter_data import Photographs

NAME = "pretrained:segmenter-siftflow"
SPACE = LabelSpace.named("siftflow")


def test_the_protocol_and_the_application_find_it() -> None:
    protocol = load_protocol("siftflow")
    assert protocol.evaluator == NAME
    assert load_segmenter(NAME).names == EvaluatedClasses.of(protocol, SPACE).names
    segment = find_segmenter(SPACE)
    assert segment is not None
    found = segment(np.full((40, 56, 3), 200, np.uint8))
    assert found.shape == (40, 56)
    assert found.max() < SPACE.num_classes
    assert find_segmenter(LabelSpace.named("facades")) is None


def test_it_is_small_and_its_card_says_what_its_configuration_says() -> None:
    folder = segmenter_path(NAME)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 15e6
    scores = json.loads((folder / "segmenter.json").read_text(encoding="utf-8"))["scores"]
    card = (folder / "README.md").read_text(encoding="utf-8")
    for key in ("pixel_accuracy", "miou", "mean_accuracy"):
        assert f"{scores[key]:.1%}".replace("%", " %") in card
    assert "research" in card


@pytest.mark.slow
def test_it_reads_photographs_as_well_as_it_says(shared: Path) -> None:
    model = PyramidSegmenter.load(segmenter_path(NAME))
    data = load_dataset(shared / "data" / "siftflow", split="val")
    scores = validate(model, Photographs(data, model.config.ids, 256))
    assert scores.pixel_accuracy == pytest.approx(model.config.scores["pixel_accuracy"], abs=1e-3)
    assert scores.miou == pytest.approx(model.config.scores["miou"], abs=1e-3)
