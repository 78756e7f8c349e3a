"""Old names in saved files. They are read for one minor version, and only here."""

import json
from collections.abc import Mapping
from typing import Any

_GENERATOR = {"positions": "noise_channels"}
_WEIGHTS = {
    "position_code": "noise.values",
    "stem_positions.": "noise.to_stem.",
    "block_positions.": "noise.to_blocks.",
}


def model_config(config: dict[str, Any]) -> dict[str, Any]:
    """config.json of a model folder."""
    return run_settings(config)


def run_settings(settings: dict[str, Any]) -> dict[str, Any]:
    """config.json of a training run."""
    generator = settings.get("generator")
    return (
        settings | {"generator": _renamed(generator, _GENERATOR)} if isinstance(generator, dict) else settings
    )


def weight_name(name: str) -> str:
    """A tensor of a generator, as `state_dict` names it."""
    for old, new in _WEIGHTS.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def checkpoint(state: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint of a training run; its networks are changed in place."""
    for networks in (state.get("networks"), state.get("averaged")):
        if isinstance(networks, dict) and isinstance(weights := networks.get("generator"), dict):
            networks["generator"] = {weight_name(name): value for name, value in weights.items()}
    return state


def project(settings: Any) -> Any:
    """Settings of a picture, in a project, a PNG file or a request: `style` was called `look`."""
    if isinstance(settings, dict) and "look" in settings and "style" not in settings:
        return {"style" if key == "look" else key: value for key, value in settings.items()}
    return settings


def png_record(texts: Mapping[Any, Any]) -> Any:
    """How a picture was made, by the text chunks of its PNG file; None where they do not say.

    `noise_offset` was called `shift`. The painting application wrote other fields, under the key `semsynth`.
    """
    key = "semsynth:synthesis" if "semsynth:synthesis" in texts else "semsynth"
    try:
        made = json.loads(texts.get(key, ""))
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(made, dict):
        return None
    if key == "semsynth":
        settings = project(made.get("settings"))
        return {"label_set": made.pop("labels", ""), **_style(settings), **made, "settings": settings}
    return {"noise_offset" if name == "shift" else name: value for name, value in made.items()}


def _style(settings: Any) -> dict[str, Any]:
    """Style and seed of the painting application's settings."""
    style = settings.get("style") if isinstance(settings, dict) else None
    if not isinstance(style, dict):
        return {}
    if "mix" in style:
        return {"style": "a mix of two styles"}
    seed = style.get("seed", style.get("variation", 0))
    return {"style": style.get("name"), "vector": style.get("vector"), "seed": seed}


def _renamed(table: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in table.items()}
