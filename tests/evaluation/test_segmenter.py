"""Our own judge: the network, its files, and its training."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from semsynth.data import load_dataset
from semsynth.errors import SemsynthError
from semsynth.evaluation.segmenter import Encoder, PyramidSegmenter, SegmenterConfig
from semsynth.evaluation.segmenter_data import Balance, Photographs, Views, augment, decode
from semsynth.evaluation.segmenter_points import Points, collect, point_weights, teach
from semsynth.evaluation.segmenter_recipe import SegmenterRecipe
from semsynth.evaluation.segmenter_training import train_segmenter, validate
from tests.evaluation.scenes import write_scenes

SMALL = SegmenterRecipe(
    encoder="efficientnet-lite2", width=16, size=64, pictures=48, batch_size=8, views=1, validate_every=24
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
    with pytest.raises(SemsynthError, match="no segmenter folder"):
        PyramidSegmenter.load(tmp_path)


def test_it_learns_flat_colours_from_nothing(scenes: Path, tmp_path: Path) -> None:
    recipe = replace(SMALL, encoder="scratch", views=0, pictures=480, ema=0.9, validate_every=480)
    model = train(scenes, tmp_path, recipe)
    assert model.config.scores["pixel_accuracy"] > 0.7
    assert model.config.names == ("sky", "grass", "sand", "road")
    assert PyramidSegmenter.load(tmp_path).config == model.config


def test_a_stopped_run_goes_on_as_if_it_had_not(scenes: Path, tmp_path: Path) -> None:
    whole = train(scenes, tmp_path / "whole", SMALL)
    # A run that was killed after its first validation: its state is what that validation wrote.
    import semsynth.evaluation.segmenter_training as training

    class Stopped(Exception):
        pass

    saves = []

    def save_and_stop(state: dict[str, object], path: Path) -> None:
        original(state, path)
        saves.append(state["seen"])
        raise Stopped

    original = training._save_state
    training._save_state = save_and_stop
    try:
        with pytest.raises(Stopped):
            train(scenes, tmp_path / "stopped", SMALL)
    finally:
        training._save_state = original
    assert saves == [24]
    resumed = train(scenes, tmp_path / "stopped", SMALL)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name
    with pytest.raises(SemsynthError, match=r"holds a run with width 16, not 24"):
        train(scenes, tmp_path / "stopped", replace(SMALL, width=24))


def test_the_decoder_is_taught_on_pixels_and_the_encoder_left_alone() -> None:
    torch.manual_seed(0)
    model = PyramidSegmenter(SegmenterConfig(("a", "b", "c"), "scratch", width=16))
    before = {name: value.clone() for name, value in model.encoder.state_dict().items()}
    classes = torch.arange(600) % 3
    centres = [torch.randn(3, c) * 2 for c in model.encoder.channels]
    levels = [(centre[classes] + torch.randn(600, centre.shape[1])).bfloat16() for centre in centres]
    points = Points(levels, torch.randn(4, model.encoder.channels[3]).bfloat16(), classes % 4, classes)
    teach(model, points, torch.ones(3), epochs=40, learning_rate=1e-2, weight_decay=0.0, ema=0.9, seed=0)
    model.eval()
    features, scene, truth = points.batch(torch.arange(600))
    with torch.no_grad():
        logits = model.decode([level.float() for level in features], scene.float())
    assert (logits.argmax(1) == truth).float().mean() > 0.95
    for name, value in model.encoder.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_frozen_steps_stay_and_late_pointwise_filters_learn(scenes: Path, tmp_path: Path) -> None:
    model = train(scenes, tmp_path, replace(SMALL, pictures=24))
    published = Encoder("efficientnet-lite2")
    for number, (ours, theirs) in enumerate(zip(model.encoder.steps, published.steps)):
        for (name, a), b in zip(ours.named_parameters(), theirs.parameters()):
            same = torch.equal(a.to(torch.bfloat16), b.to(torch.bfloat16))
            if not name.endswith("bias"):  # some move by less than bfloat16 shows
                assert same == (number < SMALL.frozen_steps or "depthwise" in name), (number, name)


def test_views_are_made_once_and_hold_what_the_frozen_steps_give(scenes: Path, tmp_path: Path) -> None:
    data = load_dataset(scenes, split="train")
    photographs = decode(data, (1, 2, 3, 4), 64, tmp_path, "train")
    calls = []

    def early(images: torch.Tensor) -> list[torch.Tensor]:
        calls.append(len(images))
        return [images[:, :, ::4, ::4], images[:, :, ::32, ::32]]

    def make() -> Views:
        shape = {"count": 2, "least_crop": 0.5, "seed": 0, "chunk": 5}
        return Views(photographs, early, folder=tmp_path, stamp="s", **shape)

    make()
    assert sum(calls) == 2 * len(data)
    views = make()
    assert sum(calls) == 2 * len(data)
    rng = np.random.default_rng(0)
    (fine, coarse), classes = views.batch(np.arange(12), rng)
    assert (fine.shape, coarse.shape, classes.shape) == ((12, 3, 16, 16), (12, 3, 2, 2), (12, 64, 64))
    assert fine.dtype == torch.bfloat16
    assert torch.equal(fine[:, :, 0, 0], coarse[:, :, 0, 0])  # both files hold the same view


class OneView:
    """Views of one picture whose class is its column's quarter; the rest of it is void."""

    classes = torch.full((1, 64, 64), 255, dtype=torch.uint8)

    def __init__(self) -> None:
        self.classes[0, :32] = torch.arange(64, dtype=torch.uint8) // 22

    def __len__(self) -> int:
        return 1

    def rows(self, rows: np.ndarray) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [torch.zeros(1, 1, 1, 1)], self.classes[rows]


