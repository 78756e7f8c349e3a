"""The state of a training run: what changes from step to step, saved and loaded as one thing.

And the model folder of the run: what it holds, and whether it is that of the newest checkpoint.
"""

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Adam

from semsynth import hub
from semsynth.data.sample import Batch
from semsynth.errors import SemsynthError
from semsynth.files.tensors import file_sha256
from semsynth.labels import LabelSpace
from semsynth.training.ema import Ema
from semsynth.training.log import LossTerms
from semsynth.training.objective import build_objective
from semsynth.training.objectives.base import Networks, Objective
from semsynth.training.settings import Recipe, RunSettings
from semsynth.training.steps import learning_rate, parameter_groups
from semsynth.training.warm_start import fitting


@dataclass
class TrainState:
    """Everything a run needs to continue as if it had never stopped.

    Attributes:
        optimizers: One for the generator with the style encoder, one for the discriminator.
        averaged: Averages of the generator and the style encoder, or nothing.
        loss_networks: Frozen networks in the losses that the first weights were trained with; None where that
            is not recorded.
        losses: The loss terms since the last line of the log.
        sampler: The place in the data, see `ShardedSampler.state_dict`; None at the start.
    """

    networks: Networks
    objective: Objective
    optimizers: dict[str, Adam]
    averaged: dict[str, Ema]
    loss_networks: tuple[str, ...] | None = ()
    losses: LossTerms = field(default_factory=LossTerms)
    images_seen: int = 0
    sampler: dict[str, Any] | None = None

    @classmethod
    def fresh(
        cls,
        recipe: Recipe,
        networks: Networks,
        device: torch.device,
        loss_networks: tuple[str, ...] | None = (),
    ) -> "TrainState":
        """The state before the first step; networks and losses are moved to the device."""
        objective, betas = build_objective(recipe), (recipe.optimizer.beta1, recipe.optimizer.beta2)
        for module in (*networks.modules().values(), *objective.loss_networks().values()):
            module.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        for module in networks.modules().values():
            module.train()
        optimizers = {
            name: Adam(group, learning_rate(recipe, name, 0), betas, fused=True)
            for name, group in parameter_groups(networks).items()
        }
        averaged = {
            name: Ema(module)
            for name, module in networks.modules().items()
            if name != "discriminator" and recipe.run.ema_images
        }
        return cls(networks, objective, optimizers, averaged, loss_networks)

    def average(self, run: RunSettings, batch_size: int) -> None:
        """Move the averages, after a step of `batch_size` pictures; half-lives are counted in pictures."""
        half_life: float = run.ema_images
        if run.ema_rampup:
            half_life = min(half_life, self.images_seen * run.ema_rampup)
        weight = 1 - 0.5 ** (batch_size / max(half_life, 1e-8))
        for name, ema in self.averaged.items():
            ema.update(self.networks.modules()[name], weight)

    def state_dict(self) -> dict[str, Any]:
        """Tensors, numbers, text and containers of them, see `load_state_dict`."""
        return {
            "images_seen": self.images_seen,
            "sampler": self.sampler,
            "networks": {name: module.state_dict() for name, module in self.networks.modules().items()},
            "averaged": {name: ema.state_dict() for name, ema in self.averaged.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "objective": self.objective.state_dict(),
            "loss_networks": list(self.objective.loss_networks()),
            "inherited": self.loss_networks,
            "log": self.losses.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any], source: Path) -> None:
        """Continue from what `state_dict` gave. Averages that it lacks begin with its weights.

        Raises:
            SemsynthError: A network is missing in it, or has other shapes.
        """
        self.images_seen, self.sampler = state["images_seen"], state["sampler"]
        self.loss_networks = state.get("inherited", ())
        networks = self.networks.modules()
        for name, module in networks.items():
            self._load(name, module, state["networks"], source)
        for name, ema in self.averaged.items():
            self._load(name, ema, state["averaged"] or state["networks"], source)
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][name])
        self.objective.load_state_dict(state.get("objective", {}))
        if "log" in state:
            self.losses.load_state_dict(state["log"])

    @staticmethod
    def _load(name: str, module: nn.Module | Ema, states: dict[str, Any], source: Path) -> None:
        title = name.replace("_", " ")
        if name not in states:
            raise SemsynthError(
                f"The recipe has a {title}, the run in {source} had none; choose another folder (-o FOLDER)."
            )
        with fitting(title, source):
            module.load_state_dict(states[name])


def inference_networks(networks: Networks, averaged: Mapping[str, Ema]) -> Networks:
    """Copies of the networks to draw with, in evaluation mode, with averaged weights where there are any."""
    copies: dict[str, Any] = {}
    for name, module in networks.modules().items():
        if name != "discriminator":
            copies[name] = copy.deepcopy(module).eval()
            if name in averaged:
                copies[name].load_state_dict(averaged[name].state_dict())
    return Networks(**copies)


def model_of(state: TrainState, space: LabelSpace, batch: Batch) -> hub.Model:
    """What the model folder of a run on pictures as in a batch holds: the averaged networks, or the last."""
    height, width = batch.labels.shape[1:]
    best, before = inference_networks(state.networks, state.averaged), state.loss_networks
    against = None if before is None else tuple(sorted({*before, *state.objective.loss_networks()}))
    return hub.Model(
        best.generator,
        space,
        (height, width),
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
