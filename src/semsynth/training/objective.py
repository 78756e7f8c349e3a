"""The table of methods: what each one builds and minimises. A new method is one more row."""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from semsynth.errors import SemsynthError
from semsynth.files.networks import check_counts, size_limit
from semsynth.files.settings import Keyword, check_keywords, defaults, describe, read_keywords
from semsynth.models import GENERATORS, create_model
from semsynth.models.discriminators import (
    FpseDiscriminator,
    MultiscaleDiscriminator,
    OasisDiscriminator,
    ProjectedDiscriminator,
)
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.init import initialize
from semsynth.training.objectives.base import Networks, Objective
from semsynth.training.objectives.ccfpse import CCFPSEObjective
from semsynth.training.objectives.crn import CRNObjective
from semsynth.training.objectives.oasis import OASISObjective
from semsynth.training.objectives.pix2pixhd import Pix2PixHDObjective
from semsynth.training.objectives.projected import ProjectedObjective
from semsynth.training.objectives.sims import SIMSObjective
from semsynth.training.objectives.spade import SpadeObjective
from semsynth.training.settings import (
    DataSettings,
    InitSettings,
    OptimizerSettings,
    Recipe,
    RunSettings,
    Stage,
)


@dataclass(frozen=True)
class Method:
    """A published system, as training sees it.

    Attributes:
        generator: Key of `GENERATORS`.
        discriminator: Class of the discriminator, or None.
        objective: Class of the losses.
        defaults: Keyword arguments of the generator that make it this method's, unless a recipe gives others.
    """

    generator: str
    discriminator: Callable[..., nn.Module] | None
    objective: type[Objective]
    defaults: dict[str, Any] = field(default_factory=dict)


METHODS: dict[str, Method] = {
    "spade": Method("spade", MultiscaleDiscriminator, SpadeObjective),
    "pix2pixhd": Method("pix2pixhd", MultiscaleDiscriminator, Pix2PixHDObjective),
    "crn": Method("crn", None, CRNObjective),
    "sims": Method("sims", None, SIMSObjective),
    "ccfpse": Method("ccfpse", FpseDiscriminator, CCFPSEObjective),
    "oasis": Method("oasis", OasisDiscriminator, OASISObjective),
    # SPADE's networks; the discriminator also sees features of a frozen network: the landscape model.
    "spade-projected": Method("spade", ProjectedDiscriminator, ProjectedObjective),
    # The networks of SPADE's Table 3, trained as SPADE is.
    "pix2pixhdpp": Method(
        "pix2pixhd", MultiscaleDiscriminator, SpadeObjective, {"norm": "sync_batch", "spectral": True}
    ),
    "pix2pixhdpp-labelled": Method("pix2pixhd-labelled", MultiscaleDiscriminator, SpadeObjective),
    "concat": Method("concat", MultiscaleDiscriminator, SpadeObjective),
}


def find_method(name: str) -> Method:
    """A row of `METHODS`.

    Raises:
        SemsynthError: An unknown name.
    """
    if name not in METHODS:
        raise SemsynthError(f"There is no method {name!r}; the methods are {', '.join(METHODS)}.")
    return METHODS[name]


def build_networks(
    recipe: Recipe, num_classes: int, has_instances: bool, where: str = "the recipe"
) -> Networks:
    """Fresh networks, initialised from the run's seed.

    Args:
        recipe: The settings.
        num_classes: Of the data's label set.
        has_instances: Whether the data has instance maps; they are used unless the recipe says otherwise.
        where: What to name in errors.

    Raises:
        SemsynthError: Settings that the networks' classes do not take.
    """
    method = find_method(recipe.method)
    generator_class = GENERATORS[method.generator]
    check_keywords(generator_class, recipe.generator, where, "generator")
    build = functools.partial(create_model, method.generator, num_classes=num_classes)
    keywords = _for_instances(generator_class, has_instances) | method.defaults | recipe.generator
    generator = _build(build, keywords, where, "generator")
    networks = Networks(generator)
    if recipe.style_encoder is not None:
        check_keywords(StyleEncoder, recipe.style_encoder, where, "style_encoder")
        keywords = {"style_dim": generator.style_dim} | recipe.style_encoder
        networks.style_encoder = _build(StyleEncoder, keywords, where, "style_encoder")
    if method.discriminator is not None:
        check_keywords(method.discriminator, recipe.discriminator, where, "discriminator")
        builder = functools.partial(method.discriminator, num_classes=num_classes)
        keywords = _for_instances(method.discriminator, generator.uses_instances) | recipe.discriminator
        networks.discriminator = _build(builder, keywords, where, "discriminator")
        networks.discriminator_config = {"num_classes": num_classes} | keywords
    rng = torch.Generator().manual_seed(recipe.run.seed)
    for module in networks.modules().values():
        init = recipe.init
        initialize(module, init.scheme, init.gain, spectral=init.spectral, generator=rng)
    return networks


def objective_settings(recipe: Recipe, where: str = "the recipe") -> dict[str, Any]:
    """All keyword arguments of the method's objective: those of the recipe, and the defaults of the others.

    Raises:
        SemsynthError: Settings that the method does not use, or values that are not allowed.
    """
    kind = find_method(recipe.method).objective
    owner = f" of the method {recipe.method}"
    return defaults(kind) | read_keywords(kind, recipe.objective, where, "objective", owner)


def build_objective(recipe: Recipe) -> Objective:
    """The losses of the recipe's method.

    Raises:
        SemsynthError: See `objective_settings`; or weights of a feature network that are not there.
    """
    return find_method(recipe.method).objective(**objective_settings(recipe))


def describe_settings(method: str) -> dict[str, list[Keyword]]:
    """What a recipe of a method may hold, by section, as `semsynth train --help` shows it.

    Raises:
        SemsynthError: An unknown method.
    """
    row = find_method(method)
    sections: dict[str, Any] = {
        "data": DataSettings,
        "generator": GENERATORS[row.generator],
        "style_encoder": StyleEncoder,
        "discriminator": row.discriminator,
        "objective": row.objective,
        "optimizer": OptimizerSettings,
        "init": InitSettings,
        "run": RunSettings,
        "stages": Stage,
    }
    given = {"generator": row.defaults}
    return {
        section: [word for word in describe(builder, given.get(section, {})) if word.name != "num_classes"]
        for section, builder in sections.items()
        if builder is not None
    }


def _for_instances(builder: Callable[..., Any], there: bool) -> dict[str, Any]:
    """Whether instance edges go in, as a keyword of a class that can take them."""
    return {"instances": there} if "instances" in inspect.signature(builder).parameters else {}


def _build(builder: Callable[..., Any], keywords: dict[str, Any], where: str, section: str) -> Any:
    try:
        check_counts(keywords)
        with size_limit(), torch.device("meta"):  # which takes no memory, to see how large it would be
            builder(**keywords)
        return builder(**keywords).float()  # whatever the default dtype of the program is
    except Exception as error:  # constructors raise whatever they trip over, and the settings are to blame
        reason = str(error).partition("\n")[0].rstrip(".") or type(error).__name__
        raise SemsynthError(f"{where}: section {section}: {reason}.") from error
