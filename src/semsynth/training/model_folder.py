"""The model folder of a run: what it holds, and whether it is that of the newest checkpoint."""

import copy
import json
from pathlib import Path
from typing import Any

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.files.tensors import file_sha256
from semsynth.labels import LabelSpace
from semsynth.training.ema import Ema
from semsynth.training.objectives.base import Networks


def inference_networks(networks: Networks, averaged: dict[str, Ema]) -> Networks:
    """The networks to look at and to ship: averaged where there are averages, in evaluation mode."""
    if averaged:
        return Networks(**{name: ema.network for name, ema in averaged.items()})  # type: ignore[arg-type]
    encoder = networks.style_encoder
    return Networks(
        copy.deepcopy(networks.generator).eval(), None, copy.deepcopy(encoder).eval() if encoder else None
    )


def is_current(folder: Path, model: hub.Model) -> bool:
    """Whether a model folder is whole, of networks of this kind, and of no fewer pictures.

    One of more pictures is of a later checkpoint that was damaged: it stays until the run comes there again.

    Args:
        folder: of the model; put back first where a process died while it replaced it.
        model: what the newest checkpoint would write.
    """
    seen = hub.images_seen(folder)
    if seen is None or model.images_seen is None or seen < model.images_seen:
        return False
    try:
        config = hub.read_config(folder)
        if LabelSpace.from_file(folder / "labels.json").to_dict() != model.label_space.to_dict():
            return False
        sums: dict[str, str] = config.get("sha256") or {}
        if any(file_sha256(folder / name) != digest for name, digest in sums.items()):
            return False
    except SemsynthError:
        return False
    wanted: dict[str, Any] = {
        "generator": {"name": hub.generator_name(model.generator), **model.generator.config},
        "style_encoder": model.style_encoder.config if model.style_encoder else None,
        "optimised_with": None if model.optimised_with is None else list(model.optimised_with),
    }
    if seen == model.images_seen:
        wanted["image_size"] = list(model.image_size)
    found = {name: config.get(name) for name in wanted}
    return bool(found == json.loads(json.dumps(wanted)))
