"""Files that version 0.1.0 wrote open with today's code, and go on as they would have then.

Where the processor and PyTorch are those that made them, "as then" is to the bit; elsewhere to what another
order of sums may change. `make.py` says how the files were made.
"""

import io
import json
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semsynth.hub import load_model
from semsynth.models.segmenter import PyramidSegmenter
from semsynth.ops import fused
from semsynth.ops.blocks import SpectralNorm
from semsynth.ops.convolution import Conv2d
from semsynth.pipeline import Synthesizer
from tests.compat.make import (
    HALF,
    RECIPES,
    SEGMENTER,
    WHOLE,
    date,
    environment,
    semsynth,
    served,
    trained,
)

FILES = Path(__file__).parent / "0.1"
EXPECTED = json.loads((FILES / "expected.json").read_text(encoding="utf-8"))
EXACT = EXPECTED["environment"] == environment()
CHANGE = 0.2
"""What another order of sums may change of the change of all weights, relative, in the L2 norm: Adam divides
by the size of a gradient, so those that are nothing but rounding count as much as others."""


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the files, runs unpacked, as the current folder."""
    folder = shutil.copytree(FILES, tmp_path / "old")
    with tarfile.open(folder / "runs.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    date(folder / "data")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files as they lie, runs packed, as the current folder; not to be written to."""
    monkeypatch.chdir(FILES)
    return FILES


def assert_same_picture(found: Image.Image | Path, expected: Image.Image | Path) -> None:
    """Of whatever text in the file."""
    ours, theirs = (
        np.asarray(Image.open(each) if isinstance(each, Path) else each).astype(int)
        for each in (found, expected)
    )
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= (0 if EXACT else 1)


def test_a_model_folder(here: Path) -> None:
    model = load_model("model")
    assert model.label_space.names == ("void", "sky", "tree", "sand")
    assert model.image_size == (32, 32)
    assert model.loss_networks == ("efficientnet-lite0",)
    assert model.images_seen == WHOLE
    assert model.styles["noon"].note == "high sun"
    assert model.styles["noon"].thumbnail.size == (8, 6)
    assert torch.equal(model.styles["dusk"].vector, torch.full((3,), -1.5))
    assert model.card == "# A small model\n"
    encoder = Synthesizer(model).encode_style("data/val/images/0.png")
    assert encoder.shape == (3,)


def test_a_picture_is_drawn_again_by_its_record(here: Path, tmp_path: Path) -> None:
    record = json.loads(Image.open("synthesized.png").text["semsynth:synthesis"])
    labels = Path("data/val/labels") / record["labels"]
    height, width = record["size"]
    settings = ("--seed", record["seed"], "--size", f"{height}x{width}", "--precision", record["precision"])
    semsynth("synthesize", labels, "--model", record["model"], *settings, "-o", tmp_path)
    assert_same_picture(tmp_path / labels.name, Path("synthesized.png"))
    again = json.loads(Image.open(tmp_path / labels.name).text["semsynth:synthesis"])
    assert again["vector"] == pytest.approx(record["vector"], abs=1e-6)
    synthesizer = Synthesizer.from_pretrained(record["model"], precision=record["precision"])
    drawn = synthesizer(labels, record["vector"], seed=record["seed"], size=(height, width))
    assert_same_picture(drawn.pictures()[0], Path("synthesized.png"))


def weights(model: Path) -> Tensor:
    """All of a model folder's, in one row."""
    loaded = load_model(model)
    parts = [loaded.generator.state_dict(), loaded.style_encoder.state_dict()]
    return torch.cat([part[key].flatten() for part in parts for key in sorted(part)])


