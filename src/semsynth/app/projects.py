"""Projects: drawings with their layers and style, as zip files that any other program can open too.

Inside: ``project.json``, ``layers/0.png`` ... (indexed PNG, 255 is empty) and, where a photograph is edited,
``photo.png`` with ``photo_labels.png``.
"""

import base64
import binascii
import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from semsynth.app.images import map_png, open_picture
from semsynth.app.limits import Limits
from semsynth.app.look import Settings, explain
from semsynth.errors import SemsynthError

EMPTY = 255
"""The id of a layer's pixel where the layers below show through."""

_NAME = re.compile(r"^\w(?:[\w \-]{0,62}\w)?$")
_MAX_JSON = 1 << 20


class Layer(BaseModel):
    """One layer; ``ids`` are its class ids row by row, in base 64."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80)
    visible: bool = True
    ids: str = ""


class OwnStyle(BaseModel):
    """A style the user made of a photograph, with a small picture of it as a data address."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=80)
    vector: list[float] = Field(max_length=1024)
    thumbnail: str = Field(
        default="", max_length=60_000, pattern=r"^(data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]*)?$"
    )


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
    own_styles: list[OwnStyle] = Field(default_factory=list, max_length=64)
    photo: str = Field(default="", description="A photograph under edit: a PNG file in base 64.")
    photo_labels: str = Field(
        default="", description="What it showed before any change: class ids in base 64."
    )


def check_name(name: str) -> str:
    """Let through only names that can never be a path.

    Raises:
        SemsynthError: There is anything in it but letters, digits, spaces, hyphens and underscores.
    """
    name = name.strip()
    if not _NAME.match(name) or len(name.encode()) > 200:
        raise SemsynthError(
            "A project's name has up to 64 letters, digits, spaces, hyphens and underscores, no more."
        )
    return name


def check_project(project: Project, limits: Limits) -> None:
    """Refuse a project whose parts do not fit together.

    Raises:
        SemsynthError: A size is wrong, or there are too many layers.
    """
    limits.check_map(project.width, project.height)
    if len(project.layers) > limits.max_layers:
        raise SemsynthError(
            f"A project may have {limits.max_layers} layers; this one has {len(project.layers)}."
        )
    if project.active >= len(project.layers):
        raise SemsynthError("The project's active layer does not exist.")
    for layer in project.layers:
        unpack_ids(layer.ids, project.width, project.height)
    if project.photo:
        unpack_ids(project.photo_labels, project.width, project.height)
        photo = open_picture(_from_base64(project.photo), limits, ("PNG",))
        if photo.size not in [
            (n * project.width, n * project.height) for n in range(1, limits.max_scale + 1)
        ]:
            raise SemsynthError("The project's photograph does not have the size of its layers.")


def unpack_ids(text: str, width: int, height: int) -> np.ndarray:
    """Read class ids (H, W) uint8 from base 64."""
    data = _from_base64(text)
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
            add("photo.png", _from_base64(project.photo))
            add("photo_labels.png", map_png(labels, palette))
    return out.getvalue()


def read_project(data: bytes, limits: Limits) -> Project:
    """Unpack a project from the bytes of a zip file.

    Only the entries a project has are read, by name, and each only up to the size it can rightly have, so
    neither a path in the archive nor a bomb can do anything.

    Raises:
        SemsynthError: It is no project, or a damaged one.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            project = _read_archive(archive, limits)
    except SemsynthError:
        raise
    except ValidationError as error:
        raise SemsynthError(f"The project cannot be used: {explain(error)}.") from None
    except Exception:  # zipfile and zlib raise anything at all on hostile bytes
        raise SemsynthError("The file is not a semsynth project, or it is damaged.") from None
    check_project(project, limits)
    return project


def _read_archive(archive: zipfile.ZipFile, limits: Limits) -> Project:
    head = json.loads(_entry(archive, "project.json", _MAX_JSON * 4))
    project = Project.model_validate(head)
    limits.check_map(project.width, project.height)
    if len(project.layers) > limits.max_layers:
        raise SemsynthError(
            f"A project may have {limits.max_layers} layers; this one has {len(project.layers)}."
        )
    size = (project.width, project.height)
    layers = [
        layer.model_copy(update={"ids": pack_ids(_read_indexed(archive, f"layers/{i}.png", size, limits))})
        for i, layer in enumerate(project.layers)
    ]
    update: dict[str, object] = {"layers": layers, "photo": "", "photo_labels": ""}
    if "photo.png" in archive.namelist():
        update["photo"] = base64.b64encode(_entry(archive, "photo.png", limits.max_body)).decode("ascii")
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


class Shelf:
    """The folder of saved projects.

    Args:
        folder: Created when the first project is saved.
        limits: What is accepted.
    """

    def __init__(self, folder: Path, limits: Limits) -> None:
        self.folder = folder
        self.limits = limits

    def names(self) -> list[tuple[str, float, int]]:
        """List the projects, the newest first: (name, time saved in seconds since 1970, bytes)."""
        found = [
            (p.stem, p.stat().st_mtime, p.stat().st_size) for p in self.folder.glob("*.zip") if p.is_file()
        ]
        return sorted(found, key=lambda item: -item[1])

    def save(self, name: str, data: bytes) -> None:
        """Save a project under a name; an older one of that name is replaced in one step."""
        path = self._path(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not path.exists() and len(self.names()) >= self.limits.max_projects:
            raise SemsynthError(f"There are {self.limits.max_projects} projects already; delete some first.")
        temporary = path.with_name(f"{path.name}.{os.getpid()}.part")
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

    def load(self, name: str) -> bytes:
        """Read a project's file."""
        try:
            return self._path(name).read_bytes()
        except FileNotFoundError:
            raise SemsynthError("There is no project of this name.") from None

    def delete(self, name: str) -> None:
        """Delete a project."""
        try:
            self._path(name).unlink()
        except FileNotFoundError:
            raise SemsynthError("There is no project of this name.") from None

    def _path(self, name: str) -> Path:
        return self.folder / f"{check_name(name)}.zip"
