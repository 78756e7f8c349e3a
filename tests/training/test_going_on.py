"""Going on with a run whose files, data or settings are not what they were."""

import json
import os
import shlex
import shutil
import signal
from pathlib import Path
from unittest.mock import patch

import pytest

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.hub import load_model
from semsynth.training.checkpoints import load_newest, save_checkpoint
from semsynth.training.log import read_log
from semsynth.training.loop import train
from tests.faults import difference
from tests.small import SPACE
from tests.training.tiny import as_toml, paint, tiny_recipe

IMAGES = 12


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("data") / "set")


def short(data: Path, **changes: object):
    return tiny_recipe(data, **{"run__images": IMAGES, "run__checkpoint_images": 4, **changes})


@pytest.fixture(scope="module")
def finished(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(short(data), folder, device="cpu")
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A finished run of one's own to spoil."""
    return shutil.copytree(finished, tmp_path / "run")


def newest(folder: Path) -> dict:
    state = load_newest(folder / "checkpoints", warn=pytest.fail)
    assert state is not None
    return state


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


class Stop(Exception):
    """Stands for whatever ends a process."""


# ---- the model folder


@pytest.mark.parametrize("damage", ["absent", "older", "weights", "config", "labels", "settings"])
def test_a_model_folder_that_is_not_the_checkpoints_is_written_again(
    data: Path, finished: Path, run: Path, tmp_path: Path, damage: str
):
    config = json.loads((run / "model" / "config.json").read_text())
    assert config["images_seen"] == IMAGES
    if damage == "absent":
        shutil.rmtree(run / "model")
    elif damage == "older":
        train(short(data, run__images=4), tmp_path / "older", device="cpu")
        shutil.rmtree(run / "model")
        shutil.copytree(tmp_path / "older" / "model", run / "model")
    elif damage == "weights":
        (run / "model" / "model.safetensors").write_bytes(b"")
    elif damage == "config":
        (run / "model" / "config.json").write_text("{")
    elif damage == "labels":
        (run / "model" / "labels.json").write_text(json.dumps(SPACE.to_dict()))
    else:
        (run / "model" / "config.json").write_text(json.dumps(config | {"loss_networks": ["vgg19"]}))
    train(short(data), run, device="cpu")
    assert files_of(run / "model") == files_of(finished / "model")
    assert not [path.name for path in run.iterdir() if path.name.startswith(".") and path.name != ".lock"]


# ---- checkpoints


def test_the_last_whole_checkpoint_is_gone_on_from_and_kept(data: Path, finished: Path, run: Path):
    latest = max((run / "checkpoints").iterdir())
    latest.write_bytes(latest.read_bytes()[:-1])
    messages: list[str] = []

    def interrupt(seen: int, *_: object) -> None:
        if seen == IMAGES:
            os.kill(os.getpid(), signal.SIGINT)

    recipe = short(data, run__keep=1, run__images=24)
    train(recipe, run, device="cpu", log=messages.append, report=interrupt)
    assert any(f"renamed to {latest.name}.damaged" in sentence for sentence in messages)
    assert newest(run)["images_seen"] == IMAGES + 4
    assert len(list((run / "checkpoints").iterdir())) == 1


def test_a_run_with_nothing_but_damage_stops_and_deletes_nothing(data: Path, run: Path):
    before = sorted((run / "checkpoints").iterdir())
    for path in before:
        path.write_bytes(b"")
    with pytest.raises(SemsynthError, match="None of the 2 checkpoints"):
        train(short(data), run, device="cpu")
    assert sorted((run / "checkpoints").iterdir()) == before


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("networks", 5),
        ("networks", {"generator": {}}),
        ("averaged", {"generator": 3}),
        ("optimizers", {}),
        ("optimizers", {"generator": {"state": {}, "param_groups": []}, "discriminator": 3}),
        ("sampler", []),
        ("sampler", {}),
    ],
)
def test_a_checkpoint_of_other_content_is_refused_in_a_sentence(
    data: Path, finished: Path, tmp_path: Path, part: str, value: object
):
    state = newest(finished)
    state[part] = value
    save_checkpoint(tmp_path / "checkpoints", IMAGES, state, keep=1)
    with pytest.raises(SemsynthError):
        train(short(data, run__images=16), tmp_path, device="cpu")


# ---- the log and the settings

DAMAGE = [b'["no table"]', b'{"images": "4"}', b"\xff\xfe\x00", b"[" * 100_000, b"{}", b'{"images": 4']


def test_damaged_lines_of_a_log_are_left_out(data: Path, finished: Path, run: Path):
    lines = (finished / "log.jsonl").read_bytes().splitlines()
    (run / "log.jsonl").write_bytes(b"\n".join([*lines[:2], *DAMAGE, *lines[2:]]) + b"\n")
    messages: list[str] = []
    train(short(data), run, device="cpu", log=messages.append)
    assert (run / "log.jsonl").read_bytes().splitlines() == lines
    assert any(f"{len(DAMAGE)} damaged lines" in sentence for sentence in messages)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a pipe in place of the log")
def test_a_log_that_cannot_be_read_does_not_stop_a_run(data: Path, run: Path):
    (run / "log.jsonl").unlink()
    os.mkfifo(run / "log.jsonl")
    messages: list[str] = []
    train(short(data, run__images=16), run, device="cpu", log=messages.append)
    assert any("A new log is begun" in sentence for sentence in messages)
    assert [line["images"] for line in read_log(run / "log.jsonl")] == [16]


