"""The table of methods: what each one builds and minimises. A new method is one more row."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from semsynth.errors import SemsynthError
from semsynth.models import GENERATORS, create_model
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.init import initialize
from semsynth.training.objectives.base import Losses, Networks, Objective, Step
from semsynth.training.objectives.perceptual import build_perceptual
from semsynth.training.objectives.spade import SpadeObjective
from semsynth.training.recipe import ObjectiveSettings, Recipe, check_keywords

__all__ = [
    "METHODS",
    "Losses",
    "Method",
    "Networks",
    "Objective",
    "Step",
    "build_networks",
    "build_objective",
]


@dataclass(frozen=True)
class Method:
    """A published system, as training sees it.

    Attributes:
        generator: key of `GENERATORS`.
        discriminator: class of the discriminator, or None.
        objective: builds the losses from their settings.
    """

    generator: str
    discriminator: Callable[..., nn.Module] | None
    objective: Callable[[ObjectiveSettings], Objective]


def _spade(settings: ObjectiveSettings) -> Objective:
    return SpadeObjective(settings, build_perceptual(settings))


METHODS: dict[str, Method] = {
    "spade": Method("spade", MultiscaleDiscriminator, _spade),
}


def find_method(name: str) -> Method:
    """A row of `METHODS`.

    Raises:
        SemsynthError: an unknown name.
    """
    if name not in METHODS:
        raise SemsynthError(f"there is no method {name!r}; the methods are {', '.join(METHODS)}")
    return METHODS[name]


def build_networks(
    recipe: Recipe, num_classes: int, has_instances: bool, where: str = "the recipe"
) -> Networks:
    """Fresh networks, initialised from the run's seed.

    Args:
        recipe: the settings.
        num_classes: of the data's label set.
        has_instances: whether the data has instance maps; they are used unless the recipe says otherwise.
        where: what to name in errors.

    Raises:
        SemsynthError: settings that the networks' classes do not take.
    """
    method = find_method(recipe.method)
    instances = {"instances": has_instances}
    generator_class = GENERATORS[method.generator]
    check_keywords(generator_class, recipe.generator, where, "generator")
    classes: dict[str, Any] = {"num_classes": num_classes}
    build_generator = functools.partial(create_model, method.generator, **classes)
    generator = _build(build_generator, instances | recipe.generator, where, "generator")
    networks = Networks(generator)
    if recipe.style_encoder is not None:
        check_keywords(StyleEncoder, recipe.style_encoder, where, "style_encoder")
        keywords = {"style_dim": generator.style_dim} | recipe.style_encoder
        networks.style_encoder = _build(StyleEncoder, keywords, where, "style_encoder")
    if method.discriminator is not None:
        check_keywords(method.discriminator, recipe.discriminator, where, "discriminator")
        build = functools.partial(method.discriminator, **classes)
        seen = {"instances": generator.uses_instances}
        networks.discriminator = _build(build, seen | recipe.discriminator, where, "discriminator")
    rng = torch.Generator().manual_seed(recipe.run.seed)
    for module in networks.modules().values():
        init = recipe.init
        initialize(module, init.scheme, init.gain, spectral=init.spectral, generator=rng)  # type: ignore[arg-type]
    return networks


def build_objective(recipe: Recipe) -> Objective:
    """The losses of the recipe's method."""
    return find_method(recipe.method).objective(recipe.objective)


def _build(builder: Callable[..., Any], keywords: dict[str, Any], where: str, section: str) -> Any:
    try:
        return builder(**keywords)
    except (TypeError, ValueError) as error:
        raise SemsynthError(f"{where}: section {section}: {error}") from error
