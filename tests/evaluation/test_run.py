"""A whole evaluation on a tiny data set, from the command line's side where a user stands."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.data import load_dataset
from semsynth.errors import SemsynthError
from semsynth.evaluation.features import FeatureExtractor
from semsynth.evaluation.frechet import FeatureSpace
from semsynth.evaluation.protocol import load_protocol
from semsynth.evaluation.report import Report
from semsynth.evaluation.run import Evaluation
from semsynth.evaluation.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.evaluation.subjects import Method, Subjects
from semsynth.hub import Model, save_model
from semsynth.models import create_model
from semsynth.models.style_encoder import StyleEncoder
from tests.evaluation.scenes import COLOURS, NAMES, write_protocol, write_scenes

COUNT = 34


class ColourJudge:
    """Knows the four colours of the scenes, and needs no training."""

    names = NAMES[1:]
    about = {"kind": "test", "network": "colours", "weights": "0"}  # noqa: RUF012

    def __call__(self, images):
        pixels = (images.permute(0, 2, 3, 1) + 1) * 127.5
        colours = torch.tensor(COLOURS[1:], dtype=torch.float32)
        return (pixels[..., None, :] - colours).square().sum(-1).argmin(-1)


def grid_extractor() -> FeatureExtractor:
    pool = torch.nn.AdaptiveAvgPool2d(2)
    space = FeatureSpace("grid", "0", "all", "clean", 12)
    return FeatureExtractor(space, 32, lambda x: pool(x).flatten(1))


def painter(noise: float) -> Method:
    """Paints each class in its colour, brightness by the seed; a photograph lends it its mean colour."""

    def draw(key, labels, instances, photo, seed):
        rng = np.random.default_rng(seed)
        shift = (
            rng.normal(0, noise, 3) if photo is None else photo.mean((0, 1)) - COLOURS[labels].mean((0, 1))
        )
        return (COLOURS[labels] + shift).clip(0, 255).astype(np.uint8)

    return Method(
        "painter", f"noise {noise}", draw, has_styles=True, takes_photos=True, optimised_with=("vgg19",)
    )


def stages(images):
    return [images, torch.nn.functional.avg_pool2d(images, 4) + 1]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_scenes(tmp_path_factory.mktemp("scenes"), {"train": 2, "val": COUNT})
    write_protocol(root / "scenes.toml")
    return root


def evaluation(scenes: Path, folder: Path, method: Method | None = None, **more) -> Evaluation:
    subjects = Subjects(load_dataset(scenes, split="val"), load_protocol(scenes / "scenes.toml"))
    return Evaluation(
        method or painter(10.0),
        subjects,
        folder,
        ColourJudge(),
        lite2=grid_extractor(),
        stages=stages,
        **more,
    )


def without_times(folder: Path) -> dict:
    document = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert document.pop("times")
    return document


def test_the_report_says_everything_and_the_photographs_are_the_ceiling(scenes: Path, tmp_path: Path) -> None:
    report = evaluation(scenes, tmp_path).run()
    (made,), real = report.methods, report.real
    assert real.miou > 0.95
    assert real.name == "real photographs"
    assert made.pictures == real.pictures == COUNT
    void_share = 2 / 64
    assert made.void_counted["pixel_accuracy"] == pytest.approx(
        made.void_ignored["pixel_accuracy"] * (1 - void_share), rel=1e-6
    )
    assert made.pixel_accuracy == made.void_ignored["pixel_accuracy"]
    assert set(made.per_class_iou) == set(NAMES[1:])
    assert made.lite2_frechet is not None
    assert made.lite2_frechet_half is not None
    assert real.lite2_frechet_half is not None
    assert made.fid is None
    assert made.diversity is not None
    assert made.diversity > 0
    assert made.style_colour is not None
    assert made.style_colour > 0.3  # the painter does take the photograph's mean colour
    assert made.optimised_with == ["vgg19"]
    assert report.networks["judge"]["network"] == "colours"
    document = without_times(tmp_path)
    assert {"methods", "real", "protocol", "networks"} <= document.keys()
    assert document["protocol"]["absent"] == "truth"
    assert Report.load(tmp_path).real.miou == pytest.approx(real.miou, rel=1e-5)


def test_twice_gives_the_same_bytes_and_a_stopped_run_goes_on(scenes: Path, tmp_path: Path) -> None:
    evaluation(scenes, tmp_path / "a").run()
    evaluation(scenes, tmp_path / "b").run()
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b")
    drawn: list[str] = []
    base = painter(10.0)

    def counting(key, *rest):
        drawn.append(key)
        return base.draw(key, *rest)

    pictures = sorted((tmp_path / "b" / "pictures").iterdir())
    for path in pictures[:3]:
        path.unlink()
    shutil.rmtree(tmp_path / "b" / "cache")
    (tmp_path / "b" / "report.json").unlink()
    again = Method(base.name, base.fingerprint, counting, optimised_with=("vgg19",), has_styles=False)
    evaluation(scenes, tmp_path / "b", again).run()
    assert drawn == [path.stem for path in pictures[:3]]
    a, b = without_times(tmp_path / "a")["methods"][0], without_times(tmp_path / "b")["methods"][0]
    assert a["per_class_iou"] == b["per_class_iou"]
    assert a["lite2_frechet"] == b["lite2_frechet"]


def test_the_order_of_files_changes_nothing(scenes: Path, tmp_path: Path) -> None:
    first = evaluation(scenes, tmp_path / "a")
    data = first.subjects.data

    class Shuffled:
        keys = tuple(reversed(data.keys))
        label_space, has_instances = data.label_space, data.has_instances

        def __len__(self) -> int:
            return len(data)

        def read(self, index: int):
            return data.read(len(data) - 1 - index)

        def sources(self, index: int):
            return data.sources(len(data) - 1 - index)

    second = Evaluation(
        painter(10.0), Subjects(Shuffled(), first.protocol), tmp_path / "b", ColourJudge(),
        lite2=grid_extractor(), stages=stages,
    )  # fmt: skip
    first.run()
    second.run()
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b")


def test_a_folder_belongs_to_one_evaluation(scenes: Path, tmp_path: Path) -> None:
    evaluation(scenes, tmp_path).run()
    with pytest.raises(SemsynthError, match="with another fingerprint"):
        evaluation(scenes, tmp_path, painter(20.0)).run()


def test_a_network_of_the_loss_may_not_judge(scenes: Path, tmp_path: Path) -> None:
    guilty = Method("m", "0", painter(1.0).draw, optimised_with=("grid",))
    with pytest.raises(SemsynthError, match="grid was part of this model's training loss"):
        evaluation(scenes, tmp_path, guilty)


def test_pictures_of_another_size_are_refused(scenes: Path, tmp_path: Path) -> None:
    small = Method("small", "0", lambda *_: np.zeros((32, 48, 3), np.uint8), optimised_with=())
    with pytest.raises(
        SemsynthError, match=r"a picture of 32 x 48 for scene_000, but the protocol judges 64 x 64"
    ):
        evaluation(scenes, tmp_path, small).run()


# ---- The command line


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained judge: what it says does not matter here."""
    folder = tmp_path_factory.mktemp("judge")
    PyramidSegmenter(SegmenterConfig(NAMES[1:], "scratch", width=16, label_set="scenes")).save(folder)
    return folder


