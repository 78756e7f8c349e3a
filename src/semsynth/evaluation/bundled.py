"""The segmenter of a label set, which finds the classes of a photograph."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from semsynth.errors import SemsynthError
from semsynth.evaluation.segmenters import load_segmenter
from semsynth.labels import LabelSpace

Segment = Callable[[np.ndarray], np.ndarray]
"""(H, W, 3) uint8 → class ids (H, W) int64."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"


def find_segmenter(
    space: LabelSpace, where: str | Path | None = None, *, trust: bool = False
) -> Segment | None:
    """Load a segmenter for a label set: from a folder or file, see `load_segmenter`, or else the bundled one.

    None where none was named and none is bundled.

    Raises:
        SemsynthError: The one that was named is no segmenter, or has classes the label set does not have.
    """
    folder = Path(where) if where is not None else _bundled(space)
    if folder is None:
        return None
    segmenter = load_segmenter(folder, trust=trust)
    known = {name: i for i, name in enumerate(space.names)}
    if strange := [name for name in segmenter.names if name not in known]:
        raise SemsynthError(
            f"The segmenter {folder} has classes the model does not have: {', '.join(strange[:5])}. "
            "Give one that was trained on the model's label set."
        )
    void = 0 if space.void_id is None or space.void_id >= space.num_classes else space.void_id
    table = np.array([known[name] for name in segmenter.names] + [void])  # past the last one is void

    def segment(photo: np.ndarray) -> np.ndarray:
        image = torch.from_numpy(photo.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]  # (1,3,H,W)
        classes = segmenter(image)[0].numpy()  # (H,W)
        ids: np.ndarray = table[np.minimum(classes, len(table) - 1)]
        return ids

    return segment


def _bundled(space: LabelSpace) -> Path | None:
    for path in sorted(PRETRAINED.glob("*/segmenter.json")):
        if json.loads(path.read_text(encoding="utf-8")).get("label_set") == space.name:
            return path.parent
    return None
