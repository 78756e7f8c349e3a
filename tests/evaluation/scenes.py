"""A tiny synthetic data set on disk: four flat colours, so that anything can learn to read it."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = np.array([[0, 0, 0], [60, 120, 220], [90, 160, 60], [200, 180, 140], [120, 120, 130]])
NAMES = ("void", "sky", "grass", "sand", "road")


def write_scenes(root: Path, counts: dict[str, int], side: int = 64, label_set: str = "scenes") -> Path:
    """`root/{split}/{images,labels}` with a void rim; noise makes every photograph different."""
    rng = np.random.default_rng(0)
    for split, count in counts.items():
        for part in ("images", "labels"):
            (root / split / part).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            ids = np.kron(rng.integers(1, 5, (2, 2)), np.ones((side // 2, side // 2), int))
            ids[:2] = 0
            noise = rng.normal(0, 12, (side, side, 3))
            pixels = (COLOURS[ids] + noise).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / split / "images" / f"scene_{i:03}.png")
            Image.fromarray(ids.astype(np.uint8)).save(root / split / "labels" / f"scene_{i:03}.png")
    labels = {"name": label_set, "void_id": 0, "classes": list(NAMES)}
    (root / "labels.json").write_text(json.dumps(labels), encoding="utf-8")
    return root


PROTOCOL = """
name = "scenes"
label_set = "scenes"
split = "val"
height = 64
width = 64
style_maps = 2
styles_per_map = 2
scenes = true
"""


def write_protocol(path: Path, more: str = "") -> Path:
    path.write_text(PROTOCOL + more, encoding="utf-8")
    return path
