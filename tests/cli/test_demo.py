"""The demo, with a small untrained model in place of the bundled one."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.hub import PRETRAINED, Model, save_model
from semsynth.hub.styles import Style
from semsynth.labels import LabelSpace, read_label_map, write_label_map
from semsynth.models import create_model

EXAMPLES = PRETRAINED / "landscape" / "examples"
SPACE = LabelSpace.named("siftflow")
NAMES = ("winter", "odd", "heat", "haze", "noon")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo") / "model"
    torch.manual_seed(0)
    generator = create_model("spade", num_classes=34, width=4, hidden=8, stem="labels+style", style_dim=8)
    styles = {name: Style(10 * torch.randn(8)) for name in NAMES}
    save_model(folder, Model(generator, SPACE, (64, 64), styles=styles))
    (folder / "examples").mkdir()
    for path in sorted(EXAMPLES.glob("*.png"))[:2]:
        ids = read_label_map(path, SPACE).ids[::4, ::4]
        write_label_map(folder / "examples" / path.name, ids, SPACE)
    return folder


def test_every_map_in_three_styles_and_a_sheet(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "-o", str(tmp_path), "--model", str(model), "--tile", "64"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == str(tmp_path / "sheet.png")
    stems = [path.stem for path in sorted((model / "examples").glob("*.png"))]
    wanted = {f"{stem}-{style}.png" for stem in stems for style in ("noon", "winter", "odd")}
    assert {path.name for path in tmp_path.glob("*.png")} == wanted | {"sheet.png"}
    pictures = [np.asarray(Image.open(tmp_path / f"{stems[0]}-{s}.png")) for s in ("noon", "winter", "odd")]
    assert all(picture.shape == (64, 64, 3) for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])


def test_sheet_shows_the_maps_in_their_colours(model: Path, tmp_path: Path) -> None:
    arguments = ["demo", "-o", str(tmp_path), "--model", str(model), "--tile", "64", "--across", "1"]
    assert main([*arguments, "--style", "odd"]) == 0
    sheet = np.asarray(Image.open(tmp_path / "sheet.png"))
    first = sorted((model / "examples").glob("*.png"))[0]
    colours = SPACE.colorize(read_label_map(first, SPACE).ids)
    assert np.array_equal(sheet[22 : 22 + 64, :64], colours)
    drawn = np.asarray(Image.open(tmp_path / f"{first.stem}-odd.png"))
    assert np.array_equal(sheet[22 : 22 + 64, 68:132], drawn)


def test_named_maps_and_a_jpeg_sheet(model: Path, tmp_path: Path) -> None:
    one = sorted((model / "examples").glob("*.png"))[1]
    sheet = tmp_path / "images" / "sheet.jpg"
    assert main(["demo", str(one), "-o", str(tmp_path), "--model", str(model), "--sheet", str(sheet)]) == 0
    assert Image.open(sheet).format == "JPEG"
    assert len(list(tmp_path.glob("*.png"))) == 3


def test_what_is_named_twice_is_painted_once(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = str(sorted((model / "examples").glob("*.png"))[0])
    styles = ["--style", "odd", "--style", "odd"]
    assert main(["demo", one, one, "-o", str(tmp_path), "--model", str(model), *styles]) == 0
    assert "1 images of 1 label maps" in capsys.readouterr().out


def test_a_sheet_does_not_overwrite_a_label_map(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lake = tmp_path / "lake.png"
    write_label_map(lake, np.full((64, 64), 28), SPACE)
    before = lake.read_bytes()
    out = ["-o", str(tmp_path / "out"), "--sheet", str(lake)]
    assert main(["demo", str(lake), *out, "--model", str(model)]) == 2
    assert "the contact sheet would overwrite" in capsys.readouterr().err
    assert lake.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--style", "no such style"], "winter"),
        (["--sheet", "sheet.gif"], ".png or .jpg"),
        (["--tile", "4"], "16 to 1024"),
        (["no-such-map.png"], "no-such-map.png does not exist"),
        (["one/x.png", "two/x.png"], "one/x.png and two/x.png would both be written to"),
    ],
)
def test_what_cannot_be_done_is_said(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], word: str
) -> None:
    assert main(["demo", *arguments, "-o", str(tmp_path), "--model", str(model)]) == 2
    assert word in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
