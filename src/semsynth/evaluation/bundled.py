"""Reading photographs into the ids of a label set, by the segmenter of that set or any other."""

import json
from pathlib import Path

import numpy as np
import torch

from semsynth.errors import SemsynthError
from semsynth.evaluation.segmenters import LogitSegmenter, load_segmenter
from semsynth.labels import NAMED, LabelSpace

PRETRAINED = Path(__file__).parents[1] / "pretrained"


class PhotoSegmenter:
    """Gives the classes of a photograph as ids of a label set.

    Args:
        segmenter: The network.
        space: The label set. Its classes are found by their names.
        where: What messages call the segmenter.

    Raises:
        SemsynthError: The segmenter has classes that the label set does not have.
    """

    def __init__(self, segmenter: LogitSegmenter, space: LabelSpace, where: str | Path) -> None:
        known = {name: i for i, name in enumerate(space.names)}
        strange = [name for name in segmenter.names if name not in known]
        if strange:
            raise SemsynthError(
                f"The segmenter {where} has classes that the label set {space.name!r} does not have: "
                f"{', '.join(strange[:5])}. Give one that was trained on that label set."
            )
        self.segmenter, self.space = segmenter, space
        void = 0 if space.void_id is None or space.void_id >= space.num_classes else space.void_id
        self._ids = np.array([known[name] for name in segmenter.names] + [void])  # past the last one is void

    def __call__(self, photo: np.ndarray, threshold: float = 0.0) -> np.ndarray:
        """Read a photograph.

        Args:
            photo: (H, W, 3) uint8.
            threshold: Pixels whose class has a lower probability are void; the label set must have a void.

        Returns:
            Ids (H, W) int64.
        """
        image = torch.from_numpy(photo.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]  # (1,3,H,W)
        if not threshold:
            classes = self.segmenter(image)
        else:
            classes, confidence = self.segmenter.with_confidence(image)
        ids: np.ndarray = self._ids[np.minimum(classes[0].numpy(), len(self._ids) - 1)]
        if threshold:
            ids[confidence[0].numpy() < threshold] = self.space.void_id
        return ids


def find_segmenter(
    space: LabelSpace, where: str | Path | None = None, *, trust: bool = False
) -> PhotoSegmenter | None:
    """Load the segmenter for a label set.

    Args:
        space: The label set.
        where: A segmenter's folder or file; None looks for a bundled one of this label set.
        trust: Whether a segmenter that is a program may be run, see `load_segmenter`.

    Returns:
        The segmenter; None where none was named and none is bundled.

    Raises:
        SemsynthError: The one that was named is no segmenter, or has classes the label set does not have.
    """
    folder = Path(where) if where is not None else bundled_segmenter(space)
    return None if folder is None else PhotoSegmenter(load_segmenter(folder, trust=trust), space, folder)


def label_set_of(segmenter: LogitSegmenter) -> LabelSpace:
    """The label set of the package that a segmenter was trained on; else one made of its class names."""
    if segmenter.label_set in NAMED:
        return LabelSpace.named(segmenter.label_set)
    classes, name = list(segmenter.names), segmenter.label_set or "own"
    return LabelSpace.from_dict({"name": name, "classes": classes, "void_id": len(classes)})


def bundled_segmenter(space: LabelSpace) -> Path | None:
    """The folder of the segmenter that the package has for a label set, if any."""
    for path in sorted(PRETRAINED.glob("*/segmenter.json")):
        if json.loads(path.read_text(encoding="utf-8")).get("label_set") == space.name:
            return path.parent
    return None
