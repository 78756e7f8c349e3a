"""A small model with random weights, in a folder, for tests that need a real network."""

from pathlib import Path

import torch

from semsynth.hub import Model, save_model
from semsynth.hub.styles import Style
from semsynth.labels import LabelSpace
from semsynth.models import create_model
from semsynth.models.style_encoder import StyleEncoder


def write_model(folder: Path, side: int = 64, width: int = 4) -> Path:
    """Write a model of pictures of side x side pixels with one named style."""
    torch.manual_seed(0)
    space = LabelSpace.named("siftflow")
    generator = create_model(
        "spade", num_classes=space.num_classes, width=width, hidden=8, stem="labels+style", style_dim=16
    )
    encoder = StyleEncoder(style_dim=16, width=4, image_size=64)
    styles = {"first": Style(torch.ones(16))}
    return save_model(folder, Model(generator, space, (side, side), encoder, styles))
