"""The command line, where a user stands: evaluate, compare, and what they refuse."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.data import load_dataset
from semsynth.evaluation.ladder import RUNGS
from semsynth.evaluation.report import Report
from semsynth.hub import Model, load_model, save_model
from semsynth.models import create_model
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.models.style_encoder import StyleEncoder
from tests.evaluation.scenes import NAMES, write_protocol, write_scenes

COUNT = 34


@pytest.fixture(scope="module", autouse=True)
def _small() -> Iterator[None]:
    """The untrained evaluator reads pictures at their own size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsynth.evaluation.segmenters.LEAST_SIDE", 64)
        yield


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_scenes(tmp_path_factory.mktemp("scenes"), {"train": 2, "val": COUNT})
    write_protocol(root / "scenes.toml")
    return root


@pytest.fixture(scope="module")
def evaluator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained evaluator: what it says does not matter here."""
    folder = tmp_path_factory.mktemp("evaluator")
    PyramidSegmenter(SegmenterConfig(NAMES[1:], "scratch", width=16, label_set="scenes")).save(folder)
    return folder


@pytest.fixture(autouse=True)
def one_rung(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ladder of one rung: the others take as long, and tell nothing here."""
    monkeypatch.setattr(
        "semsynth.evaluation.kept_features.RUNGS", {"JPEG quality 10": RUNGS["JPEG quality 10"]}
    )


def evaluate(scenes: Path, evaluator: Path, model: Path, output: Path, *more: str) -> int:
    protocol = str(scenes / "scenes.toml")
    arguments = [
        str(model),
        str(scenes),
        "--protocol",
        protocol,
        "--evaluator",
        str(evaluator),
        "-o",
        str(output),
        *more,
    ]
    return main(["evaluate", *arguments])


