"""Model folders: find, read and write them, and make them of published checkpoints.

Published checkpoints are read by `importing`, models are made ready to be given away by `packing`. Names are
imported at first use: old names in saved files (`compat`) are read without torch, too.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semsynth.hub.config import read_config as read_config
    from semsynth.hub.finding import PRETRAINED as PRETRAINED
    from semsynth.hub.finding import find_model as find_model
    from semsynth.hub.finding import pretrained_names as pretrained_names
    from semsynth.hub.folder import MAX_CARD as MAX_CARD
    from semsynth.hub.folder import Model as Model
    from semsynth.hub.folder import fingerprint as fingerprint
    from semsynth.hub.folder import generator_name as generator_name
    from semsynth.hub.folder import images_seen as images_seen
    from semsynth.hub.folder import load_discriminator as load_discriminator
    from semsynth.hub.folder import load_model as load_model
    from semsynth.hub.folder import save_model as save_model
    from semsynth.hub.styles import Style as Style

_HOMES = {
    "config": ("read_config",),
    "finding": ("PRETRAINED", "find_model", "pretrained_names"),
    "folder": (
        "MAX_CARD",
        "Model",
        "fingerprint",
        "generator_name",
        "images_seen",
        "load_discriminator",
        "load_model",
        "save_model",
    ),
    "styles": ("Style",),
}
"""Module → the public names that live in it."""


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"semsynth.hub.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
