"""Every compared method: trained by one command, stopped and resumed, written, read and drawn with."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from semsynth.data import load_dataset
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.hub import load_model
from semsynth.models import CRNGenerator, Pix2PixHDGenerator
from semsynth.models.sims import SIMSGenerator
from semsynth.pipeline import Synthesizer
from semsynth.training.log import read_log
from semsynth.training.loop import train
from semsynth.training.objective import METHODS, Networks, Step, build_networks, build_objective
from semsynth.training.objectives.base import Material, Objective
from semsynth.training.recipe import Recipe, recipe_from_dict
from tests.training.test_loop import Stop, assert_same, newest, stop_at
from tests.training.tiny import paint

PATCH: dict[str, Any] = {"width": 2, "layers": 2, "scales": 2}

# The smallest networks of every method, and the terms its losses have.
TINY: dict[str, tuple[dict[str, Any], set[str]]] = {
    "spade": (
        {"generator": {"width": 2, "hidden": 2}, "discriminator": PATCH},
        {"generator/gan", "generator/feature_matching", "discriminator/fake", "discriminator/real"},
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
        "objective": {"perceptual": 0.0, "perceptual_network": "efficientnet-lite0"},
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


def material(root: Path, folder: Path, said: list[str] | None = None) -> Material:
    geometry = Geometry("resize_and_crop", 68, 64)
    say = (lambda _: None) if said is None else said.append
    return Material(
        load_dataset("folder", root=root, split="train"), geometry, folder, torch.device("cpu"), say
    )


def prepared(method: str, root: Path, folder: Path) -> tuple[Networks, Objective, Step]:
    """Fresh networks, the objective ready for them, and a step of two pictures."""
    recipe = recipe_of(method, root)
    networks = build_networks(recipe, 4, has_instances=False)
    objective = build_objective(recipe)
    ground = material(root, folder)
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
    sum(objective.generator_loss(step, networks).values()).backward()
    idle = [name for name, p in networks.generator.named_parameters() if p.grad is None]
    assert not idle
    if networks.discriminator is not None:
        networks.discriminator.zero_grad()
        sum(objective.discriminator_loss(step, networks).values()).backward()
        assert all(p.grad is not None for p in networks.discriminator.parameters())
