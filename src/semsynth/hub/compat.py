"""Old names in saved files. They are read for one minor version, and only here."""

import json
from collections.abc import Collection, Mapping
from typing import Any


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


def model_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of a model folder."""
    return _renamed(config, {"optimised_with": "loss_networks"})


def checkpoint(state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint of a training run."""
    return _renamed(state, {"looks_through": "loss_networks"})


def run_settings(settings: Mapping[str, Any], objective: Collection[str]) -> dict[str, Any]:
    """config.json of a run folder: settings of the objective that the method does not use are dropped.

    They were recorded for every method, and had no effect.

    Args:
        settings: As read.
        objective: Names of the settings that the method uses.
    """
    recorded = settings.get("objective")
    if not isinstance(recorded, dict):
        return dict(settings)
    used = {name: value for name, value in recorded.items() if name in objective}
    return dict(settings) | {"objective": used}


def report_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of an evaluation's report.json."""
    return _renamed(row, {"optimised_with": "loss_networks"})


def _renamed(table: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in table.items()}


def _style(settings: Any) -> dict[str, Any]:
    """Style and seed of the painting application's settings."""
    style = settings.get("style") if isinstance(settings, dict) else None
    if not isinstance(style, dict):
        return {}
    if "mix" in style:
        return {"style": "a mix of two styles"}
    seed = style.get("seed", style.get("variation", 0))
    return {"style": style.get("name"), "vector": style.get("vector"), "seed": seed}
