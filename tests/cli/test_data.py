"""`semsynth data`: what is printed is what things are called."""

from pathlib import Path

import pytest

from semsynth.cli import main
from tests.data import trees


def test_brackets_in_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = trees.plain(tmp_path / "ph[old]", 3)
    (root / "labels.json").write_text('{"classes": ["void", "sky [b]", ":car:", "[/]"], "void_id": 0}')
    labels = tmp_path / "new[1].json"
    assert main(["data", "check", str(root), "--write-labels", str(labels)]) == 0
    shown = capsys.readouterr().out.replace("\n", "")  # a long path is folded
    for text in (str(root), str(labels), "sky [b]", ":car:", "[/]"):
        assert text in shown
