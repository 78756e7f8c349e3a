"""Initial weights from another run or a model folder."""

import contextlib
import json
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from semsynth.models.base import GeneratorModule
from semsynth.training.checkpoints import load_newest
from semsynth.training.class_weights import FAMILIES, ClassMatch, Take, carry_over
from semsynth.training.objectives.base import Networks

_LONGEST = 200
"""Characters of torch's list of tensors that do not fit."""


def start_from(networks: Networks, source: Path, space: LabelSpace) -> tuple[str, tuple[str, ...] | None]:
    """Load weights into fresh networks; optimizers and counters start fresh.

    The source is a run folder, whose newest checkpoint gives all networks; or a model folder, whose
    discriminator is taken where one was kept. It may be of pictures half the size, where the generator can
    grow from those; or of another label set than the data's, where weights of single classes can be told
    apart: those of classes that are called alike are kept, the others begin fresh.

    Returns:
        A sentence that says what was loaded, and the networks that the weights were trained against; None
        where that is not recorded.

    Raises:
        SemsynthError: Nothing there, or weights of other shapes.
    """
    state = None
    if (source / "checkpoints").is_dir():
        state = load_newest(source / "checkpoints", warn=lambda _: None, needs=("networks",))
        if state is None:
            raise SemsynthError(f"{source} has no checkpoint to start from.")
    # A run's model folder says what it takes to build its networks.
    model = hub.load_model(source / "model" if state is not None else source)
    match = ClassMatch(tuple(model.label_space.names), tuple(space.names))
    if not match.same and hub.generator_name(networks.generator) not in FAMILIES:
        raise SemsynthError(
            f"The model in {source} draws {len(match.before)} classes, the data has {len(match.now)}, and "
            "they are not the same; in a network of this family the weights of single classes cannot be told "
            "apart, so it can only start from a model of the same classes."
        )
    loaded, advice = ["generator"], _advice(networks, model)
    with fitting("generator", source, advice):
        if state is not None:  # which is newer than the folder, where a run was killed between the two
            model.generator.load_state_dict(_weights(state, "generator"))
        if match.same:
            networks.generator.start_from(model.generator)
        else:
            carry_over(networks.generator, model.generator.state_dict(), match, _take(networks.generator))
    if networks.style_encoder is not None and model.style_encoder is not None:
        with fitting("style encoder", source, advice):
            if state is not None:
                model.style_encoder.load_state_dict(_weights(state, "style_encoder"))
            networks.style_encoder.start_from(model.style_encoder)
        loaded.append("style encoder")
    weights = None
    if state is not None:
        weights = state["networks"].get("discriminator")
    elif hub.read_config(hub.find_model(source)).get("discriminator"):
        kept = hub.load_discriminator(source)
        if type(kept) is type(networks.discriminator):
            weights = kept.state_dict()
    if networks.discriminator is not None and weights is not None:
        take = getattr(networks.discriminator, "start_from", networks.discriminator.load_state_dict)
        with fitting("discriminator", source):
            if match.same:
                take(weights)
            else:
                carry_over(networks.discriminator, weights, match, take)
        loaded.append("discriminator")
    more = "" if match.same else f"; {match}"
    return f"Started from {source}: {', '.join(loaded)}{more}.", model.loss_networks


def _weights(state: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The averaged weights of a checkpoint's network, or the last ones."""
    weights: Mapping[str, Any] = (state.get("averaged") or state["networks"])[name]
    return weights


def _take(generator: GeneratorModule) -> Take:
    """How a generator loads a state; fixed noise that it lacks stays as it is, as in `start_from`."""
    fresh = {name: value for name, value in generator.state_dict().items() if name.startswith("noise.")}
    return lambda state: generator.load_state_dict(fresh | dict(state))


@contextlib.contextmanager
def fitting(name: str, source: Path, advice: str = "") -> Iterator[None]:
    """Turn the error of weights with other shapes into a sentence: whose, from where, and what to do."""
    try:
        yield
    except (RuntimeError, SemsynthError) as error:
        lines = str(error).splitlines()
        first = lines[min(1, len(lines) - 1)].strip().rstrip(".")
        if len(first) > _LONGEST:
            first = f"{first[:_LONGEST]} ..."
        raise SemsynthError(f"The {name} in {source} does not fit the recipe: {first}.{advice}") from error


def _advice(networks: Networks, model: hub.Model) -> str:
    """The flags that give fresh networks the settings of a model, as a further sentence."""
    flags = []
    for section in ("generator", "style_encoder"):
        ours, theirs = getattr(networks, section), getattr(model, section)
        if ours is not None and theirs is not None:
            values = {key: json.dumps(value) for key, value in theirs.config.items() if key != "num_classes"}
            unlike = [key for key in values if json.dumps(ours.config.get(key)) != values[key]]
            flags += [f"--{section}.{key} {shlex.quote(values[key])}" for key in unlike]
    return f" The model was made with {' '.join(flags)}." if flags else ""
