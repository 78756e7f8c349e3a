"""Projects: drawings with their layers and style, as zip files that any other program can open too.

Inside: ``project.json``, ``layers/0.png`` ... (indexed PNG, 255 is empty) and, where a photograph is edited,
``photo.png`` (``photo``, if it is no PNG file) with ``photo_labels.png``.
"""

import base64
import binascii
import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from semsynth.app.images import Frame, check_frame, map_png, open_picture, photo_size
from semsynth.app.limits import Limits
from semsynth.app.protocol import check_labels
from semsynth.app.settings import Settings, StyleNumber, explain
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace

EMPTY = 255
"""The id of a layer's pixel where the layers below show through."""

PNG = b"\x89PNG"
_MAX_JSON = 1 << 20


SmallPicture = Annotated[
    str, Field(max_length=60_000, pattern=r"^(data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]*)?$")
]
"""A picture as a data address, or nothing."""


class Layer(BaseModel):
    """One layer; ``ids`` are its class ids row by row, in base 64."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80)
    visible: bool = True
    locked: bool = False
    ids: str = ""


class OwnStyle(BaseModel):
    """A style the user made of a photograph, with a small picture of it as a data address."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80)
    vector: list[StyleNumber] = Field(max_length=1024)
    thumbnail: SmallPicture = ""


class Project(BaseModel):
    """A whole drawing."""

    model_config = ConfigDict(extra="forbid")

    format: Literal[1] = 1
    label_set: str = Field(max_length=80)
    width: int
    height: int
    layers: list[Layer] = Field(min_length=1)
    active: int = Field(default=0, ge=0)
    settings: Settings = Settings()
    picture: SmallPicture = Field(default="", description="What it looked like when it was saved.")
    own_styles: list[OwnStyle] = Field(default_factory=list, max_length=64)
    photo: str = Field(default="", description="A photograph that is being edited: its file in base 64.")
    photo_frame: Frame | None = Field(default=None, description="What of it is edited; None is all of it.")
    photo_labels: str = Field(
        default="", description="What it showed before any change: class ids in base 64."
    )


def check_project(project: Project, limits: Limits, space: LabelSpace) -> None:
    """Refuse a project whose parts do not fit together, or not to the model.

    Args:
        project: Anybody's.
        limits: What is accepted.
        space: The classes of the model.

    Raises:
        SemsynthError: A size is wrong, there are too many layers, or the classes are not the model's.
    """
    if project.label_set != space.name:
        raise SemsynthError(
            f"The project uses the classes of {project.label_set}; this model has those of {space.name}."
        )
    _check_size(project, limits)
    if project.active >= len(project.layers):
        raise SemsynthError("The project's active layer does not exist.")
    for layer in project.layers:
        ids = unpack_ids(layer.ids, project.width, project.height)
        check_labels(np.where(ids == EMPTY, 0, ids), space.num_classes)
    if project.photo:
        check_labels(unpack_ids(project.photo_labels, project.width, project.height), space.num_classes)
        size = photo_size(_from_base64(project.photo), limits)
        check_frame(project.photo_frame or (0, 0, *size), size, (project.width, project.height))


def _check_size(project: Project, limits: Limits) -> None:
    limits.check_map(project.width, project.height)
    if len(project.layers) > limits.max_layers:
        raise SemsynthError(
            f"A project may have {limits.max_layers} layers; this one has {len(project.layers)}."
        )


def unpack_ids(text: str, width: int, height: int) -> np.ndarray:
    """Read class ids (H, W) uint8 from base 64."""
    return ids_of_bytes(_from_base64(text), width, height)


def ids_of_bytes(data: bytes, width: int, height: int) -> np.ndarray:
    """Take bytes for class ids (H, W) uint8, row by row."""
    if len(data) != width * height:
        raise SemsynthError(
            f"A layer of {width}x{height} pixels has {width * height} bytes; {len(data)} were found."
        )
    return np.frombuffer(data, np.uint8).reshape(height, width)


def pack_ids(ids: np.ndarray) -> str:
    """Write class ids (H, W) in base 64."""
    return base64.b64encode(np.ascontiguousarray(ids, dtype=np.uint8).tobytes()).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise SemsynthError("The project holds a part that is not base 64.") from None


