"""Beginning a run with the weights of another."""

from pathlib import Path

from torch import nn

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.training.objectives.base import Networks
from semsynth.training.state import load_newest


def start_from(networks: Networks, source: Path) -> str:
    """Load weights into fresh networks; optimisers and counters begin anew.

    Args:
        networks: changed in place.
        source: a run folder, whose newest checkpoint gives all networks; or a model folder, which has no
            discriminator.

    Returns:
        a sentence that says what was loaded.

    Raises:
        SemsynthError: nothing there, or weights of other shapes.
    """
    if (source / "checkpoints").is_dir():
        state = load_newest(source / "checkpoints", warn=lambda _: None)
        if state is None:
            raise SemsynthError(f"{source} has no checkpoint to start from")
        states = {name: state["averaged"].get(name, part) for name, part in state["networks"].items()}
    else:
        model = hub.load_model(source)
        states = {"generator": model.generator.state_dict()}
        if model.style_encoder is not None:
            states["style_encoder"] = model.style_encoder.state_dict()
    loaded = []
    for name, module in networks.modules().items():
        if name in states:
            _load(module, states[name], name, source)
            loaded.append(name)
    if not loaded:
        raise SemsynthError(f"{source} holds none of the networks of this recipe")
    return f"started from {source}: {', '.join(loaded)}"


def _load(module: nn.Module, state: dict[str, object], name: str, source: Path) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1].strip() if "\n" in str(error) else str(error)
        raise SemsynthError(f"the {name} in {source} does not fit the recipe: {first}") from error
