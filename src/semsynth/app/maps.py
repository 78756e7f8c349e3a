"""Label maps that come in as files, and go out as files."""

from dataclasses import dataclass

import numpy as np
from PIL import PngImagePlugin
from pydantic import ValidationError

from semsynth.app.errors import IS_PICTURE, ApiError
from semsynth.app.images import ALLOWED, Frame, check_frame, decoding, map_png
from semsynth.app.limits import Limits
from semsynth.app.settings import Settings
from semsynth.errors import SemsynthError
from semsynth.hub.record import Record, record_of
from semsynth.images import open_header, open_image
from semsynth.labels import TEXT_KEY as LABEL_SET_KEY
from semsynth.labels import LabelReading, LabelSpace, read_label_map, resize_map

FAR = 32.0
"""RGB distance up to which colours that are inexact all over come of noise or a colour profile."""
WHOLE = 1 << 22
"""Pixels up to which a map is read whole before it is brought to size, as everywhere else; of a larger one,
which could take all memory, only the pixels that are kept are read."""
EVEN = 0.5
"""Share of equal neighbours: photographs stay below it, drawings above, even most compressed ones."""


@dataclass(frozen=True)
class ReadMap:
    """A label map that was read, with what there is to say about it.

    Attributes:
        ids: (H, W) uint8.
        notes: Sentences for the user.
        repaired: Pixels whose colour was no class's and was taken for the nearest one.
        settings: Those of its picture, where the file has them.
    """

    ids: np.ndarray
    notes: tuple[str, ...]
    repaired: int
    settings: Settings | None


def read_map(
    data: bytes,
    space: LabelSpace,
    limits: Limits,
    size: tuple[int, int] | None,
    palette: str = "auto",
    *,
    frame: Frame | None = None,
    stretch: bool = False,
) -> ReadMap:
    """Read a label map, indexed or coloured, repairing colours that are slightly off.

    Args:
        data: The file, as somebody sent it.
        space: The classes of the model.
        limits: What is accepted.
        size: (width, height) to bring the map to, by nearest neighbour: the middle of one of another shape is
            taken, as of photographs. None leaves it.
        palette: See `read_label_map`.
        frame: What of the map to bring to that size, in the place of the middle.
        stretch: Take all of a map of another shape, as `Synthesizer` does with a size.

    Raises:
        ApiError: It is a picture, not a label map.
        SemsynthError: It is no label map of this label set, or far too narrow.
    """
    with open_header(data, name="The file", max_pixels=limits.max_photo_pixels, formats=ALLOWED) as picture:
        limits.check_map(*(size or picture.size))  # before its pixels take any memory
        stored, record = picture.size, record_of(picture) or Record()
    if record.model:
        raise ApiError("The file is a picture that semsynth made, not its label map.", IS_PICTURE)
    width, height = size or stored
    if frame is not None:
        check_frame(frame, stored, (width, height))
    factor = max(width / (frame or stored)[-2], height / (frame or stored)[-1])
    covering = (max(height, round(factor * stored[1])), max(width, round(factor * stored[0])))
    if stretch:
        covering = (height, width)
    if covering[0] * covering[1] > (max(WHOLE, 4 * width * height) if frame is None else 4 * WHOLE):
        raise SemsynthError(
            f"A map of {stored[0]}x{stored[1]} pixels is too narrow to be cut to {width}x{height}."
        )
    reading = _read(data, space, covering if stored[0] * stored[1] > WHOLE else None, palette)
    notes = list(reading.notes)
    part = "middle" if frame is None else "frame"
    if (width, height) != stored:
        what = "map was" if covering == (height, width) else f"{part} of the map was cut and"
        notes.append(f"The {what} resized from {stored[0]}x{stored[1]} to {width}x{height} pixels.")
    filled = space.fill_void(reading.ids)
    if filled is not reading.ids:
        notes.append("Pixels without a label took the class of the nearest one that has a label.")
    most_y, most_x = covering[0] - height, covering[1] - width
    y, x = most_y // 2, most_x // 2
    if frame is not None:
        y, x = min(most_y, round(factor * frame[1])), min(most_x, round(factor * frame[0]))
    ids = resize_map(filled, covering)[y : y + height, x : x + width]
    return ReadMap(ids.astype(np.uint8), tuple(notes), reading.repaired, _settings(record))


def _read(data: bytes, space: LabelSpace, size: tuple[int, int] | None, palette: str) -> LabelReading:
    try:
        with decoding():
            reading = read_label_map(data, space, palette=palette, size=size, name="The file")
        if reading.repaired * 2 < reading.ids.size or reading.largest_distance < FAR:
            return reading
        foreign = None
    except SemsynthError as error:
        foreign = error
    with decoding():
        picture = _is_picture(data)
    if picture:
        raise ApiError("The file is a picture, not a label map.", IS_PICTURE)
    if foreign is not None:
        raise foreign
    return reading


def _is_picture(data: bytes) -> bool:
    """Tell a photograph from a map in the colours or ids of other classes: it has no areas of one colour."""
    picture = open_image(data, name="The file", formats=ALLOWED)
    if picture.mode in ("1", "F") or picture.mode.startswith("I"):
        return False
    x, y = max(0, picture.width - 1024) // 2, max(0, picture.height - 1024) // 2  # the middle tells enough
    pixels = np.asarray(picture.crop((x, y, picture.width - x, picture.height - y)).convert("RGB"))
    across, down = pixels[:, 1:] == pixels[:, :-1], pixels[1:] == pixels[:-1]
    return bool((across.all(2).mean() + down.all(2).mean()) / 2 < EVEN)


def write_map(ids: np.ndarray, space: LabelSpace, settings: Settings | None) -> bytes:
    """Write a label map as an indexed PNG that says which label set it uses and how its picture looked.

    Args:
        ids: (H, W) uint8.
        space: Gives the colours.
        settings: Stored as text, where given.
    """
    info = PngImagePlugin.PngInfo()
    if settings is not None:
        info = Record(label_set=space.name, settings=settings.model_dump()).png_info()
    info.add_text(LABEL_SET_KEY, space.name)
    return map_png(ids, space.palette(), info)


def _settings(record: Record) -> Settings | None:
    try:
        return None if record.settings is None else Settings.model_validate(record.settings)
    except ValidationError:
        return None
