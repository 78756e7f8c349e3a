"""The one painter that ships: a trained :class:`~semsynth.pipeline.Synthesizer`."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semsynth.app.painter import Description, GalleryItem
from semsynth.app.settings import ClassStyles, MixStyle, NamedStyle, OneStyle, SeedStyle, StyleChoice
from semsynth.errors import SemsynthError
from semsynth.evaluation.bundled import bundled_segmenter, find_segmenter
from semsynth.hub import Model
from semsynth.hub.record import REST, Record
from semsynth.images import png_bytes
from semsynth.pipeline import Precision, Synthesizer

DEFAULT_MODEL = "landscape"
Segment = Callable[[np.ndarray], np.ndarray]
"""A photograph (H, W, 3) uint8 → class ids (H, W)."""


def load_painter(
    model: str | Path | None,
    segmenter: str | Path | None = None,
    precision: Precision = "auto",
    *,
    trust: bool = False,
) -> "SynthesizerPainter":
    """Load a model for painting.

    Args:
        model: A model folder, or the name of a bundled model; None takes the default one.
        segmenter: A segmenter's folder or file, to edit photographs with; None takes the bundled one for the
            model's label set, where there is one.
        precision: See :class:`~semsynth.pipeline.Synthesizer`.
        trust: Whether a segmenter that is a program may be run, see `evaluation.segmenters.load_segmenter`.

    Raises:
        SemsynthError: There is no such model or segmenter, or it is damaged.
    """
    name = str(model or DEFAULT_MODEL)
    synthesizer = Synthesizer.from_pretrained(name, precision=precision, incremental=True)
    space = synthesizer.label_space
    segment: Segment | None
    if segmenter is None and (bundled := bundled_segmenter(space)):
        segment = _loaded_at_first(partial(find_segmenter, space, bundled))
    else:
        segment = find_segmenter(space, segmenter, trust=trust)
    return SynthesizerPainter(synthesizer, Path(name).name, segment)


class SynthesizerPainter:
    """Translates between the application (uint8 pixels, settings) and a synthesizer (tensors).

    Args:
        synthesizer: The model.
        name: What to call it.
        segment: Finds the classes of a photograph, where there is a segmenter for this label set.
    """

    def __init__(self, synthesizer: Synthesizer, name: str, segment: Segment | None = None) -> None:
        self.synthesizer = synthesizer
        self.name = name
        self._segment = segment

    def describe(self) -> Description:
        """Tell what the model is, with the thumbnails of its styles and the examples of its folder."""
        return describe(self.synthesizer.model, self.name, segments=self._segment is not None)

    def paint(self, labels: np.ndarray, style: StyleChoice) -> tuple[np.ndarray, Record]:
        """Turn a label map (H, W) uint8 into a picture (H, W, 3) uint8, and say how it was made."""
        code: Any = None
        if isinstance(style, ClassStyles):
            code = {_key(name): self.style(choice) for name, choice in style.classes.items()}
            code[REST] = self.style(style.rest)
        elif self.synthesizer.style_dim is not None:
            code = self.style(style)
        result = self.synthesizer(labels.astype(np.int64), code, seed=_seed(style))
        named = style.name if isinstance(style, NamedStyle) and code is not None else None
        # The folder that the model was loaded from is the server's business.
        return np.asarray(result.pictures()[0]), replace(result.record(), model=self.name, style=named)

    def style(self, style: OneStyle) -> Tensor:
        """Give the style code (Z,) of a choice of style.

        Raises:
            SemsynthError: There is no such style, or the code has another length.
        """
        if isinstance(style, MixStyle):
            first, second = (self.style(part) for part in style.mix)
            return mix(first, second, style.amount)
        if isinstance(style, NamedStyle):  # never handed on as text: the synthesizer would take it for a path
            if style.name not in self.synthesizer.styles:
                known = ", ".join(self.synthesizer.styles) or "none"
                raise SemsynthError(f"There is no style {style.name!r}; there are: {known}.")
            return self.synthesizer.styles[style.name]
        dim = self.synthesizer.style_dim or 0
        if isinstance(style, SeedStyle):
            return self.synthesizer.random_styles(style.seed)[0]
        if len(style.vector) != dim:
            raise SemsynthError(f"A style code of this model has {dim} numbers; {len(style.vector)} came.")
        return torch.tensor(style.vector, dtype=torch.float32)

    def encode(self, photo: np.ndarray) -> list[float]:
        """Give the style code of a photograph (H, W, 3) uint8."""
        return [float(v) for v in self.synthesizer.encode_style(Image.fromarray(photo))]

    def segment(self, photo: np.ndarray) -> np.ndarray:
        """Give the class ids (H, W) uint8 of a photograph (H, W, 3) uint8."""
        if self._segment is None:
            raise SemsynthError("There is no segmenter for this model's classes; give one with --segmenter.")
        return self._segment(photo).astype(np.uint8)


def describe(model: Model, name: str, *, segments: bool = False) -> Description:
    """Tell what a model is.

    Args:
        model: What its folder holds.
        name: What to call it.
        segments: Whether there is a segmenter for its label set.

    Raises:
        SemsynthError: It has too many classes.
    """
    space, generator = model.label_space, model.generator
    if space.num_classes > 255:
        raise SemsynthError(f"The model has {space.num_classes} classes; the application takes up to 255.")
    return Description(
        name=name,
        label_space=space,
        image_size=model.image_size,
        style_dim=generator.style_dim,
        styles=tuple(
            GalleryItem(n, b"" if s.thumbnail is None else png_bytes(s.thumbnail))
            for n, s in model.styles.items()
        ),
        examples=_examples(model.folder),
        encodes=model.style_encoder is not None,
        segments=segments,
        varies=bool(generator.noise_period),
        class_styles=generator.class_styles and generator.style_dim is not None,
        stride=generator.stride,
    )


def _loaded_at_first(load: Callable[[], Segment | None]) -> Segment:
    """A segmenter that is loaded for the first photograph: most sessions edit none."""
    loaded = cache(load)

    def segment(photo: np.ndarray) -> np.ndarray:
        segmenter = loaded()
        assert segmenter is not None  # one is bundled
        return segmenter(photo)

    return segment


def _key(name: str) -> str | int:
    """A class as a synthesizer takes it: its name, or its id in digits."""
    return int(name) if name.isascii() and name.isdigit() else name


def _seed(style: StyleChoice) -> int:
    """The seed that gives the noise offset of a variation."""
    if isinstance(style, ClassStyles):
        return _seed(style.rest)
    if isinstance(style, MixStyle):
        return _seed(style.mix[0])
    return style.seed if isinstance(style, SeedStyle) else style.variation


def mix(first: Tensor, second: Tensor, amount: float) -> Tensor:
    """Go from one style to another, keeping a length between theirs.

    A straight line between two random codes passes near the mean style, which looks like nothing much.

    Args:
        first: (Z,).
        second: (Z,).
        amount: 0 is the first, 1 the second.
    """
    straight = torch.lerp(first, second, amount)
    wanted = (1 - amount) * first.norm() + amount * second.norm()
    length = straight.norm()
    return straight * (wanted / length) if float(length) > 1e-6 else straight


def _examples(folder: Path | None) -> tuple[GalleryItem, ...]:
    """Read the label maps of a model folder; "03-lone-tree.png" is called "lone tree"."""
    if folder is None:
        return ()
    paths = sorted((folder / "examples").glob("*.png"))
    return tuple(
        GalleryItem(path.stem.lstrip("0123456789-").replace("-", " "), path.read_bytes()) for path in paths
    )
