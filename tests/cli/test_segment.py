"""`semsynth segment`: photographs become a data set."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.data import load_dataset
from semsynth.labels import LabelSpace, read_label_map
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig


@pytest.fixture(scope="module")
def segmenter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that takes blue for sky and the rest for grass, the surer the bluer or less blue it is."""
    folder = tmp_path_factory.mktemp("segmenter")
    path = folder / "blue.pt"

    class Blue(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.stack([-images[:, 2], images[:, 2]], 1) * 4

    torch.jit.script(Blue()).save(path)
    path.with_suffix(".json").write_text(
        '{"network": "blue", "names": ["grass", "sky"], "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1]}'
    )
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "park" / "images"
    (folder / "inner").mkdir(parents=True)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:10, :, 2], pixels[10:20, :, 2], pixels[20:, :, 1] = 255, 128, 200
    Image.fromarray(pixels).save(folder / "a.png")
    Image.fromarray(np.rot90(pixels).copy()).save(folder / "inner" / "b.jpg", quality=95)
    return folder


def test_photographs_become_a_data_set(
    segmenter: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, sheet = photos.parent / "labels", photos.parent / "sheet.png"
    command = ["segment", str(photos), "-o", str(labels), "--segmenter", str(segmenter), "--trust"]
    assert main([*command, "--recursive", "--threshold", "0.7", "--sheet", str(sheet)]) == 0
    assert "2 label maps" in capsys.readouterr().out
    space = LabelSpace.from_file(labels / "labels.json")
    assert (space.names, space.void_id) == (("grass", "sky"), 2)
    expected = np.repeat([1, 2, 0, 0], 10)[:, None].repeat(60, 1)
    assert np.array_equal(read_label_map(labels / "a.png", space).ids, expected)
    turned = read_label_map(labels / "inner" / "b.png", space).ids
    assert (turned == np.rot90(expected)).mean() > 0.9
    data = load_dataset(photos.parent, split="train")
    assert (len(data), data.label_space.names) == (2, ("grass", "sky"))
    assert main(["data", "check", str(photos.parent)]) == 0
    assert "not read" not in capsys.readouterr().out
    assert Image.open(sheet).height > 2 * 192

    assert main(command) == 2  # a map exists
    assert "exist" in capsys.readouterr().err
    (labels / "a.png").unlink()
    before = (labels / "inner" / "b.png").stat().st_mtime_ns
    again = [*command, "--recursive", "--skip-existing", "--sheet", str(sheet)]
    assert main(again) == 2  # the sheet exists
    assert "sheet.png exists" in capsys.readouterr().err
    sheet.unlink()
    assert main(again) == 0
    assert Image.open(sheet).height > 2 * 192  # of those from before too
    assert "1 photograph skipped" in capsys.readouterr().out
    assert (labels / "a.png").exists()
    assert (labels / "inner" / "b.png").stat().st_mtime_ns == before


def test_without_a_threshold_nothing_is_void_and_large_photographs_keep_their_size(
    segmenter: Path, photos: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "maps"
    command = ["segment", str(photos / "a.png"), "-o", str(labels), "--segmenter", str(segmenter), "--trust"]
    large = Image.open(photos / "a.png").resize((300, 200), Image.Resampling.NEAREST)
    large.save(photos / "a.png")
    assert main([*command, "--threshold", "0", "--size", "64"]) == 0
    ids = read_label_map(labels / "a.png", LabelSpace.from_file(labels / "labels.json")).ids
    assert ids.shape == (200, 300)
    assert set(np.unique(ids)) == {0, 1}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--threshold", "1.5"], "--threshold is 1.5"),
        (["--size", "3"], "--size is 3"),
        (["--label-set", "facades"], "does not have"),
        (["--sheet", "sheet.jpg"], "must end in .png"),
        (["--sheet", "images/a.png"], "images/a.png"),
        (["--skip-existing", "--overwrite"], "contradict each other"),
        (["--recursive", "-o", "images/labels"], "lies among the photographs"),
        (["--label-set", "no-void.json"], "has no void"),
    ],
)
def test_what_cannot_be_is_a_sentence(
    options: list[str],
    reason: str,
    segmenter: Path,
    photos: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos.parent)
    LabelSpace.from_dict({"classes": ["grass", "sky"]}).save("no-void.json")
    command = ["segment", "images", "-o", "labels", "--segmenter", str(segmenter), "--trust", *options]
    assert main(command) == 2
    assert reason in capsys.readouterr().err
    assert not Path("labels").exists()


def test_maps_of_other_classes_are_not_mixed(
    segmenter: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = photos.parent / "labels"
    labels.mkdir()
    LabelSpace.from_dict({"classes": ["x", "y"], "void_id": 2}).save(labels / "labels.json")
    command = ["segment", str(photos), "-o", str(labels), "--segmenter", str(segmenter), "--trust"]
    assert main(command) == 2
    assert "describes other classes" in capsys.readouterr().err


def test_a_damaged_photograph_does_not_stop_the_others(
    segmenter: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.jpg").write_bytes(b"no picture")
    labels = photos.parent / "labels"
    command = ["segment", str(photos), "-o", str(labels), "--segmenter", str(segmenter), "--trust"]
    assert main(command) == 2
    output = capsys.readouterr()
    assert "1 label map in" in output.out
    assert "broken.jpg" in output.err
    assert sorted(path.name for path in labels.iterdir()) == ["a.png", "labels.json"]


def test_a_segmenter_of_ones_own_brings_its_label_set(photos: Path) -> None:
    config = SegmenterConfig(("grass", "sky"), "scratch", width=8, label_set="my park")
    PyramidSegmenter(config).save(photos.parent / "own")
    labels = photos.parent / "labels"
    own = ["--segmenter", str(photos.parent / "own")]
    assert main(["segment", str(photos), "-o", str(labels), *own]) == 0
    space = LabelSpace.from_file(labels / "labels.json")
    assert (space.name, space.names, space.void_id) == ("my park", ("grass", "sky"), 2)
