"""Every verb that writes a file the user names refuses one that exists, before it begins."""

import argparse
from pathlib import Path

import pytest

from semsynth.cli import build_parser, main
from semsynth.cli.options import refuse_existing
from semsynth.errors import SemsynthError
from tests.data import trees


@pytest.mark.parametrize(
    "command",
    [
        "data preview SET -o OUT.png",
        "data outdoor-list SET -o OUT.png",
        "data check SET --write-labels OUT.png",
        "edit PHOTO --before MAP --labels MAP -o OUT.png",
        "edit PHOTO -o OUT.png",
        "model export landscape -o OUT.onnx",
        "model import G.pth --from spade -o OUT",
        "model pack landscape -o OUT",
        "explain normalization landscape -o FOLDER",
        "synthesize MAP -o FOLDER",
        "evaluate landscape SET -o FOLDER",
    ],
)
def test_what_exists_is_not_replaced_unasked(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    trees.plain(tmp_path / "SET", 1)
    trees.ids(tmp_path / "MAP.png")
    trees.photo(tmp_path / "PHOTO.png")
    written = (
        "OUT",
        "OUT.png",
        "OUT.onnx",
        "FOLDER/normalization.json",
        "FOLDER/MAP.png",
        "FOLDER/report.json",
    )
    for name in written:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    arguments = command.replace("PHOTO", "PHOTO.png").replace("MAP", "MAP.png").split()
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert "exist" in said
    assert "--overwrite" in said
    assert all((tmp_path / name).read_text() == "mine" for name in written)
    assert build_parser(arguments[0]).parse_args([*arguments, "--overwrite"]).overwrite


def test_the_refusal_counts_and_names_one(tmp_path: Path) -> None:
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path in paths[1:3]:
        path.touch()
    with pytest.raises(SemsynthError, match=r"2 of the 4 files .* such as .*1\.png"):
        refuse_existing(paths, argparse.Namespace(overwrite=False))
    refuse_existing(paths, argparse.Namespace(overwrite=True))
    paths[3].symlink_to(tmp_path / "nowhere")
    with pytest.raises(SemsynthError, match="3 of the 4"):
        refuse_existing(paths, argparse.Namespace(overwrite=False))