def test_a_line_of_the_log_counts_what_was_before_the_stop(data: Path, finished: Path, tmp_path: Path):
    """The line comes every 12 pictures, the stop at 8."""

    def stop(seen: int, *_: object) -> None:
        if seen == 8:
            raise Stop

    with pytest.raises(Stop):
        train(short(data, run__log_images=12), tmp_path / "stopped", device="cpu", report=stop)
    for name in ("stopped", "whole"):
        train(short(data, run__log_images=12), tmp_path / name, device="cpu")
    (one,), (other,) = (read_log(tmp_path / name / "log.jsonl") for name in ("stopped", "whole"))
    assert {k: v for k, v in one.items() if "/" in k} == {k: v for k, v in other.items() if "/" in k}


@pytest.mark.parametrize("text", ["", "{", "3", "[]", "[" * 100_000, '{"run": ' * 500, "\xff"])
def test_damaged_settings_do_not_stop_a_run(data: Path, finished: Path, run: Path, text: str):
    (run / "config.json").write_bytes(text.encode("latin-1"))
    messages: list[str] = []
    train(short(data), run, device="cpu", log=messages.append)
    assert any("config.json is damaged" in sentence for sentence in messages)
    assert (run / "config.json").read_bytes() == (finished / "config.json").read_bytes()


def test_settings_that_nothing_was_trained_with_leave_no_trace(data: Path, finished: Path, run: Path):
    for rate in (2e-4, 3e-4):  # both times killed before a step
        recipe = short(data, run__images=16, optimizer__lr_generator=rate)
        with pytest.raises(Stop), patch("semsynth.training.loop.MetricsLog", side_effect=Stop):
            train(recipe, run, device="cpu")
    aside = run / f"config-until-{IMAGES:010d}.json"
    assert aside.read_bytes() == (finished / "config.json").read_bytes()
    assert json.loads((run / "config.json").read_text())["optimizer"]["lr_generator"] == 3e-4


# ---- the data


def grown(data: Path, root: Path) -> Path:
    """The data with one picture more."""
    shutil.copytree(data, root)
    for part in ("images", "labels"):
        shutil.copy(root / part / "000.png", root / part / "more.png")
    return root


def test_a_run_whose_data_grew_names_the_way_on(
    data: Path, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, recipe = grown(data, tmp_path / "grown"), tmp_path / "tiny.toml"
    recipe.write_text(as_toml(short(root, run__images=4)))
    assert main(["train", str(recipe), "-o", str(run), "--run.images", "16", "--device", "cpu"]) == 2
    messages = capsys.readouterr().err
    assert "has 9 pictures now; the run" in messages
    command = shlex.split(messages[messages.index("That is: ") + 9 :])
    assert command[:3] == ["semsynth", "train", str(recipe)]
    assert f"--run.start_from={run}" in command
    assert main([word.replace("=16", "=4") for word in command[1:]]) == 0
    assert load_model(f"{run}-2/model").images_seen == 4


@pytest.mark.parametrize("change", ["more", "order", "name"])
def test_a_run_whose_classes_changed_names_the_way_on(data: Path, run: Path, tmp_path: Path, change: str):
    root = shutil.copytree(data, tmp_path / "set")
    labels = json.loads((root / "labels.json").read_text())
    if change == "more":
        labels["classes"].append({"name": "class 4", "color": [1, 2, 3]})
    elif change == "order":
        labels["classes"] = [{**entry, "id": number} for number, entry in enumerate(labels["classes"][::-1])]
    else:
        labels["classes"][0]["name"] = "sky"
    (root / "labels.json").write_text(json.dumps(labels))
    messages: list[str] = []
    if change == "name":  # the ids mean what they meant
        train(short(root), run, device="cpu", log=messages.append)
        assert any("Classes were renamed" in sentence for sentence in messages)
        assert load_model(run / "model").label_space.names[0] == "sky"
        return
    sentence = "4 classes, the data has 5 now" if change == "more" else "class 0 of 4 was 'class 0'"
    with pytest.raises(SemsynthError, match=rf"{sentence}.*--run.start_from {run}"):
        train(short(root), run, device="cpu")


def test_replaced_label_maps_are_said(data: Path, run: Path, tmp_path: Path):
    root = shutil.copytree(data, tmp_path / "set")
    shutil.copy(root / "labels" / "001.png", root / "labels" / "000.png")
    os.utime(root / "labels" / "000.png")
    messages: list[str] = []
    train(short(root), run, device="cpu", log=messages.append)
    assert any("label maps have changed" in sentence for sentence in messages)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"run__batch_size": 16},
            "fewer than one batch of 16; choose a --run.batch_size of at most 8",
        ),
        ({"run__accumulate": 3}, "batch of 4 does not divide into 1 processes with 3 parts"),
        ({"run__start_from": "absent"}, "There is no model 'absent'"),
    ],
)
def test_what_cannot_be_trained_names_the_setting(data: Path, tmp_path: Path, changes: dict, sentence: str):
    with pytest.raises(SemsynthError, match=sentence):
        train(short(data, **changes), tmp_path / "run", device="cpu")
    assert not (tmp_path / "run").exists()


# ---- a disk without room


@pytest.mark.parametrize("limit", [0, 400, 4_000, 40_000, 400_000])
def test_a_file_that_cannot_be_written_is_a_sentence_and_nothing_is_lost(data: Path, run: Path, limit: int):
    resource = pytest.importorskip("resource")
    before = newest(run)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(SemsynthError, match="cannot be written"):
            train(short(data, run__images=20), run, device="cpu")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not difference(before, newest(run))
    assert not list(run.rglob("*.part"))
    train(short(data, run__images=20), run, device="cpu")
    assert [line["images"] for line in read_log(run / "log.jsonl")] == [4, 8, 12, 16, 20]
