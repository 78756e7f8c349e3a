"""A painter without a network, for tests of the server and the page: quick, exact, and local.

Every class has its colour, shaded by style and row, so that a test can tell what changed and where.
"""

import io
import os
import time

import numpy as np
from PIL import Image

from semsynth.app.painter import Description, GalleryItem
from semsynth.app.settings import ClassStyles, MixStyle, NamedStyle, OneStyle, SeedStyle, StyleChoice
from semsynth.errors import SemsynthError
from semsynth.hub.record import Record
from semsynth.labels import LabelSpace

DIM = 8
STYLES = ("clear day", "dusk")


class StandIn:
    """See the module."""

    def __init__(self, side: int = 256) -> None:
        self.space = LabelSpace.named("siftflow")
        self.side = side

    def describe(self) -> Description:
        thumb = tuple(
            GalleryItem(name, _png(np.full((48, 48, 3), 90 + 90 * i, np.uint8)))
            for i, name in enumerate(STYLES)
        )
        example = Image.fromarray(landscape(self.space, self.side))
        example.putpalette(self.space.palette().tobytes())
        out = io.BytesIO()
        example.save(out, "PNG")
        return Description(
            "stand-in",
            self.space,
            (self.side, self.side),
            DIM,
            thumb,
            (GalleryItem("coast", out.getvalue()),),
            True,
            True,
            class_styles=True,
            stride=32,
        )

    def paint(self, labels: np.ndarray, style: StyleChoice) -> tuple[np.ndarray, Record]:
        vector = None if isinstance(style, ClassStyles) else self.vector(style).tolist()
        record = Record(model="stand-in", label_set=self.space.name, vector=vector)
        return self.picture(labels, style), record

    def picture(self, labels: np.ndarray, style: StyleChoice) -> np.ndarray:
        tint = self.tints(style)[labels]
        rows = np.linspace(-30, 30, labels.shape[0])[:, None, None]
        colours = self.space.palette()[labels].astype(np.float64)
        return np.clip(colours + tint + rows, 0, 255).astype(np.uint8)

    def tints(self, style: StyleChoice) -> np.ndarray:
        """What every class is shaded by, (K, 3)."""
        classes = style.classes if isinstance(style, ClassStyles) else {}
        rest = style.rest if isinstance(style, ClassStyles) else style
        vectors = [self.vector(classes.get(name, rest)) for name in self.space.names]
        return np.array(vectors)[:, :3] * 20

    def vector(self, style: OneStyle) -> np.ndarray:
        if isinstance(style, MixStyle):
            first, second = (self.vector(part) for part in style.mix)
            return first * (1 - style.amount) + second * style.amount
        if isinstance(style, SeedStyle):
            return np.random.default_rng(style.seed).standard_normal(DIM)
        if isinstance(style, NamedStyle):
            if style.name not in STYLES:
                raise SemsynthError(f"There is no style {style.name!r}; there are {', '.join(STYLES)}.")
            return np.full(DIM, 1.0 if style.name == STYLES[0] else -1.0)
        if len(style.vector) != DIM:
            raise SemsynthError(f"A style code of this model has {DIM} numbers; {len(style.vector)} came.")
        return np.array(style.vector)

    def encode(self, photo: np.ndarray) -> list[float]:
        return (photo.reshape(-1, 3).mean(0) / 128 - 1).tolist() + [0.0] * (DIM - 3)

    def segment(self, photo: np.ndarray) -> np.ndarray:
        distance = (
            (photo[:, :, None].astype(np.int64) - self.space.palette()[None, None].astype(np.int64)) ** 2
        ).sum(-1)
        return distance.argmin(-1).astype(np.uint8)


class Slow(StandIn):
    """Takes its time."""

    def paint(self, labels: np.ndarray, style: StyleChoice) -> tuple[np.ndarray, Record]:
        time.sleep(0.4)
        return super().paint(labels, style)


class Fragile(StandIn):
    """Its process ends when there is a window anywhere."""

    def paint(self, labels: np.ndarray, style: StyleChoice) -> tuple[np.ndarray, Record]:
        if (labels == self.space.names.index("window")).any():
            os._exit(3)
        return super().paint(labels, style)


def landscape(space: LabelSpace, side: int) -> np.ndarray:
    """Sky over mountains over sea, and a beach."""
    ids = np.full((side, side), space.names.index("sky"), np.uint8)
    x = np.arange(side)
    ridge = side * (0.45 + 0.08 * np.sin(x / side * 9) + 0.03 * np.sin(x / side * 31))
    rows = np.arange(side)[:, None]
    ids[rows > ridge[None]] = space.names.index("mountain")
    ids[int(side * 0.58) :] = space.names.index("sea")
    ids[(rows > side * 0.85 + x[None] * 0.1)] = space.names.index("sand")
    return ids


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()
