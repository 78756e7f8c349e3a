"""Generators by name."""

import inspect
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.files.networks import check_counts, size_limit
from semsynth.models.ablations import ConcatGenerator, LabelledPix2PixHDGenerator
from semsynth.models.base import GeneratorModule
from semsynth.models.ccfpse import CCFPSEGenerator
from semsynth.models.crn import CRNGenerator
from semsynth.models.oasis import OASISGenerator
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.sims import SIMSGenerator
from semsynth.models.spade import SpadeGenerator

__all__ = ["GENERATORS", "GeneratorModule", "create_model"]

GENERATORS: dict[str, type[GeneratorModule]] = {
    "spade": SpadeGenerator,
    "pix2pixhd": Pix2PixHDGenerator,
    "crn": CRNGenerator,
    "sims": SIMSGenerator,
    "ccfpse": CCFPSEGenerator,
    "oasis": OASISGenerator,
    "concat": ConcatGenerator,
    "pix2pixhd-labelled": LabelledPix2PixHDGenerator,
}

# What the papers set per label set, beside the number of classes; a generator takes what it knows of.
LABEL_SET_CONFIGS: dict[str, dict[str, Any]] = {
    "coco-stuff": {"num_classes": 183, "instances": True},
    "ade20k": {"num_classes": 151},
    "cityscapes": {"num_classes": 35, "instances": True, "upsamplings": 6},
    "facades": {"num_classes": 13},
}


def create_model(name: str, *, labels: str | None = None, **config: Any) -> GeneratorModule:
    """Build a generator with fresh float32 weights.

    Args:
        name: a key of `GENERATORS`.
        labels: a label set whose published configuration is wanted ("coco-stuff", "ade20k", "cityscapes",
            "facades"); what `config` names overrides it.
        **config: keyword arguments of the generator's class, `num_classes` among them without `labels`.

    Raises:
        SemsynthError: an unknown name, or a network that does not fit into memory.
    """
    if name not in GENERATORS:
        raise SemsynthError(f"There is no model {name!r}; the models are {', '.join(GENERATORS)}.")
    if labels is not None:
        if labels not in LABEL_SET_CONFIGS:
            known = ", ".join(LABEL_SET_CONFIGS)
            raise SemsynthError(
                f"There is no published configuration for {labels!r}; there is one for {known}."
            )
        known_to_it = inspect.signature(GENERATORS[name]).parameters
        published = {key: value for key, value in LABEL_SET_CONFIGS[labels].items() if key in known_to_it}
        config = published | config
    check_counts(config)
    with size_limit():
        return GENERATORS[name](**config).float()  # whatever the program's default dtype is
