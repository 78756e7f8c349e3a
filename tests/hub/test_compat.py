"""Files saved under old names are read."""

import json
from pathlib import Path

import torch

from semsynth.files.tensors import file_sha256
from semsynth.hub import compat
from semsynth.hub.config import read_config
from semsynth.training.checkpoints import load_newest


def test_a_model_folder_may_name_its_loss_networks_as_before(tmp_path: Path) -> None:
    config = {
        "format": 1,
        "generator": {},
        "image_size": [64, 64],
        "label_set": "park",
        "optimised_with": ["vgg19"],
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    found = read_config(tmp_path)
    assert found["loss_networks"] == ["vgg19"]
    assert "optimised_with" not in found


def test_a_checkpoint_may_name_its_loss_networks_as_before(tmp_path: Path) -> None:
    path = tmp_path / "new"
    torch.save({"images_seen": 4, "looks_through": ["vgg19"]}, path)
    path.rename(tmp_path / f"0000000004-{file_sha256(path)[:16]}.pt")
    state = load_newest(tmp_path, print)
    assert state == {"images_seen": 4, "loss_networks": ["vgg19"]}


def test_settings_that_a_method_never_used_are_dropped_from_a_runs() -> None:
    saved = {
        "method": "crn",
        "objective": {"vgg_file": "", "kl": 0.05, "labelmix": 0.0},
        "run": {"images": 4},
    }
    assert compat.run_settings(saved, {"vgg_file"}) == saved | {"objective": {"vgg_file": ""}}
    assert compat.run_settings({"objective": 3}, {"vgg_file"}) == {"objective": 3}
