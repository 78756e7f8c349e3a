"""Editing a photograph of any size with a model of its own size."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from semsynth.app.edit import blend, change_mask
from semsynth.app.painter import Painter
from semsynth.app.settings import StyleChoice, VectorStyle


@dataclass(frozen=True)
class Retouched:
    """An edited photograph.

    Attributes:
        pixels: (H, W, 3) uint8.
        mask: (H, W) uint8, 0 where a pixel is the photograph's own.
    """

    pixels: np.ndarray
    mask: np.ndarray


def retouch(
    painter: Painter,
    photo: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    style: StyleChoice | None = None,
    feather: int = 8,
    everywhere: bool = False,
) -> Retouched:
    """Paint a photograph anew where its labels changed.

    The model paints at about the size it was trained for, keeping the photograph's shape; the result is
    enlarged to the photograph, which keeps its own pixels wherever nothing changed.

    Args:
        painter: The model.
        photo: (H, W, 3) uint8.
        before: Class ids of the photograph, of any size.
        after: Class ids as they shall be, of any size.
        style: None takes the photograph's own style.
        feather: Width of the soft rim, in pixels at the size the model paints.
        everywhere: Paint the whole photograph anew.
    """
    height, width = photo.shape[:2]
    trained = painter.describe().image_size
    factor = min(1.0, (trained[0] * trained[1] / (height * width)) ** 0.5)
    small = (max(16, round(width * factor)), max(16, round(height * factor)))
    if style is None:
        style = VectorStyle(vector=painter.encode(photo))
    painted = Image.fromarray(painter.paint(_nearest(after, small), style))
    picture = np.asarray(painted.resize((width, height), Image.Resampling.LANCZOS))
    if everywhere:
        return Retouched(picture, np.full((height, width), 255, np.uint8))
    soft = change_mask(_nearest(before, small), _nearest(after, small), feather)
    mask = np.asarray(Image.fromarray(soft).resize((width, height), Image.Resampling.BILINEAR))
    return Retouched(blend(photo, picture, mask), mask)


def _nearest(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(ids.astype(np.uint8)).resize(size, Image.Resampling.NEAREST))
