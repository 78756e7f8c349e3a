"""A small model with everything a model may have, for the tests of what is built on models."""

from pathlib import Path

import torch
from PIL import Image

from semsynth.hub import Model, save_model
from semsynth.hub.styles import Style
from semsynth.labels import LabelSpace
from semsynth.models import create_model
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.init import initialize

SPACE = LabelSpace.from_dict(
    {
        "name": "park",
        "classes": [
            {"name": "sky", "color": [120, 180, 240]},
            {"name": "tree", "color": [20, 90, 30]},
            {"name": "grass", "color": [90, 170, 60]},
            {"name": "path", "color": [180, 170, 150]},
        ],
    }
)
"""Four classes, no void."""


def small_model(space: LabelSpace = SPACE, *, instances: bool = False, styled: bool = True) -> Model:
    """Fresh networks of a healthy scale; the same every time."""
    draws = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    stem: dict[str, object] = {}
    if styled:
        stem = {"stem": "labels+style", "style_dim": 6, "style_modulation": True, "noise_channels": 2}
    generator = create_model(
        "spade", num_classes=space.num_classes, width=2, hidden=8, instances=instances, **stem
    )
    initialize(generator, "xavier", 1.0, generator=draws)
    for name, value in generator.named_parameters():
        if name.endswith("style.weight") or name.startswith("noise.to_"):
            torch.nn.init.normal_(value, 0, 0.3, generator=draws)
    encoder = None
    styles = {}
    if styled:
        encoder = StyleEncoder(style_dim=6, width=2, image_size=64)
        initialize(encoder, "xavier", 1.0, generator=draws)
        styles = {
            "noon": Style(torch.full((6,), 1.5), "high sun", Image.new("RGB", (8, 6), "white")),
            "dusk": Style(torch.full((6,), -1.5)),
        }
    return Model(generator.eval(), space, (64, 64), encoder and encoder.eval(), styles, "# A small model\n")


def small_folder(folder: Path, **options: bool) -> Path:
    """The same as a model folder."""
    return save_model(folder, small_model(**options))  # type: ignore[arg-type]
