"""A data set of painted shapes and a recipe that trains on it in seconds."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from semsynth.labels import LabelClass, LabelSpace
from semsynth.training.recipe import recipe_from_dict
from semsynth.training.settings import Recipe

COLOURS = np.array([[200, 220, 255], [40, 120, 60], [60, 60, 160], [190, 170, 120]], np.uint8)


def paint(root: Path, count: int = 8, size: int = 40) -> Path:
    """Write `count` label maps of a few rectangles, and photographs of noise in the classes' colours."""
    rng = np.random.default_rng(0)
    for part in ("images", "labels"):
        (root / part).mkdir(parents=True)
    classes = (LabelClass(i, f"class {i}", tuple(map(int, c)), "things") for i, c in enumerate(COLOURS))
    LabelSpace("tiny", tuple(classes), None).save(root / "labels.json")
    for number in range(count):
        labels = np.zeros((size, size), np.uint8)
        for _ in range(4):
            top, left = rng.integers(0, size - 8, 2)
            labels[top : top + rng.integers(8, size), left : left + rng.integers(8, size)] = rng.integers(
                0, 4
            )
        photo = COLOURS[labels].astype(int) + rng.integers(-20, 20, (size, size, 3))
        Image.fromarray(photo.clip(0, 255).astype(np.uint8)).save(root / "images" / f"{number:03}.png")
        Image.fromarray(labels).save(root / "labels" / f"{number:03}.png")
    return root


def tiny_recipe(root: Path, **changes: Any) -> Recipe:
    """A recipe of the smallest networks; `changes` replace values, as section__key=value."""
    table: dict[str, Any] = {
        "data": {"root": str(root), "load_size": 36, "crop_size": 32},
        "generator": {
            "width": 2,
            "hidden": 4,
            "stem": "labels+style",
            "style_dim": 3,
            "style_modulation": True,
        },
        "style_encoder": {"width": 2, "image_size": 64},
        "discriminator": {"width": 4, "layers": 3},
        "objective": {"perceptual": 0.0, "prior_share": 0.25, "augment": ["color", "translation"]},
        "init": {"gain": 1.0},
        "run": {
            "images": 48,
            "batch_size": 4,
            "precision": "float32",
            "ema_images": 20,
            "log_images": 4,
            "sample_images": 24,
            "checkpoint_images": 8,
            "workers": 1,
        },
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            table.setdefault(section, {})[key] = value
        else:
            table[section] = value
    if table.get("stages"):  # which say these themselves
        for section, keys in {"data": ("load_size", "crop_size"), "run": ("images", "batch_size")}.items():
            for key in keys:
                table[section].pop(key, None)
    return recipe_from_dict(table)


def as_toml(recipe: Recipe) -> str:
    """The settings as a TOML file."""
    lines: list[str] = []

    def write(name: str, table: dict[str, Any]) -> None:
        lines.extend([f"[{name}]"] if name else [])
        plain = {k: v for k, v in table.items() if v is not None and not isinstance(v, dict)}
        lines.extend(f"{key} = {json.dumps(value)}" for key, value in plain.items())
        for key, value in table.items():
            if isinstance(value, dict):
                write(f"{name}.{key}".lstrip("."), value)

    write("", json.loads(recipe.to_json()))
    return "\n".join(lines) + "\n"
