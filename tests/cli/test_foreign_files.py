"""Files given to a verb that are no such files: a sentence that names the file, whatever lies there."""

import os
import shutil
from pathlib import Path

import pytest
from PIL import Image

from semsynth.cli import main
from tests.small import small_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def spoil(path: Path, how: str) -> None:
    """Put something at a path that is no text: each has once ended in a traceback or waited for ever."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    if how == "pipe":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    else:
        path.write_bytes({"nested": b"a = " + b"[" * 100_000, "binary": bytes(range(256))}[how])


COMMANDS = {
    "protocol.toml": ["evaluate", "m", "data", "-o", "out", "--protocol", "protocol.toml"],
    "styles.toml": [
        "model",
        "pack",
        "m",
        "-o",
        "out",
        "--photos",
        ".",
        "--thumbnail",
        "map.png",
        "--styles",
        "styles.toml",
    ],
    "card.md": ["model", "pack", "m", "-o", "out", "--card", "card.md"],
    "sceneCategories.txt": ["data", "outdoor-list", ".", "-o", "out.txt"],
    "annotations/instances_train2017.json": ["data", "instances", "."],
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("how", ["pipe", "folder", "nested", "binary"])
def test_a_file_that_is_none_is_said(
    name: str, how: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if (name, how) == ("card.md", "nested"):
        pytest.skip("a card may hold any text")
    (place / "stuffthingmaps" / "train2017").mkdir(parents=True)
    spoil(place / name, how)
    assert main(COMMANDS[name]) == 2
    assert name in capsys.readouterr().err


@pytest.mark.parametrize("output", ["", "."])
def test_an_output_without_a_name_is_said(
    output: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small_folder(place / "m")
    assert main(["model", "pack", "m", "-o", output, "--overwrite"]) == 2
    assert "will not be overwritten" in capsys.readouterr().err
    (place / "sceneCategories.txt").write_text("ADE_train_00000001 street\n")
    assert main(["data", "outdoor-list", ".", "-o", output, "--overwrite"]) == 2
    assert "names no new file" in capsys.readouterr().err


def test_links_in_a_circle_are_said(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "circle").symlink_to(place / "circle")
    small_folder(place / "m")
    Image.new("L", (8, 8)).save(place / "map.png")
    common = ["--model", "m", "-o"]
    for command in (
        ["synthesize", "map.png", *common, "circle/out"],
        ["synthesize", "circle/map.png", *common, "out"],
        ["demo", "circle/map.png", *common, "out"],
        ["model", "pack", "m", "-o", "circle", "--overwrite"],
    ):
        assert main(command) == 2
        assert "circle" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pipe", "file", "loop"])
def test_what_is_there_but_no_model_is_not_said_to_be_missing(
    name: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(place / "pipe")
    (place / "file").touch()
    (place / "loop").symlink_to(place / "loop")
    assert main(["model", "info", name]) == 2
    assert f"There is no model '{name}': {name} is no folder;" in capsys.readouterr().err
