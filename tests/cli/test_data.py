"""`semsynth data`: what is printed is what things are called."""

import json
import os
from pathlib import Path

import pytest

from semsynth.cli import main
from semsynth.data import Geometry, load_dataset
from semsynth.data.cache import cached
from tests.data import trees


def test_brackets_in_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = trees.plain(tmp_path / "ph[old]", 3)
    (root / "labels.json").write_text('{"classes": ["void", "sky [b]", ":car:", "[/]"], "void_id": 0}')
    labels = tmp_path / "new[1].json"
    assert main(["data", "check", str(root), "--write-labels", str(labels)]) == 0
    shown = capsys.readouterr().out.replace("\n", "")  # a long path is folded
    for text in (str(root), str(labels), "sky [b]", ":car:", "[/]"):
        assert text in shown


def test_nothing_is_overwritten_unasked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = trees.plain(tmp_path / "set", 2)
    labels = str(root / "labels.json")
    before = (root / "labels.json").read_bytes()
    assert main(["data", "check", str(root), "--write-labels", labels]) == 2
    assert "labels.json exists already" in capsys.readouterr().err
    assert (root / "labels.json").read_bytes() == before
    assert main(["data", "check", str(root), "--write-labels", labels, "--overwrite"]) == 0
    sheet = tmp_path / "sheet.png"
    assert main(["data", "preview", str(root), "-o", str(sheet)]) == 0
    assert main(["data", "preview", str(root), "-o", str(sheet)]) == 2
    assert main(["data", "preview", str(root), "-o", str(sheet), "--overwrite"]) == 0


@pytest.mark.parametrize("options", [("--seed", "-1"), ("--count", "0")])
def test_a_sheet_of_nothing_is_refused(
    tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    root = trees.plain(tmp_path / "set", 2)
    assert main(["data", "preview", str(root), "-o", str(tmp_path / "sheet.png"), *options]) == 2
    assert "from 1 and 0 up are possible" in capsys.readouterr().err


def test_a_set_with_names_that_are_not_utf_8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = trees.plain(tmp_path / "set", 2)
    odd = os.fsdecode(b"caf\xe9.png")
    for kind in ("images", "labels"):
        (root / kind / "1.png").rename(root / kind / odd)
    trees.photo(root / "images" / os.fsdecode(b"\xff.png"))
    (root / "labels" / "0.png").write_bytes(b"broken")
    data = load_dataset(root)
    assert data.keys[1:] == [r"caf\xe9"]
    (root / "labels" / "0.png").unlink()
    assert main(["data", "check", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"][0]["samples"] == 1
    store = cached(load_dataset(root), tmp_path / "cache", Geometry(load_size=8, crop_size=8))
    assert store.keys == [r"caf\xe9"]
    assert main(["data", "preview", str(root), "-o", str(tmp_path / "sheet.png")]) == 0