@pytest.mark.parametrize("sums", ["as then", "as now"])
@pytest.mark.parametrize("name", RECIPES)
def test_a_run_goes_on(name: str, sums: str, old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the bit without what has come since to sum in another order."""
    exact = EXACT and sums == "as then"
    if sums == "as then":
        monkeypatch.setattr(Conv2d, "_fits_winograd", lambda *_: False)
        monkeypatch.setattr(SpectralNorm, "_is_channels_last", lambda *_: False)
        monkeypatch.setattr(fused, "_LEAST_RECURRENCE", float("inf"))
    run, ended = old / "runs" / name, old / "runs" / f"{name}-ended"
    semsynth("train", f"runs/{name}.toml", "-o", run)
    found = load_model(run / "model")
    assert found.images_seen == WHOLE
    if exact:
        assert trained(run) == EXPECTED["ends"][name]
    if ended.is_dir():
        assert found.loss_networks == load_model(ended).loss_networks
        off = float((weights(run / "model") - weights(ended)).norm())
        assert off <= (0 if exact else CHANGE * EXPECTED["changes"][name])
    lines = (run / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["images"] for line in lines] == [4, 8, 12, 16]
    assert not list(run.glob("config-until-*.json")), "nothing changed but the words"


def test_a_segmenter_and_its_run(old: Path) -> None:
    folder = old / "runs" / "segmenter"
    model = PyramidSegmenter.load(folder)
    assert model.names == ("sky", "tree", "sand")
    assert model.config.scores["pictures_trained"] == WHOLE
    semsynth("segmenter", "train", "data", "-o", folder, *SEGMENTER)
    seen = [json.loads(line)["pictures"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert seen == [HALF, WHOLE]
    if EXACT:
        assert trained(folder) == EXPECTED["ends"]["segmenter"]


def test_an_evaluation(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It opens in a comparison, and goes on with what it has kept: nothing is drawn or evaluated again."""
    before = json.loads((old / "evaluation" / "report.json").read_text(encoding="utf-8"))
    semsynth("compare", "evaluation", "-o", "compared")
    kept = {path: path.stat().st_mtime_ns for path in old.glob("evaluation/[cp]*/*.[np]*")}
    evaluation = ("--protocol", "protocol.toml", "--judge", "runs/segmenter")
    semsynth("evaluate", "model", "data", *evaluation, "-o", "evaluation")
    assert not re.search(r"\bagain\b", "".join(capsys.readouterr()))
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    after = json.loads((old / "evaluation" / "report.json").read_text(encoding="utf-8"))
    ours, theirs = after["methods"][0], before["methods"][0]
    for score in ("miou", "pixel_accuracy", "diversity"):
        assert ours[score] == pytest.approx(theirs[score], rel=1e-6)


def test_what_the_page_wrote(here: Path, tmp_path: Path) -> None:
    """A project, from a file and from the shelf; the map with its settings; the picture with its record."""
    (tmp_path / "projects").mkdir()
    shutil.copy("project.zip", tmp_path / "projects" / "meadow.zip")
    files = {"map": Path("map.png").read_bytes()}
    with served(here / "model", tmp_path) as client:

        def assert_drawn(settings: object) -> None:
            answer = client.post(
                "/api/synthesize", files=files, data={"settings": json.dumps(settings)}
            ).raise_for_status()
            assert_same_picture(Image.open(io.BytesIO(answer.content)), Path("picture.png"))

        packed = {"project": Path("project.zip").read_bytes()}
        project = client.post("/api/projects/read", files=packed).raise_for_status().json()
        assert [layer["name"] for layer in project["layers"]] == ["Layer 0", "Layer 1"]
        assert project["active"] == 1
        assert project["own_styles"][0]["vector"] == [0.5, -0.5, 0.0]
        assert_drawn(project["settings"])
        assert [row["name"] for row in client.get("/api/projects").json()] == ["meadow"]
        assert client.get("/api/projects/meadow").raise_for_status().json() == project
        found = client.post("/api/maps/read", files=files).raise_for_status().json()
        assert found["ids"] == project["layers"][0]["ids"]
        assert found["settings"] == project["settings"]
        assert_drawn(json.loads(Image.open("picture.png").text["semsynth"])["settings"])
