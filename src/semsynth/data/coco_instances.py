"""Draw instance maps for COCO from its annotations: once, into files."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsynth.data.coco_stuff import INSTANCE_FOLDER, LABEL_FOLDERS
from semsynth.data.finding import list_images
from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing, read_json
from semsynth.files.writing import write_atomically
from semsynth.images import png_bytes
from semsynth.labels import read_values

FIRST_INSTANCE = 256
"""Number of the first thing in a map. Below are the class values of stuff, so the two never collide."""

LARGEST = 1 << 31
"""Longest annotation file that is read, in bytes; that of train2017 has 470 million."""


def draw_instance_maps(
    root: Path, split: str, *, report: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Draw a 16-bit instance map for every label map of a COCO-Stuff download that has none yet.

    A map starts as the label map, so that regions of stuff are told apart, and every annotated thing is
    painted over it under a number of its own, crowds as one thing. (The published tool draws in 8 bits and
    leaves crowds out.) An interrupted run continues where it stopped.

    Args:
        root: The folder of the download, with annotations/instances_{split}2017.json.
        split: "train" or "val".
        report: Called with maps done and maps in all.

    Returns:
        The folder of the maps.

    Raises:
        SemsynthError: pycocotools, the annotations or the label maps are missing.
    """
    labels = next((path for name in LABEL_FOLDERS if (path := root / name.format(split)).is_dir()), None)
    if labels is None:
        raise SemsynthError(f"{root}: expected label maps in {LABEL_FOLDERS[0].format(split)}/.")
    source = root / "annotations" / f"instances_{split}2017.json"
    annotations = _read_annotations(source)
    out = root / INSTANCE_FOLDER.format(split)
    out.mkdir(parents=True, exist_ok=True)
    maps = list_images(labels)
    for done, (key, path) in enumerate(maps.items(), 1):
        target = out / f"{key}.png"
        if not target.exists():
            values = read_values(path).values
            with parsing(f"{source}, photograph {key},", "COCO's annotations"):
                drawn = draw(values, annotations.get(int(key), []))
            write_atomically(target, png_bytes(Image.fromarray(drawn.astype(np.uint16))))
        report(done, len(maps))
    return out


def _read_annotations(path: Path) -> dict[int, list[dict[str, Any]]]:
    """Annotations by image id."""
    if not path.exists():
        raise SemsynthError(f"{path} is missing; it is part of COCO's annotations_trainval2017.zip.")
    by_image: dict[int, list[dict[str, Any]]] = defaultdict(list)
    content = read_json(path, LARGEST)
    with parsing(path, "COCO's annotations"):
        for entry in content["annotations"]:
            by_image[int(entry["image_id"])].append(entry)
    return by_image


def draw(values: NDArray[np.int64], annotations: list[dict[str, Any]]) -> NDArray[np.int64]:
    """Paint annotated things over a label map.

    Args:
        values: (H, W), values below FIRST_INSTANCE.
        annotations: COCO annotations whose `segmentation` is polygons or a run-length code.

    Returns:
        (H, W) int64.
    """
    try:
        from pycocotools import mask as coco
    except ImportError:
        raise SemsynthError(
            "Drawing COCO's instances needs pycocotools: pip install 'semsynth[coco]'."
        ) from None
    height, width = values.shape
    drawn = values.copy()
    for number, entry in enumerate(annotations, FIRST_INSTANCE):
        shape = entry["segmentation"]
        if isinstance(shape, list):
            code = coco.merge(coco.frPyObjects(shape, height, width))
        elif isinstance(shape["counts"], list):
            code = coco.frPyObjects(shape, height, width)
        else:
            code = shape
        drawn[coco.decode(code).astype(bool)] = number
    return drawn
