"""A whole evaluation on a tiny data set, with an evaluator and a painter that need no training."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.data import load_dataset
from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import EvaluatedMethod, EvaluationSet
from semsynth.evaluation.features import FeatureExtractor
from semsynth.evaluation.frechet import FeatureSpace, Statistics
from semsynth.evaluation.ladder import RUNGS
from semsynth.evaluation.protocol import load_protocol
from semsynth.evaluation.report import Report
from semsynth.evaluation.run import Evaluation
from semsynth.evaluation.table import table
from tests.evaluation.scenes import COLOURS, NAMES, write_protocol, write_scenes

COUNT = 34


class ColorSegmenter:
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


def painter(noise: float) -> EvaluatedMethod:
    """Paints each class in its colour, brightness by the seed; a photograph lends it its mean colour."""

    def draw(key, labels, instances, photo, seed):
        rng = np.random.default_rng(seed)
        shift = (
            rng.normal(0, noise, 3) if photo is None else photo.mean((0, 1)) - COLOURS[labels].mean((0, 1))
        )
        return (COLOURS[labels] + shift).clip(0, 255).astype(np.uint8)

    return EvaluatedMethod(
        "painter", f"noise {noise}", draw, has_styles=True, takes_photos=True, loss_networks=("vgg19",)
    )


def stages(images):
    return [images, torch.nn.functional.avg_pool2d(images, 4) + 1]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_scenes(tmp_path_factory.mktemp("scenes"), {"train": 2, "val": COUNT})
    write_protocol(root / "scenes.toml")
    return root


def evaluation(scenes: Path, folder: Path, method: EvaluatedMethod | None = None, **more) -> Evaluation:
    evaluation_set = EvaluationSet(load_dataset(scenes, split="val"), load_protocol(scenes / "scenes.toml"))
    return Evaluation(
        method or painter(10.0),
        evaluation_set,
        folder,
        ColorSegmenter(),
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
    assert real.lite2_kernel is not None
    assert abs(real.lite2_kernel["mean"]) < real.lite2_kernel["std"]
    assert made.fid is None
    assert made.lite2_two_sample is not None
    assert 0.2 < made.lite2_two_sample["mean"] < 0.8  # of a grid of means, both have the same colours
    assert real.lite2_two_sample is not None
    assert report.ladder.keys() == RUNGS.keys()
    assert all(rung.keys() == {"lite2_two_sample", "lite2_kernel_half"} for rung in report.ladder.values())
    assert made.told_by_class is None  # there was no CropNet
    assert made.diversity is not None
    assert made.diversity > 0
    assert made.style_colour is not None
    assert made.style_colour > 0.3  # the painter does take the photograph's mean colour
    assert made.style_nearness is not None
    assert made.style_nearness > 0.5
    assert real.diversity is not None
    assert real.diversity > 0
    assert made.loss_networks == ["vgg19"]
    assert report.networks["evaluator"]["network"] == "colours"
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
    again = EvaluatedMethod(base.name, base.fingerprint, counting, loss_networks=("vgg19",), has_styles=False)
    evaluation(scenes, tmp_path / "b", again).run()
    assert drawn == [path.stem for path in pictures[:3]]
    a, b = without_times(tmp_path / "a")["methods"][0], without_times(tmp_path / "b")["methods"][0]
    assert a["per_class_iou"] == b["per_class_iou"]
    assert a["lite2_frechet"] == b["lite2_frechet"]


def cells_extractor() -> FeatureExtractor:
    """Means of a grid of 4 x 4 positions, and of their squares."""
    space = FeatureSpace("cells", "0", "all", "clean", 6)
    pool = torch.nn.AdaptiveAvgPool2d(4)
    return FeatureExtractor(space, 32, lambda x: pool(torch.cat([x, x * x], 1)))


def test_classes_are_told_and_old_reports_stand_beside_new_ones(scenes: Path, tmp_path: Path) -> None:
    new, old = tmp_path / "new", tmp_path / "old"
    report = evaluation(scenes, new, cropnet=cells_extractor()).run()
    made = report.methods[0]
    assert set(made.told_by_class or {}) == {*NAMES}
    assert sum(entry["gap"] for entry in (made.told_by_class or {}).values()) == pytest.approx(1)
    assert report.networks["cropnet"]["network"] == "cells"
    text = (new / "table.md").read_text(encoding="utf-8")
    assert "two-sample CropNet" in text
    assert "photographs, JPEG quality 10" in text
    assert "painter, void" in text
    # What evaluations wrote before.
    document = json.loads((new / "report.json").read_text(encoding="utf-8"))
    del document["ladder"], document["networks"]["cropnet"], document["protocol"]["selection_split"]
    for row in (*document["methods"], document["real"]):
        for name in [name for name in row if "two_sample" in name or "_kernel_half" in name]:
            del row[name]
        row.pop("told_by_class")
    document["methods"][0]["name"] = "before"
    old.mkdir()
    (old / "report.json").write_text(json.dumps(document), encoding="utf-8")
    for pair in ([new, old], [old, new]):
        both = table([Report.load(folder) for folder in pair])
        assert "two-sample" not in both.partition("\n")[0]  # the columns need both
        assert "photographs, JPEG quality 10" in both


def test_a_report_on_the_split_of_choices_says_so(scenes: Path, tmp_path: Path) -> None:
    write_protocol(scenes / "chosen.toml", 'selection_split = "val"')
    protocol = load_protocol(scenes / "chosen.toml")
    chosen = EvaluationSet(load_dataset(scenes, split="val"), protocol)
    found = Evaluation(painter(1.0), chosen, tmp_path, ColorSegmenter())
    assert any("no test scores" in warning for warning in found.warnings)
    assert not any("no test scores" in warning for warning in evaluation(scenes, tmp_path).warnings)


def test_the_order_of_files_changes_nothing(scenes: Path, tmp_path: Path) -> None:
    first = evaluation(scenes, tmp_path / "a")
    data = first.evaluation_set.data

    class Shuffled:
        keys = tuple(reversed(data.keys))
        label_space, has_instances, reading = data.label_space, data.has_instances, data.reading

        def __len__(self) -> int:
            return len(data)

        def read(self, index: int):
            return data.read(len(data) - 1 - index)

        def sources(self, index: int):
            return data.sources(len(data) - 1 - index)

    second = Evaluation(
        painter(10.0), EvaluationSet(Shuffled(), first.protocol), tmp_path / "b", ColorSegmenter(),
        lite2=grid_extractor(), stages=stages,
    )  # fmt: skip
    first.run()
    second.run()
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b")


def test_a_folder_belongs_to_one_evaluation(scenes: Path, tmp_path: Path) -> None:
    evaluation(scenes, tmp_path).run()
    with pytest.raises(SemsynthError, match="with another fingerprint"):
        evaluation(scenes, tmp_path, painter(20.0)).run()


def test_nor_is_it_of_other_photographs_of_the_same_names(scenes: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(scenes, tmp_path / "moved")  # times are kept: another place is no other data
    evaluation(scenes, tmp_path / "report").run()
    evaluation(copy, tmp_path / "report").run()
    photo = next((copy / "val" / "images").iterdir())
    Image.open(photo).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(photo)
    with pytest.raises(SemsynthError, match="with another data set"):
        evaluation(copy, tmp_path / "report").run()


def test_a_network_of_the_loss_may_not_be_the_evaluator(scenes: Path, tmp_path: Path) -> None:
    guilty = EvaluatedMethod("m", "0", painter(1.0).draw, loss_networks=("grid",))
    with pytest.raises(SemsynthError, match="grid was part of this model's training loss"):
        evaluation(scenes, tmp_path, guilty)
    guilty = EvaluatedMethod("m", "0", painter(1.0).draw, loss_networks=("cells",))
    with pytest.raises(SemsynthError, match="cells was part of this model's training loss"):
        evaluation(scenes, tmp_path, guilty, cropnet=cells_extractor())


def test_statistics_of_a_network_that_is_not_at_hand_are_refused(scenes: Path, tmp_path: Path) -> None:
    space = FeatureSpace("inception-2015-12-05", "0", "pool3", "clean", 2)
    foreign = Statistics(np.zeros(2), np.eye(2), 100, space)
    with pytest.raises(
        SemsynthError, match=r"statistics are of inception-2015-12-05, but .* at hand are grid"
    ):
        evaluation(scenes, tmp_path, reference=foreign)


def test_pictures_of_another_size_are_refused(scenes: Path, tmp_path: Path) -> None:
    small = EvaluatedMethod("small", "0", lambda *_: np.zeros((32, 48, 3), np.uint8), loss_networks=())
    with pytest.raises(
        SemsynthError, match=r"a picture of 32 x 48 for scene_000, but the protocol evaluates 64 x 64"
    ):
        evaluation(scenes, tmp_path, small).run()
