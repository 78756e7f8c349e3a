"""How a picture was made: kept in its PNG file, so that it can be drawn again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from semsynth import __version__
from semsynth.errors import SemsynthError
from semsynth.files.walking import printable
from semsynth.hub import compat
from semsynth.images import ImageSource, open_header, source_name

KEY = "semsynth:synthesis"
"""Keyword of the text chunk of a PNG file that holds a record, as JSON."""

MAX_SEED = 2**53 - 1
"""Seeds are 0 to this, the largest whole number that every program that reads JSON keeps exactly."""

REST = "rest"
"""Names all classes that have no style of their own, in styles by class."""

_KINDS: dict[str, type | tuple[type, ...]] = {
    **dict.fromkeys(("model", "label_set", "precision", "version"), str),
    **dict.fromkeys(("seed", "number", "scale"), int),
    **dict.fromkeys(("labels", "instances", "style"), (str, type(None))),
    **dict.fromkeys(("vector", "class_vectors", "noise_offset", "size"), (list, type(None))),
    "settings": (dict, type(None)),
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """How a picture was made.

    Attributes:
        model: The name or folder of the model; empty for a label map, which no model made.
        label_set: The name of its label set.
        precision: What it computed in.
        labels: The file name of the label map, where it came from a file.
        instances: That of the instance map.
        style: The name of the style; "photograph" for one taken of a photograph, None for others.
        vector: The style code, Z numbers; None for a network without styles, or with one per class.
        class_vectors: The style code of each class, where classes have styles of their own.
        noise_offset: Two integers; None for a network without fixed noise.
        size: Height and width that were drawn, in pixels.
        scale: How many times larger the file is, enlarged smoothly.
        seed: Of styles and noise offsets.
        number: Which of the pictures of that seed it is, from 1.
        settings: Those of the painting application, where it was painted there.
        version: Of semsynth.
    """

    model: str = ""
    label_set: str = ""
    precision: str = "auto"
    labels: str | None = None
    instances: str | None = None
    style: str | None = None
    vector: list[float] | None = None
    class_vectors: list[list[float]] | None = None
    noise_offset: list[int] | None = None
    size: list[int] | None = None
    scale: int = 1
    seed: int = 0
    number: int = 1
    settings: dict[str, Any] | None = None
    version: str = __version__

    def arguments(self) -> dict[str, Any]:
        """What a `Synthesizer` is called with, beside the label map, to draw the picture again."""
        style: Any = self.style if self.vector is None else self.vector
        if self.class_vectors is not None:
            style = dict(enumerate(self.class_vectors))
        return {"style": style, "noise_offset": self.noise_offset, "seed": self.seed, "size": self.size}

    def png_info(self) -> PngImagePlugin.PngInfo:
        """The text chunks of a PNG file that hold the record."""
        info = PngImagePlugin.PngInfo()
        info.add_text("Software", f"semsynth {self.version}")
        info.add_itxt(KEY, json.dumps(asdict(self), ensure_ascii=False))
        return info


def read_record(source: ImageSource) -> Record:
    """The record of a picture that semsynth made.

    Args:
        source: A PNG file: its path, its bytes, or the file opened in binary.

    Raises:
        SemsynthError: The file cannot be read, or holds no record.
    """
    with open_header(source) as image:
        record = record_of(image)
    if record is None or not record.model:
        raise SemsynthError(
            f"{source_name(source, 'The picture')} does not say how it was made; PNG files that semsynth "
            "draws do, unless another program has written them since."
        )
    return record


def record_of(image: Image.Image) -> Record | None:
    """The record of an opened image; None where it has none that can be read."""
    made = compat.png_record(image.info)
    if not isinstance(made, Mapping):
        return None
    known = {field.name: made[field.name] for field in fields(Record) if field.name in made}
    return Record(**known) if all(isinstance(v, _KINDS[name]) for name, v in known.items()) else None


def file_name(given: object) -> str | None:
    """What a record says of a file; None for what was not given as one."""
    return printable(Path(given).name) if isinstance(given, (str, Path)) else None
