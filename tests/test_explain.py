"""What norms leave of labels: the probe, and the networks whose answer is known beforehand."""

import json
from pathlib import Path

import pytest
import torch

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.explain import explain_normalization, probe
from semsynth.hub import Model, save_model
from semsynth.labels import LabelClass, LabelSpace
from semsynth.models import create_model
from semsynth.ops.init import initialize

SPACE = LabelSpace("five", tuple(LabelClass(i, f"c{i}", (i, 9 * i, 200 - i), "land") for i in range(5)), 4)


def model(name: str, **config: object) -> Model:
    network = create_model(name, num_classes=5, width=4, **config)
    initialize(network, gain=1.0, spectral="scheme", generator=torch.Generator().manual_seed(0))
    return Model(network.eval(), SPACE, (64, 64))


def test_the_probe_tells_what_is_there_and_nothing_else() -> None:
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(6, 1, 20, generator=rng)
    spread = 0.1 * torch.randn(6, 400, 20, generator=rng)
    assert probe(centres + spread, 1.0, rng) == 1.0
    assert probe(spread, 1.0, rng) == pytest.approx(1 / 6, abs=0.06)
    assert probe(centres.expand(-1, 400, -1) * 1e-5, 1.0, rng) == pytest.approx(1 / 6, abs=0.06)
    # One small direction is enough, however loud the others are.
    loud = spread * torch.tensor([100.0] * 19 + [0.0])
    loud[..., 19] += torch.arange(6)[:, None]
    assert probe(loud, 1.0, rng) == 1.0


def test_instance_norm_washes_labels_away_and_spade_does_not() -> None:
    washed = explain_normalization(model("pix2pixhd", downsamplings=2, blocks=1), "pix2pixhd")
    assert washed.classes == ("c0", "c1", "c2", "c3")
    assert washed.layers[0].before == 1.0
    assert all(layer.after == washed.chance for layer in washed.layers)
    assert torch.equal(washed.pictures, washed.pictures[:1].expand(4, -1, -1, -1))  # all classes are one
    kept = explain_normalization(model("spade", hidden=8), "spade")
    assert all(layer.kind == "Spade" and layer.after > 0.8 for layer in kept.layers)
    assert (kept.pictures[1:] - kept.pictures[:1]).abs().amax((1, 2, 3)).min() > 1e-2


def test_the_command_writes_a_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib")
    save_model(tmp_path / "crn", model("crn", modules=5))
    save_model(tmp_path / "spade", model("spade", hidden=4))
    command = ["explain", "normalization", str(tmp_path / "crn"), str(tmp_path / "spade")]
    assert main([*command, "-o", str(tmp_path / "out"), "--classes", "c1", "c3"]) == 0
    assert "2 classes" in capsys.readouterr().out
    facts = json.loads((tmp_path / "out" / "normalization.json").read_text())
    assert [len(entry["layers"]) for entry in facts["models"]] == [10, 18]
    assert (tmp_path / "out" / "normalization.png").stat().st_size > 10_000
    assert main([*command, "-o", str(tmp_path / "other"), "--classes", "c1", "sky"]) == 2
    assert "no class 'sky'" in capsys.readouterr().err


def test_one_class_is_too_few() -> None:
    with pytest.raises(SemsynthError, match="two classes or more"):
        explain_normalization(model("crn", modules=5), "crn", ["c1"])
