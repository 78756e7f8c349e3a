"""Scores in a model folder: written, read back, bounded, and no part of what identifies a model."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from semsynth import Synthesizer
from semsynth.errors import SemsynthError
from semsynth.hub import PRETRAINED, Scores, fingerprint, load_model, record_scores, save_model
from semsynth.hub.scores import MAX_SCORES
from tests.small import small_folder

SCORES = Scores("siftflow", "siftflow, val", 200, "efficientnet-lite2", {"miou": 0.4}, {"miou": 0.43})


def test_scores_travel_and_the_newer_ones_stand(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    other = Scores("other", "siftflow, val", 3, "efficientnet-lite2", {"miou": 0.5})
    newer = Scores("siftflow", "siftflow, val", 100, "efficientnet-lite2", {"miou": 0.6})
    for scores in (SCORES, other, newer):
        record_scores(folder, scores)
    assert load_model(folder).scores == (other, newer)
    assert load_model(save_model(tmp_path / "copy", load_model(folder))).scores == (other, newer)
    for i in range(MAX_SCORES):
        record_scores(folder, Scores(f"p{i}", "d", 1, "e", {}))
    kept = load_model(folder).scores
    assert (len(kept), kept[0].protocol, kept[-1].protocol) == (MAX_SCORES, "p0", f"p{MAX_SCORES - 1}")


def test_scores_change_nothing_that_identifies_a_model(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    before, pickled = fingerprint(folder), pickle.dumps(Synthesizer.from_pretrained(folder))
    record_scores(folder, SCORES)
    assert fingerprint(folder) == before
    assert pickle.loads(pickled).label_space.name == "park"


@pytest.mark.parametrize(
    ("scores", "pattern"),
    [
        (3, "scores is 3"),
        ([{}] * 65, "up to 64"),
        ([7], "an entry of scores"),
        ([{"protocol": "p"}], "an entry of scores"),
        ([{**SCORES.__dict__, "data": "x" * 300}], "short text"),
        ([{**SCORES.__dict__, "pictures": True}], "must be a count"),
        ([{**SCORES.__dict__, "values": {"miou": "good"}}], "values of scores"),
        ([{**SCORES.__dict__, "real": {str(i): 0.5 for i in range(65)}}], "up to 64 numbers"),
    ],
)
def test_what_are_no_scores_is_a_sentence(scores: Any, pattern: str, tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scores": scores}))
    with pytest.raises(SemsynthError, match=pattern):
        load_model(folder)


def test_the_bundled_model_has_the_scores_of_its_card() -> None:
    (scores,) = load_model("landscape").scores
    card = (PRETRAINED / "landscape" / "README.md").read_text(encoding="utf-8")
    for name in ("pixel_accuracy", "miou", "style_nearness"):
        assert f"{100 * scores.values[name]:.1f} %" in card
    assert f"{scores.values['lite2_frechet_over_floor']:.2f}x" in card
    assert scores.real["pixel_accuracy"] == 0.88