def write_project(project: Project, palette: np.ndarray) -> bytes:
    """Pack a project into the bytes of a zip file; equal projects give equal bytes.

    Args:
        project: Checked before.
        palette: (K, 3) uint8, the colours of the classes, so that the layers look right elsewhere.
    """
    slim = project.model_copy(
        update={
            "layers": [layer.model_copy(update={"ids": ""}) for layer in project.layers],
            "photo": "",
            "photo_labels": "",
        }
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:

        def add(name: str, data: bytes) -> None:
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)

        add("project.json", slim.model_dump_json(indent=1).encode())
        for index, layer in enumerate(project.layers):
            add(f"layers/{index}.png", map_png(unpack_ids(layer.ids, project.width, project.height), palette))
        if project.photo:
            labels = unpack_ids(project.photo_labels, project.width, project.height)
            photo = _from_base64(project.photo)
            add("photo.png" if photo.startswith(PNG) else "photo", photo)
            add("photo_labels.png", map_png(labels, palette))
    return out.getvalue()


def read_project(data: bytes, limits: Limits, space: LabelSpace) -> Project:
    """Unpack a project from the bytes of a zip file.

    Only the entries a project has are read, by name, and each only up to the size it can rightly have, so
    neither a path in the archive nor a bomb can do anything.

    Args:
        data: The file.
        limits: What is accepted.
        space: The classes of the model.

    Raises:
        SemsynthError: It is no project, a damaged one, or one of another label set.
    """
    with _opened(data) as archive:
        project = _read_archive(archive, limits)
    check_project(project, limits, space)
    return project


def picture_of(data: bytes) -> bytes:
    """The small picture in the bytes of a project's file.

    Raises:
        SemsynthError: There is none, or the file is no project.
    """
    with _opened(data) as archive:
        picture = _read_head(archive).picture
    if not picture:
        raise SemsynthError("The project has no picture.")
    return _from_base64(picture.partition(",")[2])


@contextmanager
def _opened(data: bytes) -> Iterator[zipfile.ZipFile]:
    """Open the bytes of a zip file; what it is damaged by becomes a sentence."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            yield archive
    except SemsynthError:
        raise
    except ValidationError as error:
        raise SemsynthError(f"The project cannot be used: {explain(error)}.") from None
    except Exception:  # zipfile and zlib raise anything at all on hostile bytes
        raise SemsynthError("The file is not a semsynth project, or it is damaged.") from None


def _read_head(archive: zipfile.ZipFile) -> Project:
    return Project.model_validate(json.loads(_entry(archive, "project.json", _MAX_JSON * 4)))


def _read_archive(archive: zipfile.ZipFile, limits: Limits) -> Project:
    project = _read_head(archive)
    _check_size(project, limits)
    size = (project.width, project.height)
    layers = [
        layer.model_copy(update={"ids": pack_ids(_read_indexed(archive, f"layers/{i}.png", size, limits))})
        for i, layer in enumerate(project.layers)
    ]
    update: dict[str, object] = {"layers": layers, "photo": "", "photo_labels": ""}
    for name in {"photo", "photo.png"}.intersection(archive.namelist()):
        update["photo"] = base64.b64encode(_entry(archive, name, limits.max_photo_bytes)).decode("ascii")
        update["photo_labels"] = pack_ids(_read_indexed(archive, "photo_labels.png", size, limits))
    return project.model_copy(update=update)


def _entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    if name not in archive.namelist():
        raise SemsynthError(f"The project holds no {name}.")
    with archive.open(name) as file:  # its declared size may lie, so it is read no further than the limit
        data = file.read(limit + 1)
    if len(data) > limit:
        raise SemsynthError(f"The project's {name} is far too large.")
    return data


def _read_indexed(archive: zipfile.ZipFile, name: str, size: tuple[int, int], limits: Limits) -> np.ndarray:
    picture = open_picture(_entry(archive, name, 4 << 20), limits, ("PNG",))
    if picture.mode not in ("P", "L") or picture.size != size:
        raise SemsynthError(f"The project's {name} is not an indexed PNG of {size[0]}x{size[1]} pixels.")
    return np.asarray(picture, dtype=np.uint8)
