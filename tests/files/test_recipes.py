"""Recipes are found by name from anywhere, also from a wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.files.recipes import recipe_folder, recipe_names, recipe_path
from semsynth.training.objective import METHODS, describe_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "name",
    [
        "spade-siftflow",
        "spade-siftflow.toml",
        "recipes/spade-siftflow.toml",
        "./recipes/spade-siftflow",
        "comparison/spade",
        "recipes/ablations/kernel-1.toml",
    ],
)
def test_a_name_is_enough(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = recipe_path(name)
    assert found.is_file()
    assert found.is_relative_to(recipe_folder())


def test_a_file_of_ones_own_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipes").mkdir()
    own = tmp_path / "recipes" / "spade-siftflow.toml"
    own.touch()
    assert recipe_path("recipes/spade-siftflow.toml").resolve() == own
    assert recipe_path(tmp_path / "nowhere.toml") == tmp_path / "nowhere.toml"


def test_an_unknown_name_is_told_the_known_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SemsynthError, match="spade-siftflow"):
        recipe_path("spade-siftflw.toml")
    with pytest.raises(SemsynthError, match=r"spade-ade20k.*comparison/"):
        recipe_path("zzz")
    assert main(["train", "zzz", "--print"]) == 2
    assert "no recipe of this name" in capsys.readouterr().err
    assert main(["train", "spade-siftflow", "ablations/kernel-1", "--print"]) == 0


def test_help_lists_the_recipes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = "".join(capsys.readouterr().out.split())
    assert all(name in shown for name in recipe_names())


@pytest.mark.parametrize(
    ("arguments", "there", "absent"),
    [
        ([], ["--objective.kl FLOAT", "--generator.stem LABELS|", "--run.images"], "--objective.labelmix"),
        (["oasis-siftflow"], ["--objective.labelmix FLOAT", "Weight of LabelMix"], "--objective.kl"),
        (["oasis-siftflow", "--method", "crn"], ["--objective.vgg_file TEXT"], "--discriminator."),
        (["--method=pix2pixhdpp"], ['(default: "sync_batch")'], "--objective.labelmix"),
    ],
)
def test_help_lists_the_settings_of_the_method(
    arguments: list[str], there: list[str], absent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["train", *arguments, "--help"])
    assert left.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert all(text in shown for text in there)
    assert absent not in shown


def test_every_setting_has_a_help_text() -> None:
    for method in METHODS:
        for section, keywords in describe_settings(method).items():
            for keyword in keywords:
                assert keyword.text, f"{method}: {section}.{keyword.name} has no entry in a docstring"
                assert keyword.kind, f"{method}: {section}.{keyword.name} has no type"


def test_a_wheel_brings_the_recipes(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "-w", str(tmp_path), str(ROOT)], check=True, cwd=tmp_path)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "site")
    code = "from semsynth.files.recipes import *; print(recipe_path('recipes/comparison/spade.toml'))"
    surroundings = {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=surroundings, stdout=-1, check=True)
    assert Path(done.stdout.decode().strip()) == tmp_path / "site/semsynth/recipes/comparison/spade.toml"
