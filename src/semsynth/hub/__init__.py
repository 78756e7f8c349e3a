"""Model folders: find, read and write them, and make them of published checkpoints.

Published checkpoints are read by `importing`, models are made ready to be given away by `packing`. Names are
imported at first use, since old names in saved files (`compat`) are read without torch, too.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semsynth.hub.config import read_config
    from semsynth.hub.finding import PRETRAINED, find_model, pretrained_names
    from semsynth.hub.folder import (
        MAX_CARD,
        Model,
        discriminator_config,
        fingerprint,
        generator_name,
        images_seen,
        load_discriminator,
        load_model,
        save_model,
    )
    from semsynth.hub.scores import Scores, record_scores
    from semsynth.hub.styles import Style

__all__ = [
    "MAX_CARD",
    "PRETRAINED",
    "Model",
    "Scores",
    "Style",
    "discriminator_config",
    "find_model",
    "fingerprint",
    "generator_name",
    "images_seen",
    "load_discriminator",
    "load_model",
    "pretrained_names",
    "read_config",
    "record_scores",
    "save_model",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        for module in ("config", "finding", "folder", "scores", "styles"):
            home = importlib.import_module(f"semsynth.hub.{module}")
            if name in vars(home):
                return vars(home)[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
