"""Beginning a run with the weights of another."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.training.objectives.base import Networks
from semsynth.training.state import load_newest


def start_from(networks: Networks, source: Path) -> tuple[str, tuple[str, ...] | None]:
    """Load weights into fresh networks; optimisers and counters begin anew.

    Args:
        networks: changed in place.
        source: a run folder, whose newest checkpoint gives all networks; or a model folder, whose
            discriminator is taken where one was kept. It may be of pictures half the size, where the
            generator can grow from those.

    Returns:
        a sentence that says what was loaded, and the networks that the weights were trained against; None
        where that is not recorded.

    Raises:
        SemsynthError: nothing there, or weights of other shapes.
    """
    state = None
    if (source / "checkpoints").is_dir():
        state = load_newest(source / "checkpoints", warn=lambda _: None)
        if state is None:
            raise SemsynthError(f"{source} has no checkpoint to start from")
    # A run's model folder holds the averaged networks, and what it takes to build them.
    model = hub.load_model(source / "model" if state is not None else source)
    loaded = ["generator"]
    with fitting("generator", source):
        networks.generator.start_from(model.generator)
    if networks.style_encoder is not None and model.style_encoder is not None:
        with fitting("style encoder", source):
            networks.style_encoder.start_from(model.style_encoder)
        loaded.append("style encoder")
    weights = None
    if state is not None:
        weights = state["networks"].get("discriminator")
    elif hub.read_config(hub.find_model(source)).get("discriminator"):
        weights = hub.load_discriminator(source).state_dict()
    if networks.discriminator is not None and weights is not None:
        with fitting("discriminator", source):
            take = getattr(networks.discriminator, "start_from", networks.discriminator.load_state_dict)
            take(weights)
        loaded.append("discriminator")
    return f"started from {source}: {', '.join(loaded)}", model.optimised_with


@contextlib.contextmanager
def fitting(name: str, source: Path) -> Iterator[None]:
    """Say of weights of other shapes whose they are and where they came from."""
    try:
        yield
    except (RuntimeError, SemsynthError) as error:
        lines = str(error).splitlines()
        first = lines[min(1, len(lines) - 1)].strip()
        raise SemsynthError(f"the {name} in {source} does not fit the recipe: {first}") from error
