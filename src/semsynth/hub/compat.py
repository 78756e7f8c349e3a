"""Old names in saved files. They are read for one minor version, and only here."""

import json
from collections.abc import Collection, Mapping
from typing import Any

_GENERATOR = {"positions": "noise_channels"}
_WEIGHTS = {
    "position_code": "noise.values",
    "stem_positions.": "noise.to_stem.",
    "block_positions.": "noise.to_blocks.",
}


_LOSS_NETWORKS = {"optimised_with": "loss_networks", "looks_through": "loss_networks"}
_PROTOCOL = {"judge": "evaluator", "judged_ids": "evaluated_ids", "judge_source": "evaluator_source"}
_PROTOCOL_TEXTS = ("evaluator_source", "note")
_PRETRAINED = {"pretrained:judge-siftflow": "pretrained:segmenter-siftflow"}

EVALUATOR_OPTION = "--judge"
"""`--evaluator` of the command line."""


def model_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """config.json of a model folder."""
    return _renamed(config, _LOSS_NETWORKS) | _generator(config)


def run_settings(settings: Mapping[str, Any], objective: Collection[str] | None = None) -> dict[str, Any]:
    """config.json of a run folder, or a recipe.

    Args:
        settings: As read.
        objective: Names of the settings that the method's objective uses. Those of other methods, which were
            recorded for every method and had no effect, are dropped; with None all are kept.
    """
    recorded = settings.get("objective")
    if objective is None or not isinstance(recorded, dict):
        return dict(settings) | _generator(settings)
    used = {name: value for name, value in recorded.items() if name in objective}
    return dict(settings) | _generator(settings) | {"objective": used}


def weight_name(name: str) -> str:
    """A tensor of a generator, as `state_dict` names it."""
    for old, new in _WEIGHTS.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def checkpoint(state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint of a training run; its networks are changed in place."""
    for networks in (state.get("networks"), state.get("averaged")):
        if isinstance(networks, dict) and isinstance(weights := networks.get("generator"), dict):
            networks["generator"] = {weight_name(name): value for name, value in weights.items()}
    return _renamed(state, _LOSS_NETWORKS)


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
        json.dumps(made, ensure_ascii=False).encode()  # a lone surrogate is no character
    except (TypeError, ValueError, RecursionError):
        return None
    if not isinstance(made, dict):
        return None
    if key == "semsynth":
        settings = project(made.get("settings"))
        return {"label_set": made.pop("labels", ""), **_style(settings), **made, "settings": settings}
    return {"noise_offset" if name == "shift" else name: value for name, value in made.items()}


def pretrained(name: str) -> str:
    """The name of a bundled network."""
    return _PRETRAINED.get(name, name)


def protocol(table: Mapping[str, Any]) -> dict[str, Any]:
    """A protocol: a TOML file, or a part of a report or of run.json."""
    renamed = _renamed(table, _PROTOCOL)
    evaluator = renamed.get("evaluator")
    return renamed | {"evaluator": pretrained(evaluator)} if isinstance(evaluator, str) else renamed


def report(document: Mapping[str, Any]) -> dict[str, Any]:
    """report.json of an evaluation."""
    return {
        **document,
        "methods": [_renamed(row, _LOSS_NETWORKS) for row in document["methods"]],
        "real": _renamed(document["real"], _LOSS_NETWORKS),
        "networks": _renamed(document["networks"], _PROTOCOL),
        "protocol": protocol(document["protocol"]),
    }


def evaluation_run(settings: Mapping[str, Any]) -> dict[str, Any]:
    """run.json of an evaluation. Its protocol had texts, too, which decide no score."""
    renamed = _renamed(settings, _PROTOCOL)
    if isinstance(held := renamed.get("protocol"), dict):
        kept = protocol(held)
        renamed["protocol"] = {key: value for key, value in kept.items() if key not in _PROTOCOL_TEXTS}
    return renamed


def _style(settings: Any) -> dict[str, Any]:
    """Style and seed of the painting application's settings."""
    style = settings.get("style") if isinstance(settings, dict) else None
    if not isinstance(style, dict):
        return {}
    if "mix" in style:
        return {"style": "a mix of two styles"}
    seed = style.get("seed", style.get("variation", 0))
    return {"style": style.get("name"), "vector": style.get("vector"), "seed": seed}


def _generator(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The section of the generator, where there is one."""
    generator = settings.get("generator")
    return {"generator": _renamed(generator, _GENERATOR)} if isinstance(generator, dict) else {}


def _renamed(table: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(key, key): value for key, value in table.items()}
