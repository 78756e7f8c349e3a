"""Model folders: find, read and write them, and make them of published checkpoints.

Published checkpoints are read by `importing`, models are made ready to be given away by `packing`.
"""

from semsynth.hub.config import read_config
from semsynth.hub.finding import PRETRAINED, find_model, pretrained_names
from semsynth.hub.folder import (
    MAX_CARD,
    Model,
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
