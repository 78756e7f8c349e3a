"""The model folder of a run: what it holds, and whether it is that of the newest checkpoint."""

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.files.tensors import file_sha256
from semsynth.labels import LabelSpace
from semsynth.training.ema import Ema
from semsynth.training.objectives.base import Networks
from semsynth.training.state import TrainState


def inference_networks(networks: Networks, averaged: Mapping[str, Ema]) -> Networks:
    """Copies of the networks to draw with, in evaluation mode, with averaged weights where there are any."""
    copies: dict[str, Any] = {}
    for name, module in networks.modules().items():
        if name != "discriminator":
            copies[name] = copy.deepcopy(module).eval()
            if name in averaged:
                copies[name].load_state_dict(averaged[name].state_dict())
    return Networks(**copies)


def model_of(state: TrainState, space: LabelSpace, image_size: tuple[int, int]) -> hub.Model:
    """What the model folder of a run holds: the averaged networks, or the last ones; image_size is (H, W)."""
    best, before = inference_networks(state.networks, state.averaged), state.loss_networks
    against = None if before is None else tuple(sorted({*before, *state.objective.loss_networks()}))
    return hub.Model(
        best.generator,
        space,
        image_size,
        best.style_encoder,
        loss_networks=against,
        images_seen=state.images_seen,
    )


def kept_discriminator(networks: Networks, keep: bool) -> tuple[dict[str, Any], nn.Module] | None:
    """The keyword arguments of the discriminator and the network, where it goes into the model folder."""
    if not keep or networks.discriminator is None or networks.discriminator_config is None:
        return None
    return networks.discriminator_config, networks.discriminator


def is_current(
    folder: Path, model: hub.Model, discriminator: tuple[dict[str, Any], nn.Module] | None = None
) -> bool:
    """Whether a model folder is whole, of networks of this kind, and of no fewer pictures.

    One of more pictures is of a later checkpoint that was damaged: it stays until the run comes there again.
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
        "discriminator": hub.discriminator_config(*discriminator) if discriminator else None,
        "loss_networks": None if model.loss_networks is None else list(model.loss_networks),
    }
    if seen == model.images_seen:
        wanted["image_size"] = list(model.image_size)
    return bool({name: config.get(name) for name in wanted} == json.loads(json.dumps(wanted)))
