"""Files with old names still open."""

import json
from pathlib import Path

import safetensors.torch
import torch

from semsynth import hub
from semsynth.evaluation.protocol import load_protocol
from semsynth.evaluation.segmenters import segmenter_path
from semsynth.hub import compat
from tests.small import small_model

OLD = {
    "noise.values": "position_code",
    "noise.to_stem.": "stem_positions.",
    "noise.to_blocks.": "block_positions.",
}


def old_name(name: str) -> str:
    return next((old + name.removeprefix(new) for new, old in OLD.items() if name.startswith(new)), name)


def test_a_model_folder_with_old_names_opens(tmp_path: Path) -> None:
    model = small_model()
    folder = hub.save_model(tmp_path / "model", model)
    weights = safetensors.torch.load_file(folder / "model.safetensors")
    assert sum(old_name(name) != name for name in weights) == 9
    safetensors.torch.save_file({old_name(n): v for n, v in weights.items()}, folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    config["generator"]["positions"] = config["generator"].pop("noise_channels")
    (folder / "config.json").write_text(json.dumps(config))
    again = hub.load_model(folder, verify=False).generator
    assert again.config["noise_channels"] == model.generator.config["noise_channels"]
    for name, value in model.generator.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def test_settings_and_checkpoints_with_old_names_are_read() -> None:
    assert compat.run_settings({"generator": {"positions": 3}}) == {"generator": {"noise_channels": 3}}
    weights = {"block_positions.0.weight": 1, "blocks.0.conv_0.weight": 2}
    state = compat.checkpoint({"networks": {"generator": weights, "discriminator": {}}, "averaged": {}})
    assert state["networks"]["generator"] == {"noise.to_blocks.0.weight": 1, "blocks.0.conv_0.weight": 2}


def test_evaluations_with_old_names_are_read(tmp_path: Path) -> None:
    old = {
        "name": "park",
        "judge": "pretrained:judge-siftflow",
        "judged_ids": [2, 1],
        "judge_source": "Paper.",
    }
    new = {
        "name": "park",
        "evaluator": "pretrained:segmenter-siftflow",
        "evaluated_ids": [2, 1],
        "evaluator_source": "Paper.",
    }
    assert compat.protocol(old) == new
    row = {"name": "a", "optimised_with": None}
    report = {"methods": [row], "real": row, "networks": {"judge": {}}, "protocol": old, "sheet": []}
    assert compat.report(report) == {
        "methods": [{"name": "a", "loss_networks": None}],
        "real": {"name": "a", "loss_networks": None},
        "networks": {"evaluator": {}},
        "protocol": new,
        "sheet": [],
    }
    run = compat.evaluation_run({"method": "m", "judge": {}, "protocol": old | {"note": "A note."}})
    assert run == {
        "method": "m",
        "evaluator": {},
        "protocol": {k: v for k, v in new.items() if "source" not in k},
    }
    assert compat.evaluation_run({"protocol": 3}) == {"protocol": 3}
    assert segmenter_path(old["judge"]) == segmenter_path(new["evaluator"])  # type: ignore[arg-type]
    path = tmp_path / "park.toml"
    path.write_text('name = "park"\nlabel_set = "park"\njudge = "pretrained:judge-siftflow"')
    assert load_protocol(path).evaluator == new["evaluator"]
