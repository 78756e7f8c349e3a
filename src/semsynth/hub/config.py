"""config.json of a model folder: what is needed to build its networks again."""

from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_json, shown
from semsynth.hub import compat
from semsynth.hub.scores import read_scores

FORMAT = 1
"""Version of the folder's layout; a newer one is refused by name."""
MAX_SIDE = 16_384
"""Longest side of the pictures a model may be for, in pixels."""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder, its format and the kinds of its values checked.

    Raises:
        SemsynthError: It cannot be read, is of a newer format, or does not look as `save_model` writes it.
    """
    path = folder / "config.json"
    config: dict[str, Any] = read_json(path)
    version = config.get("format") if isinstance(config, dict) else None
    if type(version) is not int or version < 1:
        raise SemsynthError(f'{path} is no model folder\'s: it has no "format" number.')
    if version > FORMAT:
        raise SemsynthError(
            f"{path} is of format {shown(version)}; this version reads formats up to {FORMAT}: "
            "install a newer semsynth."
        )
    config = compat.model_config(config)
    if missing := {"generator", "image_size", "label_set"} - config.keys():
        raise SemsynthError(f"{path} lacks {', '.join(sorted(missing))}.")
    for name in ("generator", "style_encoder", "discriminator", "sha256"):
        value = config.get(name)
        if not isinstance(value, dict) and (value is not None or name == "generator"):
            raise SemsynthError(f"{path}: {name} is {shown(value)}; it must be a table of settings.")
    for name, kind in (("label_set", str), ("dtype", str)):
        value = config.get(name)
        if not isinstance(value, kind) and (value is not None or name == "label_set"):
            raise SemsynthError(f"{path}: {name} is {shown(value)}; it must be a text.")
    for file, digest in (config.get("sha256") or {}).items():
        if not isinstance(digest, str):
            raise SemsynthError(f"{path}: the sha256 of {file} is {shown(digest)}; it must be a text.")
    size = config["image_size"]
    if not _is_list(size, int) or len(size) != 2 or not 1 <= min(size) <= max(size) <= MAX_SIDE:
        raise SemsynthError(
            f"{path}: image_size is {shown(size)}; it must be [height, width] in pixels, 1 to {MAX_SIDE:,}."
        )
    networks = config.get("loss_networks")
    if networks is not None and not _is_list(networks, str):
        raise SemsynthError(
            f"{path}: loss_networks is {shown(networks)}; it must be a list of names, or null."
        )
    seen = config.get("images_seen")
    if seen is not None and (type(seen) is not int or seen < 0):
        raise SemsynthError(
            f"{path}: images_seen is {shown(seen)}; it must be a number of pictures, or null."
        )
    read_scores(path, config.get("scores"))
    return config


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(type(entry) is kind for entry in value)
