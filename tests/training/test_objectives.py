"""Every compared method: trained by one command, stopped and resumed, written, read and drawn with."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.data import load_dataset
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.hub import load_model
from semsynth.labels import LabelSpace
from semsynth.models.crn import CRNGenerator
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.sims import SIMSGenerator
from semsynth.pipeline import Synthesizer
from semsynth.training.log import read_log
from semsynth.training.loop import train
from semsynth.training.objective import METHODS, build_networks, build_objective
from semsynth.training.objectives.base import Networks, Objective, Step, TrainingContext
from semsynth.training.objectives.crn import CRNObjective
from semsynth.training.objectives.oasis import OASISObjective
from semsynth.training.objectives.projected import _same_group
from semsynth.training.recipe import recipe_from_dict
from semsynth.training.settings import Recipe, Stage
from tests.training.test_loop import Stop, assert_same, newest, stop_at
from tests.training.tiny import paint

PATCH: dict[str, Any] = {"width": 2, "layers": 2, "scales": 2}

# The smallest networks of every method, and the terms its losses have.
TINY: dict[str, tuple[dict[str, Any], set[str]]] = {
    "spade": (
        {"generator": {"width": 2, "hidden": 2}, "discriminator": PATCH},
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "spade-projected": (
        {
            "generator": {"width": 2, "hidden": 2, "stem": "labels+style", "style_dim": 3},
            "style_encoder": {"width": 2, "image_size": 64},
            "discriminator": PATCH | {"head_width": 4},
            "objective": {
                "perceptual": 1.0,
                "perceptual_network": "efficientnet-lite0",
                "prior_share": 0.5,
                "prior": "photographs",
            }
            | dict.fromkeys(("color", "texture", "style", "class_style", "content"), 1.0),
        },
        {
            *(f"generator/{name}" for name in ("gan", "projected", "feature_matching", "perceptual", "kl")),
            *(f"generator/{name}" for name in ("color", "texture", "style", "class_style", "content")),
            *(f"discriminator/{name}" for name in ("fake", "real", "projected_fake", "projected_real")),
        },
    ),
    "pix2pixhd": (
        {
            "generator": {"width": 2, "downsamplings": 2, "blocks": 1},
            "discriminator": PATCH | {"spectral": False},
            "objective": {"gan": "ls", "perceptual": 0.0, "reuse_fake": True},
        },
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "pix2pixhdpp": (
        {
            "generator": {"width": 2, "downsamplings": 2, "blocks": 1, "norm": "batch", "spectral": True},
            "discriminator": PATCH,
        },
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "pix2pixhdpp-labelled": (
        {
            "generator": {"width": 2, "downsamplings": 2, "blocks": 1, "hidden": 2},
            "discriminator": PATCH,
        },
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "concat": (
        {"generator": {"width": 1}, "discriminator": PATCH},
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "crn": ({"generator": {"width": 4, "modules": 5, "num_images": 2}}, {"generator/reconstruction"}),
    "sims": (
        {"generator": {"width": 1}},
        {"generator/reconstruction", "generator/semantic", "generator/alignment"},
    ),
    "ccfpse": (
        {"generator": {"width": 1, "hidden": 2}, "discriminator": {"width": 2}},
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
    ),
    "oasis": (
        {
            "generator": {"width": 1, "hidden": 2, "style_dim": 3},
            "discriminator": {"widths": [2, 2], "last_width": 2},
            "objective": {"perceptual": 0.0, "labelmix": 10.0},
        },
        {"generator/gan", "discriminator/fake", "discriminator/real", "discriminator/labelmix"},
    ),
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return paint(tmp_path_factory.mktemp("data") / "set", count=6, size=64)


def recipe_of(method: str, root: Path, **run: Any) -> Recipe:
    settings, _ = TINY[method]
    table: dict[str, Any] = {
        "method": method,
        "data": {"root": str(root), "load_size": 68, "crop_size": 64},
        "objective": {"perceptual_network": "efficientnet-lite0"}
        | ({} if METHODS[method].discriminator is None else {"perceptual": 0.0}),
        "init": {"gain": 1.0},
        "run": {
            "images": 4,
            "batch_size": 2,
            "precision": "float32",
            "ema_images": 4,
            "log_images": 2,
            "sample_images": 4,
            "checkpoint_images": 2,
            "workers": 1,
        }
        | run,
    }
    return recipe_from_dict(table | settings)


def context(root: Path, folder: Path, messages: list[str] | None = None) -> TrainingContext:
    geometry = Geometry("resize_and_crop", 68, 64)
    log = (lambda _: None) if messages is None else messages.append
    return TrainingContext(
        load_dataset("folder", root=root, split="train"), geometry, folder, torch.device("cpu"), log
    )


def prepared(method: str, root: Path, folder: Path) -> tuple[Networks, Objective, Step]:
    """Fresh networks, the objective ready for them, and a step of two pictures."""
    recipe = recipe_of(method, root)
    networks = build_networks(recipe, 4, has_instances=False)
    objective = build_objective(recipe)
    ground = context(root, folder)
    objective.prepare(ground, networks)
    batch = next(ground.pictures(2, 2))
    return networks, objective, Step(batch, torch.Generator().manual_seed(0), 0, 2)


def test_every_method_is_tried() -> None:
    assert TINY.keys() == METHODS.keys()


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_resumes_and_draws(method: str, data: Path, tmp_path: Path) -> None:
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    train(recipe_of(method, data), whole, device="cpu")
    with pytest.raises(Stop):
        train(recipe_of(method, data), stopped, device="cpu", report=stop_at(2))
    train(recipe_of(method, data), stopped, device="cpu")
    assert_same(newest(whole), newest(stopped))

    terms = {name for name in read_log(whole / "log.jsonl")[-1] if "/" in name}
    assert terms == TINY[method][1]

    moved = shutil.copytree(whole / "model", tmp_path / "moved")  # away from the run, without its bank
    shutil.rmtree(whole)
    state = newest(stopped)["averaged"]["generator"]
    model = load_model(moved)
    assert all(torch.equal(value, state[name]) for name, value in model.generator.state_dict().items())
    assert model.image_size == (64, 64)
    labels = np.zeros((50, 70), np.int64)
    labels[20:] = 2
    images = Synthesizer.from_pretrained(moved)(labels, seed=1).images
    assert images.shape == (1, 3, 50, 70)
    assert images.abs().max() <= 1


@pytest.mark.parametrize("method", METHODS)
def test_every_weight_gets_a_gradient(method: str, data: Path, tmp_path: Path) -> None:
    networks, objective, step = prepared(method, data, tmp_path)
    assert networks.modules().keys() >= {"generator"}
    result = objective.generator_loss(step, networks)
    sum(result.losses.values()).backward()
    idle = [name for name, p in networks.generator.named_parameters() if p.grad is None]
    assert not idle
    if networks.discriminator is not None:
        networks.discriminator.zero_grad()
        sum(objective.discriminator_loss(step, networks, result).values()).backward()
        assert all(p.grad is not None for p in networks.discriminator.parameters())


def test_pix2pixhd_sums_scales_and_halves_the_discriminators_loss(data: Path, tmp_path: Path) -> None:
    losses = []
    for kind in ("pix2pixhd", "pix2pixhdpp"):
        networks, _, step = prepared("pix2pixhd", data, tmp_path)
        settings = recipe_of("pix2pixhd", data).objective
        objective = METHODS[kind].objective(**settings)
        result = objective.generator_loss(step, networks)
        losses.append((result.losses, objective.discriminator_loss(step, networks, result)))
    (ours, our_discriminator), (theirs, their_discriminator) = losses
    scales = PATCH["scales"]
    torch.testing.assert_close(ours["gan"], scales * theirs["gan"])
    torch.testing.assert_close(ours["feature_matching"], theirs["feature_matching"])
    torch.testing.assert_close(our_discriminator["real"], 0.5 * scales * their_discriminator["real"])


def test_oasis_does_not_learn_from_void(data: Path, tmp_path: Path) -> None:
    networks, objective, step = prepared("oasis", data, tmp_path)
    assert isinstance(objective, OASISObjective)
    assert objective.void_id is None
    objective.void_id = 3
    step.batch.labels.fill_(3)
    result = objective.generator_loss(step, networks)
    assert result.losses["gan"] == 0
    terms = objective.discriminator_loss(step, networks, result)
    assert terms["real"] == 0
    assert terms["fake"] > 0


@pytest.mark.parametrize("method", ["crn", "spade-projected"])
@pytest.mark.parametrize("mode", ["none", "scale_width", "scale_shortside"])
def test_what_is_measured_first_needs_no_one_shape(method: str, mode: str, tmp_path: Path) -> None:
    root = paint(tmp_path / "data", count=3, size=96)
    for part in ("images", "labels"):
        for number, (height, width) in enumerate([(96, 64), (64, 96), (64, 80)]):
            path = root / part / f"{number:03}.png"
            Image.fromarray(np.asarray(Image.open(path))[:height, :width]).save(path)
    ground = replace(context(root, tmp_path), geometry=Geometry(mode, 64, 64))
    recipe = recipe_of(method, root)
    build_objective(recipe).prepare(ground, build_networks(recipe, 4, has_instances=False))
    assert next(ground.pictures(1, 1)).labels.shape == (1, 96, 64)  # one alone is not cut


def test_water_takes_colours_from_water_and_a_sun_none_from_its_sky() -> None:
    space = LabelSpace.named("siftflow")
    same, ids = _same_group(space), {name: i for i, name in enumerate(space.names)}
    assert same[ids["river"], ids["sea"]] == same[ids["field"], ids["grass"]] == 1
    assert same[ids["sun"], ids["sky"]] == same[ids["field"], ids["mountain"]] == 0
    assert (same.diag() == 1).all()
    assert torch.equal(same, same.T)


def test_crn_calibrates_once(data: Path, tmp_path: Path) -> None:
    networks, objective, _ = prepared("crn", data, tmp_path)
    assert isinstance(objective, CRNObjective)
    divisors = objective.state_dict()["divisors"]
    assert divisors[0] == 1
    assert len(set(divisors.tolist())) == 6
    again = build_objective(recipe_of("crn", data))
    again.load_state_dict({"divisors": 2 * divisors})
    messages: list[str] = []
    again.prepare(context(data, tmp_path, messages), networks)
    assert torch.equal(again.state_dict()["divisors"], 2 * divisors)
    assert not messages


def test_crn_needs_two_photographs(tmp_path: Path) -> None:
    root = paint(tmp_path / "data", count=1, size=64)
    with pytest.raises(SemsynthError, match="photographs in the data set: 1"):
        prepared("crn", root, tmp_path)


def test_sims_builds_its_bank_once_and_learns_from_others(data: Path, tmp_path: Path) -> None:
    networks, objective, step = prepared("sims", data, tmp_path)
    generator = networks.generator
    assert isinstance(generator, SIMSGenerator)
    assert sorted(generator.bank.keys) == [f"{i:03}" for i in range(6)]
    messages: list[str] = []
    objective.prepare(context(data, tmp_path, messages), networks)
    assert not messages
    one, two = (objective.generator_loss(step, networks).losses["semantic"].item() for _ in range(2))
    assert one != two  # another canvas each time it is seen
    recipe = recipe_of("sims", data)
    with_order = build_networks(replace(recipe, generator={"width": 1, "ordering": True}), 4, False)
    with pytest.raises(SemsynthError, match="depth maps"):
        build_objective(recipe).prepare(context(data, tmp_path), with_order)


def test_pix2pixhd_grows_from_coarse_to_fine(data: Path, tmp_path: Path) -> None:
    coarse = recipe_of("pix2pixhd", data, images=2)
    train(coarse, tmp_path / "coarse", device="cpu")
    sizes = {"load_size": 64, "crop_size": 64, "batch_size": 2}
    fine = replace(
        recipe_of("pix2pixhd", data, checkpoint_images=2, keep=3, start_from=str(tmp_path / "coarse")),
        generator={"width": 1, "downsamplings": 2, "blocks": 1, "enhancers": 1, "enhancer_blocks": 1},
        discriminator=PATCH | {"spectral": False, "scales": 3},
        stages=(Stage(2, outer_only=True, **sizes), Stage(2, **sizes)),
    )
    messages: list[str] = []
    train(fine, tmp_path / "fine", device="cpu", log=messages.append)
    assert "generator, discriminator" in messages[0]
    begun = load_model(tmp_path / "coarse" / "model").generator.state_dict()
    first, second = (
        torch.load(path, weights_only=True) for path in sorted((tmp_path / "fine" / "checkpoints").iterdir())
    )
    inner = [name for name in begun if name.startswith("stages.0.")]
    after_first, after_second = (state["networks"]["generator"] for state in (first, second))
    assert all(torch.equal(after_first[name], begun[name]) for name in inner)
    assert not any(torch.equal(after_second[name], begun[name]) for name in inner if name.endswith("weight"))
    # A new optimiser: everything has made one step since the second stage began.
    steps = {float(value["step"]) for value in second["optimizers"]["generator"]["state"].values()}
    assert steps == {1.0}
    assert len(first["optimizers"]["generator"]["state"]) < len(second["optimizers"]["generator"]["state"])


def test_a_discriminator_grows_by_its_finest_scale() -> None:
    small, large = (MultiscaleDiscriminator(num_classes=2, width=2, layers=2, scales=n) for n in (2, 3))
    finest = large.state_dict()["scales.0.score.weight"].clone()
    large.start_from(small.state_dict())
    state = large.state_dict()
    assert torch.equal(state["scales.2.score.weight"], small.state_dict()["scales.1.score.weight"])
    assert torch.equal(state["scales.1.score.weight"], small.state_dict()["scales.0.score.weight"])
    assert torch.equal(state["scales.0.score.weight"], finest)
    with pytest.raises(RuntimeError, match="size mismatch"):
        large.start_from(MultiscaleDiscriminator(num_classes=2, width=4, layers=2).state_dict())


def test_outer_parts_are_refused_where_there_are_none(data: Path, tmp_path: Path) -> None:
    stage = Stage(2, 64, 64, 2, outer_only=True)
    with pytest.raises(SemsynthError, match="SpadeGenerator has no outer part"):
        train(replace(recipe_of("spade", data), stages=(stage,)), tmp_path, device="cpu")
    outer = CRNGenerator(num_classes=2, width=4, modules=4).outer_parameters()
    assert len(outer) == 2 * 6 + 2
