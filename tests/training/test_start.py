"""What a run that starts from another takes over."""

from pathlib import Path
from typing import Any

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.hub import save_model
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.training.objectives.base import Networks
from semsynth.training.start import start_from
from tests.small import SPACE, small_model


def discriminator(**settings: Any) -> MultiscaleDiscriminator:
    return MultiscaleDiscriminator(**{"num_classes": 4, "instances": False, "width": 4} | settings)


def networks(**settings: Any) -> Networks:
    fresh = small_model()
    return Networks(fresh.generator, discriminator(**settings), fresh.style_encoder)


def test_a_model_folders_discriminator_is_trained_on(tmp_path: Path) -> None:
    kept = discriminator()
    settings = {"num_classes": 4, "instances": False, "width": 4}
    save_model(tmp_path / "with", small_model(), discriminator=(settings, kept))
    ours = networks()
    said, _ = start_from(ours, tmp_path / "with", SPACE)
    assert said == f"Started from {tmp_path / 'with'}: generator, style encoder, discriminator."
    assert ours.discriminator is not None
    for name, value in ours.discriminator.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name])
    with pytest.raises(SemsynthError, match=r"The discriminator in .* does not fit the recipe"):
        start_from(networks(width=8), tmp_path / "with", SPACE)


def test_a_model_folder_without_one_leaves_it_fresh(tmp_path: Path) -> None:
    save_model(tmp_path / "without", small_model())
    ours = networks()
    assert ours.discriminator is not None
    before = {name: value.clone() for name, value in ours.discriminator.state_dict().items()}
    said, _ = start_from(ours, tmp_path / "without", SPACE)
    assert said.endswith(": generator, style encoder.")
    for name, value in ours.discriminator.state_dict().items():
        assert torch.equal(value, before[name])