def test_evaluate_and_compare_folders_of_pictures(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (scenes / "val" / "images").iterdir():
        mean = np.asarray(Image.open(path)).mean((0, 1)).astype(np.uint8)
        Image.fromarray(np.broadcast_to(mean, (64, 64, 3))).save(flat / path.name)
    statistics = tmp_path / "reference.npz"
    assert evaluate(scenes, evaluator, flat, tmp_path / "one", "--save-reference", str(statistics)) == 0
    assert evaluate(scenes, evaluator, scenes / "val" / "images", tmp_path / "two", "--name", "copies") == 0
    copies = Report.load(tmp_path / "two")
    assert copies.methods[0].lite2_frechet == pytest.approx(0, abs=1e-3)
    assert copies.methods[0].miou == copies.real.miou
    assert statistics.is_file()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(tmp_path / "both")]) == 0
    table = (tmp_path / "both" / "table.md").read_text(encoding="utf-8")
    first = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")]
    assert first[:6] == ["method", "---", "flat", "copies", "real photographs", "told from photographs"]
    assert "scenes: two-sample CropNet" in table
    assert copies.methods[0].cropnet_two_sample == {"mean": 0.5, "std": 0.0}
    assert Report.load(tmp_path / "one").methods[0].cropnet_two_sample["mean"] > 0.9
    sheet = Image.open(tmp_path / "both" / "sheet.png")
    assert sheet.width == 4 * 64 + 3 * 4  # labels, photograph, flat, copies
    page = (tmp_path / "both" / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<img") == 4 * len(copies.sheet)
    assert "http" not in page
    assert "<script" not in page
    assert 'src="data:image/png;base64,' in page
    assert "flat" in capsys.readouterr().out


def test_bad_input_is_one_sentence_and_exit_code_two(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert main(["evaluate", *arguments]) == 2
        return capsys.readouterr().err

    empty, protocol = tmp_path / "empty", str(scenes / "scenes.toml")
    empty.mkdir()
    rest = (str(scenes), "--protocol", protocol, "-o", str(tmp_path / "out"))
    assert "holds neither a model" in refused(str(empty), *rest, "--evaluator", str(evaluator))
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(scenes / "val" / "images" / "scene_000.png", one)
    assert f"has pictures for 1 of {COUNT} label maps; scene_001" in refused(
        str(one), *rest, "--evaluator", str(evaluator)
    )
    photos = str(scenes / "val" / "images")
    other = tmp_path / "other"
    PyramidSegmenter(SegmenterConfig(("a", "b"), "scratch", width=16)).save(other)
    assert "knows 2 classes" in refused(photos, *rest, "--evaluator", str(other))
    assert "has no evaluator of its own" in refused(photos, *rest)
    assert "is no segmenter" in refused(photos, *rest, "--evaluator", str(empty))
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not weights")
    assert "cannot be read as weights" in refused(
        photos, *rest, "--evaluator", str(evaluator), "--inception", str(wrong)
    )
    assert "no report.json" in _compare_error(tmp_path / "empty", tmp_path / "both", capsys)


def _flat(scenes: Path, folder: Path, suffix: str = "") -> Path:
    folder.mkdir()
    for path in (scenes / "val" / "images").iterdir():
        shutil.copy(path, folder / f"{path.stem}{suffix}{path.suffix}")
    return folder


def test_two_pictures_of_one_name_are_refused(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = _flat(scenes, tmp_path / "made")
    Image.new("RGB", (64, 64)).save(pictures / "scene_003.webp")
    assert evaluate(scenes, evaluator, pictures, tmp_path / "out") == 2
    assert "scene_003.webp have one name" in capsys.readouterr().err
    (pictures / "scene_003.webp").rename(pictures / ".scene_003.webp")
    (pictures / ".ipynb_checkpoints").mkdir()
    Image.new("RGB", (64, 64)).save(pictures / ".ipynb_checkpoints" / "scene_003.png")
    assert evaluate(scenes, evaluator, pictures, tmp_path / "out", "--limit", "3") == 0


def test_pictures_named_with_a_suffix_are_found_and_said(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = _flat(scenes, tmp_path / "made", "_fake_B")
    assert evaluate(scenes, evaluator, pictures, tmp_path / "out", "--limit", "3") == 0
    assert "pictures end in '_fake_B'" in capsys.readouterr().err
    for path in list(pictures.iterdir()):
        shutil.copy(path, path.with_name(path.name.replace("_fake_B", "_real_A")))
    assert evaluate(scenes, evaluator, pictures, tmp_path / "other") == 2
    said = capsys.readouterr().err
    assert "found scene_000_fake_B.png instead" in said
    assert "'_fake_B' (34), '_real_A' (34) at the end; keep one kind" in said


def test_data_without_a_label_set_are_told_the_flag(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = tmp_path / "plain"
    shutil.copytree(scenes / "val", plain / "val")
    command = ["evaluate", "landscape", str(plain), "--protocol", "siftflow", "-o", str(tmp_path / "out")]
    assert main(command) == 2
    assert "--labels siftflow" in capsys.readouterr().err


def test_reports_are_not_overwritten_unasked_but_gone_on_with(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos, out = scenes / "val" / "images", tmp_path / "out"
    out.mkdir()
    (out / "table.md").write_text("mine")
    assert evaluate(scenes, evaluator, photos, out, "--limit", "3") == 2
    assert "table.md" in capsys.readouterr().err
    assert (out / "table.md").read_text() == "mine"
    assert evaluate(scenes, evaluator, photos, out, "--limit", "3", "--overwrite") == 0
    (out / "report.json").unlink()
    assert evaluate(scenes, evaluator, photos, out, "--limit", "3") == 0
    both = tmp_path / "both"
    assert main(["compare", str(out), "-o", str(both)]) == 0
    assert main(["compare", str(out), "-o", str(both)]) == 2
    assert "3 of the 3 files to be written exist already" in capsys.readouterr().err
    assert main(["compare", str(out), "-o", str(both), "--overwrite"]) == 0


def test_a_replaced_picture_is_drawn_and_evaluated_again(
    scenes: Path, evaluator: Path, tmp_path: Path
) -> None:
    photos, out = scenes / "val" / "images", tmp_path / "out"
    assert evaluate(scenes, evaluator, photos, out, "--limit", "3") == 0
    before, first = Report.load(out), sorted((out / "pictures").iterdir())[0]
    drawn = first.read_bytes()
    Image.new("RGB", (64, 64)).save(first)
    assert evaluate(scenes, evaluator, photos, out, "--limit", "3") == 0
    assert first.read_bytes() == drawn
    after = Report.load(out)
    assert after.methods == before.methods
    assert any("had been changed since they were drawn" in line for line in after.warnings)


def _compare_error(report: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["compare", str(report), "-o", str(output)]) == 2
    return capsys.readouterr().err


def test_three_pictures_are_scored_but_not_compared_as_distributions(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = scenes / "val" / "images"
    assert evaluate(scenes, evaluator, photos, tmp_path, "--limit", "3") == 0
    report = Report.load(tmp_path)
    assert report.methods[0].pictures == 3
    assert report.methods[0].lite2_frechet is None
    assert "3 pictures are too few" in capsys.readouterr().out
    # Whoever asks for a distance is refused instead.
    asked = ("--limit", "3", "--save-reference", str(tmp_path / "reference.npz"))
    assert evaluate(scenes, evaluator, photos, tmp_path / "asked", *asked) == 2
    assert "3 pictures are too few" in capsys.readouterr().err
    assert not (tmp_path / "asked").exists()


def test_the_public_names_are_there() -> None:
    from semsynth import evaluation

    for name in dir(evaluation):
        assert getattr(evaluation, name).__name__ == name


def test_a_model_folder_is_drawn_with_and_its_styles_are_measured(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    generator = create_model("spade", num_classes=5, width=2, hidden=2, stem="labels+style", style_dim=4)
    encoder = StyleEncoder(style_dim=4, width=2, image_size=64)
    space = load_dataset(scenes, split="val").label_space
    save_model(tmp_path / "model", Model(generator, space, (64, 64), style_encoder=encoder))
    limited = ("--limit", "4", "--name", "tiny", "--record")
    assert evaluate(scenes, evaluator, tmp_path / "model", tmp_path / "out", *limited) == 0
    row = Report.load(tmp_path / "out").methods[0]
    assert row.name == "tiny"
    assert row.loss_networks is None
    assert row.diversity is not None
    assert row.diversity > 0
    assert row.style_colour is not None
    printed = capsys.readouterr().out
    assert "does not record which networks" in printed
    assert "| scenes: tiny | " in printed
    assert (
        evaluate(scenes, evaluator, tmp_path / "model", tmp_path / "out", *limited) == 0
    )  # the same model still
    (scores,) = load_model(tmp_path / "model").scores
    assert (scores.protocol, scores.pictures) == ("scenes", 4)
    assert scores.values["miou"] == pytest.approx(row.miou, rel=1e-5)
    assert scores.values.keys() >= {"diversity", "pixel_accuracy"}
    capsys.readouterr()
    assert main(["model", "info", str(tmp_path / "model")]) == 0
    assert "protocol scenes, 4 pictures" in " ".join(capsys.readouterr().out.split())
    assert evaluate(scenes, evaluator, scenes / "val" / "images", tmp_path / "copies", "--record") == 2
    assert "folder without config.json" in capsys.readouterr().err
    # The same folder, now admitting that Lite2 was in its loss.
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "loss_networks": ["efficientnet-lite2"]}))
    assert evaluate(scenes, evaluator, tmp_path / "model", tmp_path / "other", *limited) == 2
    assert "was part of this model's training loss" in capsys.readouterr().err


def test_a_protocol_may_name_the_layout_its_data_is_read_as(
    scenes: Path, evaluator: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, root = np.random.default_rng(0), tmp_path / "ade"
    for part in ("images", "annotations"):
        (root / part / "validation").mkdir(parents=True)
    rows = []
    for number, scene in enumerate(("beach", "bedroom", "jail_outdoor"), 1):
        stem = f"ADE_val_{number:08}"
        rows.append(f"{stem} {scene}")
        pixels = rng.integers(0, 256, (64, 64, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / "images" / "validation" / f"{stem}.jpg")
        Image.fromarray(rng.integers(0, 151, (64, 64)).astype(np.uint8)).save(
            root / "annotations" / "validation" / f"{stem}.png"
        )
    (root / "sceneCategories.txt").write_text("\n".join(rows))
    command = [
        "evaluate",
        "landscape",
        str(root),
        "--protocol",
        "ade20k-outdoor",
        "-o",
        str(tmp_path / "out"),
    ]
    assert main(command) == 2
    assert (
        "UperNet101" in capsys.readouterr().err
    )  # the evaluator has to be given, and where to find the papers'
    photos = root / "images" / "validation"
    sized = tmp_path / "sized"
    sized.mkdir()
    for path in photos.iterdir():
        Image.open(path).resize((256, 256)).save(sized / path.name)
    names = load_dataset("ade20k-outdoor", root=root, split="val").label_space.names[1:]
    knows = tmp_path / "knows"
    PyramidSegmenter(SegmenterConfig(tuple(names), "scratch", width=16)).save(knows)
    command[1] = str(sized)
    assert main([*command, "--evaluator", str(knows)]) == 0
    report = Report.load(tmp_path / "out")
    assert report.real.pictures == 2
    assert "Published figures, ade20k-outdoor" in capsys.readouterr().out