def test_points_carry_the_features_of_their_place() -> None:
    columns = torch.arange(16.0).expand(1, 1, 16, 16)  # at a quarter of the size
    flat = [torch.full((1, 1, size, size), 7.0) for size in (8, 4, 2)]
    points = collect(OneView(), lambda _: [columns, *flat], 300, np.ones(3), seed=0)
    assert len(points) == 300
    assert set(points.classes.tolist()) == {0, 1, 2}  # void is never chosen
    levels, scene, truth = points.batch(torch.arange(300))
    assert [tuple(level.shape) for level in levels] == [(1, 1, 300, 1)] * 4
    assert (scene == 7).all()
    assert (levels[2] == 7).all()
    column = (levels[0][0, 0, :, 0].float() + 0.5) * 4  # back to pixels
    assert ((column / 22).floor() == truth[0, :, 0]).float().mean() > 0.9


def test_a_pixel_alone_is_read_as_within_its_picture() -> None:
    torch.manual_seed(0)
    model = PyramidSegmenter(SegmenterConfig(("a", "b", "c"), "scratch", width=16)).eval()
    vectors = [torch.randn(1, c, 1, 1).bfloat16().float() for c in model.encoder.channels]
    features = [v.expand(-1, -1, size, size) for v, size in zip(vectors, (16, 8, 4, 2))]
    points = collect(OneView(), lambda _: features, 20, np.ones(3), seed=0)
    levels, scene, _ = points.batch(torch.arange(20))
    with torch.no_grad():
        alone = model.decode([level.float() for level in levels], scene.float())
        whole = model.decode(features)
    torch.testing.assert_close(alone[0, :, :, 0], whole[0, :, 0, :1].expand(-1, 20), atol=1e-5, rtol=0)


def test_rare_classes_are_drawn_and_weighed_more() -> None:
    classes = np.zeros((20, 8, 8), np.uint8)
    classes[0, :2] = 1
    balance = Balance.of(Photographs(np.zeros((20, 8, 8, 3), np.uint8), classes, 3), 0.5, 0.2)
    assert balance.chances[0] == pytest.approx(2 * balance.chances[1])  # sqrt(0.2 / 0.05)
    share = np.array([1 - 16 / 1280, 16 / 1280])
    assert balance.weights[1] / balance.weights[0] == pytest.approx((share[0] / share[1]) ** 0.5, rel=1e-5)
    assert (balance.weights[:2].numpy() * share).sum() == pytest.approx(1.0, rel=1e-5)
    assert balance.weights[2] == 0


def test_weights_make_up_for_how_pixels_were_chosen() -> None:
    points = collect(
        OneView(), lambda _: [torch.zeros(1, 1, 4, 4)] * 4, 400, np.array([1.0, 1.0, 9.0]), seed=0
    )
    share = np.array([22, 22, 20]) / 64
    wanted = torch.tensor([1.0, 2.0, 3.0])
    weights = point_weights(points, wanted, share)
    chosen = torch.bincount(points.classes, minlength=3) / len(points)
    assert chosen[2] > 0.5
    torch.testing.assert_close(weights * chosen, (wanted.double() * torch.from_numpy(share)).float())


def test_augmentation_keeps_picture_and_map_together() -> None:
    ids = np.random.default_rng(1).integers(0, 2, (8, 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    image = np.stack([ids * 255] * 3, -1)
    for seed in range(10):
        pixels, labels = augment(image, ids, 0.5, np.random.default_rng(seed))
        assert ((pixels[..., 0] > 127) == labels).mean() > 0.93  # all but the edges, which are interpolated


def test_the_validation_reads_the_truth_it_is_given(scenes: Path, tmp_path: Path) -> None:
    photographs = decode(load_dataset(scenes, split="val"), (1, 2, 3, 4), 64, tmp_path, "val")
    assert photographs.classes.max() == 4  # the rim is void
    model = PyramidSegmenter(SegmenterConfig(("sky", "grass", "sand", "road"), "scratch", width=16))
    assert 0 <= validate(model, photographs).pixel_accuracy <= 1


def test_settings_that_cannot_be_say_so() -> None:
    with pytest.raises(SemsynthError, match="no encoder 'resnet'"):
        SegmenterRecipe(encoder="resnet")
    with pytest.raises(SemsynthError, match="multiple of 32"):
        SegmenterRecipe(size=100)
    with pytest.raises(SemsynthError, match="point_epochs needs"):
        SegmenterRecipe(encoder="scratch", point_epochs=1)
