"""The battery, on every family in small."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from semsynth.models import GENERATORS, create_model
from semsynth.models.base import GeneratorModule
from semsynth.ops.init import initialize
from tests import battery

SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "spade": ("spade", {"width": 2, "hidden": 4}),
    "spade, styled": (
        "spade",
        {"width": 2, "hidden": 4, "stem": "labels+style", "style_dim": 3, "style_modulation": True},
    ),
    "spade, published style": (
        "spade",
        {"width": 2, "hidden": 4, "stem": "style", "style_dim": 3, "instances": True, "latent_size": (1, 2)},
    ),
    "spade, 7 upsamplings, 1x1": ("spade", {"width": 2, "hidden": 4, "upsamplings": 7, "kernel_size": 1}),
    "pix2pixhd": ("pix2pixhd", {"width": 2, "downsamplings": 2, "blocks": 2, "instances": True}),
    "crn": ("crn", {"width": 8, "modules": 5}),
    "ccfpse": ("ccfpse", {"width": 2, "hidden": 4, "instances": True}),
    "concat": ("concat", {"width": 2}),
    "pix2pixhd-labelled": ("pix2pixhd-labelled", {"width": 2, "downsamplings": 2, "blocks": 2, "hidden": 4}),
    "oasis": ("oasis", {"width": 2, "hidden": 4, "style_dim": 3}),
}
"""A row a network: its name, and the settings of a small one."""


def _build(name: str, config: dict[str, Any]) -> GeneratorModule:
    torch.manual_seed(0)
    model = create_model(name, num_classes=5, **config)
    initialize(model, "xavier", 1.0, generator=torch.Generator().manual_seed(0))  # of a healthy scale
    for value in model.parameters():
        if not value.any():  # what starts at zero has been trained
            torch.nn.init.normal_(value, 0, 0.1)
    return model


def test_every_family_has_a_row() -> None:
    with_bank = {"sims"}  # it needs a memory bank, and has tests of its own
    assert {name for name, _ in SMALL.values()} == set(GENERATORS) - with_bank


@pytest.mark.parametrize("check", battery.CHECKS.values(), ids=battery.CHECKS)
@pytest.mark.parametrize("row", SMALL.values(), ids=SMALL)
def test_battery(row: tuple[str, dict[str, Any]], check: Callable[[battery.Build], None]) -> None:
    check(partial(_build, *row))


@pytest.mark.parametrize("row", SMALL.values(), ids=SMALL)
def test_folder(row: tuple[str, dict[str, Any]], tmp_path: Path) -> None:
    battery.check_folder(partial(_build, *row), tmp_path)
