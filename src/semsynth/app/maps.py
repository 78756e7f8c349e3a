"""Label maps that come in as files, and go out as files."""

import base64
import json
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pydantic import ValidationError

from semsynth.app.images import TEXT_KEY, map_png, open_picture, read_png_text
from semsynth.app.limits import Limits
from semsynth.app.look import Settings
from semsynth.errors import SemsynthError
from semsynth.labels import TEXT_KEY as LABEL_SET_KEY
from semsynth.labels import LabelReading, LabelSpace, read_label_map


def read_map(data: bytes, space: LabelSpace, limits: Limits, size: tuple[int, int] | None) -> "ReadMap":
    """Read a label map, indexed or coloured, repairing colours that are slightly off.

    Args:
        data: The file, as somebody sent it.
        space: The classes of the model.
        limits: What is accepted.
        size: (width, height) to bring the map to, by nearest neighbour; None leaves it.

    Raises:
        SemsynthError: It is no label map of this label set.
    """
    picture = open_picture(data, limits)
    reading = _read_label_map(data, space)
    ids, notes = reading.ids, list(reading.notes)
    if size is not None and ids.shape != size[::-1]:
        notes.append(f"The map was resized from {ids.shape[1]}x{ids.shape[0]} to {size[0]}x{size[1]} pixels.")
        ids = _nearest(ids, size)
    limits.check_map(ids.shape[1], ids.shape[0])
    filled = space.fill_void(ids)
    if filled is not ids:
        notes.append("Pixels without a label took the class of the nearest one that has a label.")
        ids = filled
    return ReadMap(ids.astype(np.uint8), tuple(notes), reading.repaired, _settings(picture))


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


def _read_label_map(data: bytes, space: LabelSpace) -> LabelReading:
    with tempfile.TemporaryDirectory(prefix="semsynth-") as folder:
        path = Path(folder) / "map.png"
        path.write_bytes(data)
        try:
            return read_label_map(path, space)
        except SemsynthError as error:  # its sentence names our temporary file, which is nobody's business
            raise SemsynthError(str(error).replace(str(path), "The file")) from None


def _nearest(ids: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows = (np.arange(size[1]) * 2 + 1) * ids.shape[0] // (2 * size[1])
    columns = (np.arange(size[0]) * 2 + 1) * ids.shape[1] // (2 * size[0])
    resized: np.ndarray = ids[rows[:, None], columns[None, :]]
    return resized


def _settings(picture: Image.Image) -> Settings | None:
    found = read_png_text(picture).get("settings")
    try:
        return None if found is None else Settings.model_validate(found)
    except ValidationError:
        return None
