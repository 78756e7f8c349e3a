"""Label maps that come in as files, and go out as files."""

import base64
import json

import numpy as np
from PIL import Image
from pydantic import ValidationError

from semsynth.app.images import ALLOWED, TEXT_KEY, decoding, map_png, read_png_text
from semsynth.app.limits import Limits
from semsynth.app.look import Settings
from semsynth.imagefile import open_header
from semsynth.labels import TEXT_KEY as LABEL_SET_KEY
from semsynth.labels import LabelSpace, read_label_map


def read_map(
    data: bytes, space: LabelSpace, limits: Limits, size: tuple[int, int] | None, palette: str = "auto"
) -> "ReadMap":
    """Read a label map, indexed or coloured, repairing colours that are slightly off.

    Args:
        data: The file, as somebody sent it.
        space: The classes of the model.
        limits: What is accepted.
        size: (width, height) to bring the map to, by nearest neighbour; None leaves it.
        palette: See `read_label_map`.

    Raises:
        SemsynthError: It is no label map of this label set.
    """
    with open_header(data, name="The file", formats=ALLOWED) as picture:
        limits.check_picture(*picture.size)
        limits.check_map(*(size or picture.size))  # before its pixels take any memory
        stored, settings = picture.size, _settings(picture)
    with decoding():
        reading = read_label_map(
            data, space, palette=palette, size=None if size is None else size[::-1], name="The file"
        )
    ids, notes = reading.ids, list(reading.notes)
    if size not in (None, stored):
        notes.append(f"The map was resized from {stored[0]}x{stored[1]} to {size[0]}x{size[1]} pixels.")
    filled = space.fill_void(ids)
    if filled is not ids:
        notes.append("Pixels without a label took the class of the nearest one that has a label.")
        ids = filled
    return ReadMap(ids.astype(np.uint8), tuple(notes), reading.repaired, settings)


class ReadMap:
    """A label map that was read, with what there is to say about it.

    Attributes:
        ids: (H, W) uint8.
        notes: Sentences for the user.
        repaired: Pixels whose colour was no class's and was taken for the nearest one.
        settings: How its picture looked, where the file tells.
    """

    def __init__(
        self, ids: np.ndarray, notes: tuple[str, ...], repaired: int, settings: Settings | None
    ) -> None:
        self.ids = ids
        self.notes = notes
        self.repaired = repaired
        self.settings = settings


def write_map(ids: np.ndarray, space: LabelSpace, settings: Settings | None) -> bytes:
    """Write a label map as an indexed PNG that says which label set it uses and how its picture looked.

    Args:
        ids: (H, W) uint8.
        space: Gives the colours.
        settings: Stored as text, where given.
    """
    text = {LABEL_SET_KEY: space.name}
    if settings is not None:
        content = {"labels": space.name, "settings": settings.model_dump()}
        text[TEXT_KEY] = json.dumps(content, sort_keys=True)
    return map_png(ids, space.palette(), text)


def to_base64(data: bytes) -> str:
    """Write bytes as text."""
    return base64.b64encode(data).decode("ascii")


def _settings(picture: Image.Image) -> Settings | None:
    found = read_png_text(picture).get("settings")
    try:
        return None if found is None else Settings.model_validate(found)
    except ValidationError:
        return None
