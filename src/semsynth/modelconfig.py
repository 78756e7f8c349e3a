"""config.json of a model folder: what is needed to build its networks again."""

import json
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError

FORMAT = 1
"""Version of the folder's layout; a newer one is refused by name."""


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a model folder, its format and the kinds of its values checked.

    Raises:
        SemsynthError: it cannot be read, is of a newer format, or does not look as `save_model` writes it.
    """
    path = folder / "config.json"
    try:
        config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SemsynthError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise SemsynthError(f"{path} is not valid JSON: {error}") from None
    version = config.get("format") if isinstance(config, dict) else None
    if not isinstance(version, int) or version < 1:
        raise SemsynthError(f'{path} is no model folder\'s: it has no "format" number')
    if version > FORMAT:
        raise SemsynthError(
            f"{path} is of format {version}; this version reads formats up to {FORMAT}: "
            "install a newer semsynth"
        )
    if missing := {"generator", "image_size", "label_set"} - config.keys():
        raise SemsynthError(f"{path} lacks {', '.join(sorted(missing))}")
    for name in ("generator", "style_encoder", "discriminator", "sha256"):
        value = config.get(name)
        if not isinstance(value, dict) and (value is not None or name == "generator"):
            raise SemsynthError(f"{path}: {name} is {value!r}; it must be a table of settings")
    size = config["image_size"]
    if not _is_list(size, int) or len(size) != 2 or min(size) < 1:
        raise SemsynthError(f"{path}: image_size is {size!r}; it must be [height, width] in pixels")
    judges = config.get("optimised_with")
    if judges is not None and not _is_list(judges, str):
        raise SemsynthError(f"{path}: optimised_with is {judges!r}; it must be a list of names, or null")
    seen = config.get("images_seen")
    if seen is not None and (type(seen) is not int or seen < 0):
        raise SemsynthError(f"{path}: images_seen is {seen!r}; it must be a number of pictures, or null.")
    return config


def _is_list(value: object, kind: type) -> bool:
    return isinstance(value, list) and all(type(entry) is kind for entry in value)
