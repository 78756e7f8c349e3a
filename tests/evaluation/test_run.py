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
from semsynth.evaluation.protocol import load_protocol
from semsynth.evaluation.report import Report
from semsynth.evaluation.run import Evaluation
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