def evaluate(scenes: Path, judge: Path, model: Path, output: Path, *more: str) -> int:
    protocol = str(scenes / "scenes.toml")
    arguments = [
        str(model),
        str(scenes),
        "--protocol",
        protocol,
        "--judge",
        str(judge),
        "-o",
        str(output),
        *more,
    ]
    return main(["evaluate", *arguments])


def test_evaluate_and_compare_folders_of_pictures(
    scenes: Path, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (scenes / "val" / "images").iterdir():
        mean = np.asarray(Image.open(path)).mean((0, 1)).astype(np.uint8)
        Image.fromarray(np.broadcast_to(mean, (64, 64, 3))).save(flat / path.name)
    statistics = tmp_path / "reference.npz"
    assert evaluate(scenes, judge, flat, tmp_path / "one", "--save-reference", str(statistics)) == 0
    assert evaluate(scenes, judge, scenes / "val" / "images", tmp_path / "two", "--name", "copies") == 0
    copies = Report.load(tmp_path / "two")
    assert copies.methods[0].lite2_frechet == pytest.approx(0, abs=1e-3)
    assert copies.methods[0].miou == copies.real.miou
    assert statistics.is_file()
    assert main(["compare", str(tmp_path / "one"), str(tmp_path / "two"), "-o", str(tmp_path / "both")]) == 0
    table = (tmp_path / "both" / "table.md").read_text(encoding="utf-8")
    assert [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")] == [
        "method", "---", "flat", "copies", "real photographs",
    ]  # fmt: skip
    sheet = Image.open(tmp_path / "both" / "sheet.png")
    assert sheet.width == 4 * 64 + 3 * 4  # labels, photograph, flat, copies
    page = (tmp_path / "both" / "sheet.html").read_text(encoding="utf-8")
    assert page.count("<img") == 4 * len(copies.sheet)
    assert "http" not in page
    assert "<script" not in page
    assert 'src="data:image/png;base64,' in page
    assert "flat" in capsys.readouterr().out


def test_bad_input_is_one_sentence_and_exit_code_two(
    scenes: Path, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(*arguments: str) -> str:
        assert main(["evaluate", *arguments]) == 2
        return capsys.readouterr().err

    empty, protocol = tmp_path / "empty", str(scenes / "scenes.toml")
    empty.mkdir()
    rest = (str(scenes), "--protocol", protocol, "-o", str(tmp_path / "out"))
    assert "holds neither a model" in refused(str(empty), *rest, "--judge", str(judge))
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(scenes / "val" / "images" / "scene_000.png", one)
    assert f"has pictures for 1 of {COUNT} label maps; scene_001" in refused(
        str(one), *rest, "--judge", str(judge)
    )
    photos = str(scenes / "val" / "images")
    other = tmp_path / "other"
    PyramidSegmenter(SegmenterConfig(("a", "b"), "scratch", width=16)).save(other)
    assert "knows 2 classes" in refused(photos, *rest, "--judge", str(other))
    assert "has no judge of its own" in refused(photos, *rest)
    assert "is no judge" in refused(photos, *rest, "--judge", str(empty))
    wrong = tmp_path / "wrong.pth"
    wrong.write_bytes(b"not weights")
    assert "cannot be read as weights" in refused(
        photos, *rest, "--judge", str(judge), "--inception", str(wrong)
    )
    assert "no report.json" in _compare_error(tmp_path / "empty", tmp_path / "both", capsys)


def _compare_error(report: Path, output: Path, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["compare", str(report), "-o", str(output)]) == 2
    return capsys.readouterr().err


def test_three_pictures_are_scored_but_not_compared_as_distributions(
    scenes: Path, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = scenes / "val" / "images"
    assert evaluate(scenes, judge, photos, tmp_path, "--limit", "3") == 0
    report = Report.load(tmp_path)
    assert report.methods[0].pictures == 3
    assert report.methods[0].lite2_frechet is None
    assert "3 pictures are too few" in capsys.readouterr().out


def test_the_public_names_are_there() -> None:
    from semsynth import evaluation

    for name in dir(evaluation):
        assert getattr(evaluation, name).__name__ == name


def test_a_model_folder_is_drawn_with_and_its_styles_are_measured(
    scenes: Path, judge: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(0)
    generator = create_model("spade", num_classes=5, width=2, hidden=2, stem="labels+style", style_dim=4)
    encoder = StyleEncoder(style_dim=4, width=2, image_size=64)
    space = load_dataset(scenes, split="val").label_space
    save_model(tmp_path / "model", Model(generator, space, (64, 64), style_encoder=encoder))
    limited = ("--limit", "4", "--name", "tiny")
    assert evaluate(scenes, judge, tmp_path / "model", tmp_path / "out", *limited) == 0
    row = Report.load(tmp_path / "out").methods[0]
    assert row.name == "tiny"
    assert row.optimised_with is None
    assert row.diversity is not None
    assert row.diversity > 0
    assert row.style_colour is not None
    assert "does not record which networks" in capsys.readouterr().out
    # The same folder, now admitting that Lite2 was in its loss.
    config = tmp_path / "model" / "config.json"
    config.write_text(
        json.dumps({**json.loads(config.read_text()), "optimised_with": ["efficientnet-lite2"]})
    )
    assert evaluate(scenes, judge, tmp_path / "model", tmp_path / "other", *limited) == 2
    assert "was part of this model's training loss" in capsys.readouterr().err
