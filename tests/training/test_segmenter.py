"""Our own segmenter: the network, its files, and its training."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from semsynth.data import Geometry, load_dataset
from semsynth.data.cache import cached
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace, write_label_map
from semsynth.models.segmenter import Encoder, PyramidSegmenter, SegmenterConfig
from semsynth.training.log import read_log
from semsynth.training.segmenter import train_segmenter, validate
from semsynth.training.segmenter_data import Balance, Photographs, augment
from semsynth.training.segmenter_settings import SegmenterRecipe
from tests.evaluation.scenes import write_scenes

SMALL = SegmenterRecipe(
    encoder="efficientnet-lite2", width=16, size=64, pictures=48, batch_size=8, validate_every=24
)


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenes(tmp_path_factory.mktemp("scenes"), {"train": 12, "val": 6})


def train(scenes: Path, folder: Path, recipe: SegmenterRecipe) -> PyramidSegmenter:
    return train_segmenter(
        load_dataset(scenes, split="train"), load_dataset(scenes, split="val"), folder, recipe
    )


@pytest.mark.parametrize("name", ["efficientnet-lite2", "scratch"])
def test_cutting_the_encoder_anywhere_changes_nothing(name: str) -> None:
    torch.manual_seed(0)
    encoder = Encoder(name, pretrained=False).eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        whole = encoder(images)
        assert [tuple(f.shape[-2:]) for f in whole] == [(16, 24), (8, 12), (4, 6), (2, 3)]
        for count in range(len(encoder.steps) + 1):
            parts = encoder.late(encoder.early(images, count), count)
            assert all(torch.equal(a, b) for a, b in zip(parts, whole, strict=True))


def test_filters_that_learn_give_the_same_features() -> None:
    """They are multiplied as matrices then."""
    torch.manual_seed(0)
    encoder = Encoder("efficientnet-lite2", pretrained=False).eval()
    images = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        before = encoder(images)
        encoder.requires_grad_(True)
        for a, b in zip(encoder(images), before, strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (50, 70), (33, 128)])
def test_any_size_gives_a_quarter_rounded_up(size: tuple[int, int]) -> None:
    model = PyramidSegmenter(SegmenterConfig(("a", "b"), "scratch", width=16)).eval()
    with torch.no_grad():
        logits = model(torch.zeros(2, 3, *size))
    assert logits.shape == (2, 2, -(-size[0] // 4), -(-size[1] // 4))


def test_files_give_the_same_network_but_for_rounding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = PyramidSegmenter(SegmenterConfig(("a", "b"), "scratch", width=16)).eval()
    model.save(tmp_path)
    back = PyramidSegmenter.load(tmp_path).eval()
    assert back.config == model.config
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        scale = model(images).abs().max()
        assert (back(images) - model(images)).abs().max() < 0.05 * scale
    (tmp_path / "segmenter.json").write_text(
        json.dumps({"format": 1, "names": ["a"], "ids": [], "encoder": "scratch"})
    )
    with pytest.raises(SemsynthError, match=r"has shape .* network in segmenter\.json needs"):
        PyramidSegmenter.load(tmp_path)


def test_it_learns_flat_colours_from_nothing(scenes: Path, tmp_path: Path) -> None:
    recipe = replace(SMALL, encoder="scratch", pictures=480, ema=0.9, validate_every=480)
    model = train(scenes, tmp_path, recipe)
    assert model.config.scores["pixel_accuracy"] > 0.7
    assert model.config.names == ("sky", "grass", "sand", "road")
    assert PyramidSegmenter.load(tmp_path).config == model.config


def test_a_stopped_run_goes_on_as_if_it_had_not(scenes: Path, tmp_path: Path) -> None:
    whole = train(scenes, tmp_path / "whole", SMALL)
    # A run that was killed after its first validation: its state is what that validation wrote.
    import semsynth.training.segmenter as training

    class Stopped(Exception):
        pass

    saves = []

    def save_and_stop(folder: Path, seen: int, state: dict[str, object], keep: int) -> None:
        original(folder, seen, state, keep)
        saves.append(seen)
        raise Stopped

    original = training.save_checkpoint
    training.save_checkpoint = save_and_stop
    try:
        with pytest.raises(Stopped):
            train(scenes, tmp_path / "stopped", SMALL)
    finally:
        training.save_checkpoint = original
    assert saves == [24]
    # As if it had been killed between the next line of the log and its checkpoint, and a file been damaged.
    with (tmp_path / "stopped" / "log.jsonl").open("ab") as log:
        log.write(b'{"pictures": 48, "miou": 0}\nnonsense\n{"pictures": 4')
    (tmp_path / "stopped" / "checkpoints" / f"{36:010d}-0123456789abcdef.pt").write_bytes(b"")
    for path in (tmp_path / "stopped" / "cache").rglob("*.bin"):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    resumed = train(scenes, tmp_path / "stopped", SMALL)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    for name in ("model.safetensors", "segmenter.json"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    one, other = (
        [
            {key: value for key, value in line.items() if key != "seconds"}
            for line in read_log(tmp_path / name / "log.jsonl", "pictures")
        ]
        for name in ("whole", "stopped")
    )
    assert one == other
    with pytest.raises(SemsynthError, match=r"holds a run with width 16, not 24"):
        train(scenes, tmp_path / "stopped", replace(SMALL, width=24))


def test_frozen_steps_stay_and_late_pointwise_filters_learn(scenes: Path, tmp_path: Path) -> None:
    model = train(scenes, tmp_path, replace(SMALL, pictures=24))
    published = Encoder("efficientnet-lite2")
    for number, (ours, theirs) in enumerate(zip(model.encoder.steps, published.steps, strict=True)):
        for (name, a), b in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            same = torch.equal(a.to(torch.bfloat16), b.to(torch.bfloat16))
            if not name.endswith("bias"):  # some move by less than bfloat16 shows
                assert same == (number < SMALL.frozen_steps or "depthwise" in name), (number, name)


def test_rare_classes_are_drawn_and_weighed_more(tmp_path: Path) -> None:
    space = LabelSpace.from_dict({"classes": ["a", "b", "c"]})
    for folder in ("images", "labels"):
        (tmp_path / folder).mkdir()
    for number in range(20):
        ids = np.zeros((8, 8), np.uint8)
        ids[: 2 * (number == 0)] = 1
        write_label_map(tmp_path / "labels" / f"{number}.png", ids, space)
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "images" / f"{number}.png")
    data = load_dataset(tmp_path, split="train", label_space=space)
    balance = Balance.of(Photographs(data, (0, 1, 2), 8), 0.5, 0.2)
    assert balance.chances[0] == pytest.approx(2 * balance.chances[1])  # sqrt(0.2 / 0.05)
    share = np.array([1 - 16 / 1280, 16 / 1280])
    assert balance.weights[1] / balance.weights[0] == pytest.approx((share[0] / share[1]) ** 0.5, rel=1e-5)
    assert (balance.weights[:2].numpy() * share).sum() == pytest.approx(1.0, rel=1e-5)
    assert balance.weights[2] == 0


def test_augmentation_keeps_picture_and_map_together() -> None:
    ids = np.random.default_rng(1).integers(0, 2, (8, 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    image = np.stack([ids * 255] * 3, -1)
    for seed in range(10):
        pixels, labels = augment(image, ids, 0.5, np.random.default_rng(seed))
        assert ((pixels[..., 0] > 127) == labels).mean() > 0.93  # all but the edges, which are interpolated


def test_the_validation_reads_the_truth_it_is_given(scenes: Path) -> None:
    photographs = Photographs(load_dataset(scenes, split="val"), (1, 2, 3, 4), 64)
    assert photographs[0][1].max() == 4  # the rim is void
    model = PyramidSegmenter(SegmenterConfig(("sky", "grass", "sand", "road"), "scratch", width=16))
    assert 0 <= validate(model, photographs).pixel_accuracy <= 1


def test_labels_corrected_in_place_are_read_again(tmp_path: Path) -> None:
    root = write_scenes(tmp_path / "set", {"val": 1})
    path = root / "val" / "labels" / "scene_000.png"

    def classes() -> npt.NDArray[np.uint8]:
        data = cached(load_dataset(root, split="val"), tmp_path, Geometry("resize_and_crop", 64, 64))
        return Photographs(data, (1, 2, 3, 4), 64)[0][1]

    before = classes()
    assert before.min() < 4
    assert np.array_equal(before, classes())
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    assert classes().min() == 4


def test_settings_that_cannot_be_say_so() -> None:
    with pytest.raises(SemsynthError, match=r"encoder is 'resnet'; allowed are .*, scratch"):
        SegmenterRecipe(encoder="resnet")  # type: ignore[arg-type]
    with pytest.raises(SemsynthError, match="multiple of 32"):
        SegmenterRecipe(size=100)
