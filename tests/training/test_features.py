"""The training of a feature network from nothing."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.models.features import CropNet
from semsynth.training import features
from semsynth.training.features import contrastive_loss, crop, train_features
from semsynth.training.features_settings import FeatureRecipe

RECIPE = FeatureRecipe(images=24, batch_size=4, held_out=3, checkpoint_images=8)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("photographs"), np.random.default_rng(0)
    for number in range(11):
        small = Image.fromarray(rng.integers(0, 256, (6, 7, 3), dtype=np.uint8))
        small.resize((84, 72), Image.Resampling.BICUBIC).save(folder / f"{number:02}.png")
    return folder


def test_a_resumed_run_is_one_that_never_stopped(
    photographs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    score = train_features(photographs, whole, RECIPE)
    step = features._Run.step

    def stops(run: features._Run) -> float:
        if run.seen == 12:
            raise KeyboardInterrupt
        return step(run)

    monkeypatch.setattr(features._Run, "step", stops)
    with pytest.raises(KeyboardInterrupt):
        train_features(photographs, stopped, RECIPE)
    monkeypatch.undo()
    assert not (stopped / "model.safetensors").exists()
    with pytest.raises(SemsynthError, match="other settings"):
        train_features(photographs, stopped, FeatureRecipe(**{**vars(RECIPE), "seed": 1}))
    assert train_features(photographs, stopped, RECIPE) == score
    for name in ("model.safetensors", "features.json"):
        assert (stopped / name).read_bytes() == (whole / name).read_bytes()
    lines = [json.loads(line) for line in (stopped / "log.jsonl").read_text().splitlines()]
    assert [line["images"] for line in lines] == [8, 16, 24]


def test_the_command_line_trains_what_evaluation_reads(
    photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["features", "train", str(photographs), "-o", str(tmp_path / "net"), "--images", "4"]
    assert main([*command, "--batch-size", "4", "--held-out", "3"]) == 0
    assert "of 3 photographs that were held out" in capsys.readouterr().out
    network = CropNet.load(tmp_path / "net")
    images = torch.rand(2, 3, 32, 48) * 2 - 1
    maps = network.maps(images)
    assert maps.shape == (2, network.dimensions, 4, 6)
    pooled = torch.cat([stage.mean((2, 3)) for stage in network(images)], 1)
    torch.testing.assert_close(maps.mean((2, 3)), pooled)
    assert main([*command, "--batch-size", "40"]) == 2
    assert "holds 11 photographs; 200 to hold out" in capsys.readouterr().err


def test_what_is_no_cropnet_is_refused(tmp_path: Path) -> None:
    (tmp_path / "features.json").write_text('{"network": "another"}')
    with pytest.raises(SemsynthError, match="does not describe a cropnet"):
        CropNet.load(tmp_path)


def test_the_loss_is_least_where_pairs_agree_and_all_else_differs() -> None:
    apart = torch.eye(6).repeat(2, 1)
    assert contrastive_loss(apart, 0.1) < 0.01
    longer = apart * torch.arange(1, 13)[:, None]
    assert contrastive_loss(longer, 0.1) < 0.01
    assert contrastive_loss(torch.ones(12, 6), 0.1).item() == pytest.approx(np.log(11), rel=1e-5)


@pytest.mark.parametrize("size", [(40, 50), (64, 64), (300, 200)])
def test_crops_are_of_one_size(size: tuple[int, int]) -> None:
    photo = Image.fromarray(np.full((*size, 3), 51, np.uint8))
    cut = crop(photo, np.random.default_rng(0))
    assert cut.shape == (3, 64, 64)
    torch.testing.assert_close(cut, torch.full_like(cut, -0.6))
