"""What the application needs of a model, and nothing more. No torch here: the server reads this file too."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np

from semsynth.app.limits import Limits
from semsynth.app.settings import StyleChoice
from semsynth.hub.record import Record
from semsynth.labels import LabelSpace


@dataclass(frozen=True)
class GalleryItem:
    """Something to choose from a gallery: a style with its thumbnail, or an example map.

    Attributes:
        name: Shown, and sent back when chosen.
        picture: A PNG, JPEG or WebP file; empty where there is none.
    """

    name: str
    picture: bytes = b""


@dataclass(frozen=True)
class Description:
    """What the page must know about a model.

    Attributes:
        name: Of the model.
        label_space: Its classes.
        image_size: (height, width) it was trained at.
        style_dim: Length of its style codes; None for a model with one style only.
        styles: Those that came with it.
        examples: Label maps to start from, as indexed PNG files.
        encodes: Whether it takes the style of a photograph.
        segments: Whether there is a segmenter for its classes, so that photographs can be edited.
        varies: Whether variations of one style differ.
        class_styles: Whether classes can have styles of their own.
        stride: Sides that are multiples of it need no padding.
    """

    name: str
    label_space: LabelSpace
    image_size: tuple[int, int]
    style_dim: int | None
    styles: tuple[GalleryItem, ...] = ()
    examples: tuple[GalleryItem, ...] = ()
    encodes: bool = False
    segments: bool = False
    varies: bool = False
    class_styles: bool = False
    stride: int = 1

    def summary(self, limits: Limits, *, server: bool = True) -> dict[str, Any]:
        """What the page is told first.

        Args:
            limits: What is accepted.
            server: Whether there is a server, which edits photographs and has an interface for programs.
        """
        able = {
            "photos": server,
            "photo-styles": self.encodes,
            "photo-editing": server and self.segments,
            "class-styles": self.class_styles,
            "variations": self.varies,
            "interface": server,
        }
        return {
            "name": self.name,
            "label_set": self.label_space.name,
            "height": self.image_size[0],
            "width": self.image_size[1],
            "style_dim": self.style_dim,
            "capabilities": [name for name, has in able.items() if has],
            "stride": self.stride,
            "limits": asdict(limits),
        }


class Painter(Protocol):
    """A model that paints; lives in the worker process."""

    def describe(self) -> Description:
        """Tell what the model is."""
        ...

    def paint(self, labels: np.ndarray, style: StyleChoice) -> tuple[np.ndarray, Record]:
        """Turn a label map (H, W) uint8 into a picture (H, W, 3) uint8, and say how it was made."""
        ...

    def encode(self, photo: np.ndarray) -> list[float]:
        """Give the style code of a photograph (H, W, 3) uint8."""
        ...

    def segment(self, photo: np.ndarray) -> np.ndarray:
        """Give the class ids (H, W) uint8 of a photograph (H, W, 3) uint8."""
        ...
