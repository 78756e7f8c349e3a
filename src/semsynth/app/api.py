"""The REST interface; its description is served at /api."""

import base64
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from fastapi import Path as PathParameter
from PIL import Image
from pydantic import BaseModel, Field

from semsynth.app.engine import PaintJob, PhotoJob
from semsynth.app.images import encode, middle, read_photo
from semsynth.app.maps import read_map, to_base64, write_map
from semsynth.app.painter import GalleryItem
from semsynth.app.project_store import check_name
from semsynth.app.projects import (
    Project,
    check_project,
    ids_of_bytes,
    pack_ids,
    read_project,
    unpack_ids,
    write_project,
)
from semsynth.app.protocol import Format, check_labels, parse_settings
from semsynth.app.settings import MAX_SEED, NamedStyle, SeedStyle, Settings
from semsynth.app.state import AppState, state_of, upload_bytes
from semsynth.editing import resize
from semsynth.errors import SemsynthError


class Problem(BaseModel):
    """Why a request was refused, in one sentence; with a code where a program can do something about it."""

    error: str
    code: str = ""


router = APIRouter(
    prefix="/api", responses={400: {"model": Problem}, 401: {"model": Problem}, 413: {"model": Problem}}
)
State = Annotated[AppState, Depends(state_of)]
Index = Annotated[int, PathParameter(ge=0, le=10_000)]
Side = Annotated[int | None, Form(ge=16, le=4096)]
Palette = Annotated[
    Literal["auto", "index", "color"],
    Form(description="What an indexed file means: its indices or colours."),
]
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}
ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}


@router.get("/model")
async def model(state: State) -> dict[str, Any]:
    """Tell what the model is; answers once it is loaded."""
    found = await state.worker.describe()
    return {
        "name": found.name,
        "label_set": found.label_space.name,
        "height": found.image_size[0],
        "width": found.image_size[1],
        "style_dim": found.style_dim,
        "encodes": found.encodes,
        "segments": found.segments,
        "varies": found.varies,
        "limits": {"max_scale": state.limits.max_scale, "max_layers": state.limits.max_layers},
    }


@router.get("/labels")
async def labels(state: State) -> dict[str, Any]:
    """List the classes: id, name, colour, group."""
    return (await state.worker.describe()).label_space.to_dict()


@router.get("/styles")
async def styles(state: State) -> list[dict[str, Any]]:
    """List the styles that came with the model."""
    return _items((await state.worker.describe()).styles, "/api/styles/{}/thumbnail")


@router.get("/styles/{index}/thumbnail", responses=PNG)
async def style_thumbnail(state: State, index: Index) -> Response:
    """Give the small picture of a style."""
    return _item_picture((await state.worker.describe()).styles, index)


@router.post("/styles")
async def style_of_photo(state: State, photo: Annotated[UploadFile, File()]) -> dict[str, Any]:
    """Take the style of a photograph, all of it: gives its style code and a thumbnail."""
    found = await state.worker.describe()
    if not found.encodes:
        raise SemsynthError("This model has one style only; it cannot take the style of a photograph.")
    pixels = await state.run_in_thread(read_photo, await upload_bytes(photo, state.limits), state.limits)
    analysis = await state.worker.analyse_photo(PhotoJob(pixels))
    return {"vector": analysis.vector, "thumbnail": await state.run_in_thread(_thumbnail, pixels)}


@router.get("/examples")
async def examples(state: State) -> list[dict[str, Any]]:
    """List the label maps to start from."""
    return _items((await state.worker.describe()).examples, "/api/examples/{}")


@router.get("/examples/{index}", responses=PNG)
async def example(state: State, index: Index) -> Response:
    """Give a label map to start from, as an indexed PNG."""
    return _item_picture((await state.worker.describe()).examples, index)


@router.post("/photos")
async def photo_to_edit(
    state: State,
    photo: Annotated[UploadFile, File()],
    width: Annotated[int, Form(ge=16, le=4096)],
    height: Annotated[int, Form(ge=16, le=4096)],
    labels: Annotated[
        UploadFile | None, File(description="Its class ids, if known: a byte a pixel, row by row.")
    ] = None,
) -> dict[str, Any]:
    """Hand in a photograph to be edited; gives its key, its labels and its style.

    Its middle is edited, cut to the shape of the map; its style is that of the whole photograph.
    With ``labels``, those are taken; otherwise the segmenter finds them.
    """
    found = await state.worker.describe()
    state.limits.check_map(width, height)
    known = None
    if labels is not None:
        known = ids_of_bytes(await upload_bytes(labels, state.limits), width, height)
    if known is None and not found.segments:
        raise SemsynthError(
            "There is no segmenter for this model's classes, so photographs cannot be edited."
        )
    if known is not None:
        check_labels(known, found.label_space.num_classes)
    data, size = await upload_bytes(photo, state.limits), (width, height)
    whole = await state.run_in_thread(read_photo, data, state.limits)
    large = await state.run_in_thread(middle, whole, size, state.limits.max_scale)
    pixels = large if large.shape[:2] == (height, width) else await state.run_in_thread(resize, large, size)
    analysis = await state.worker.analyse_photo(PhotoJob(pixels, known is None, known, large, whole))
    assert analysis.labels is not None
    return {
        "key": analysis.key,
        "vector": analysis.vector,
        "labels": pack_ids(analysis.labels),
        "png": to_base64(await state.run_in_thread(encode, large, Format.PNG)),
        "thumbnail": await state.run_in_thread(_thumbnail, pixels),
    }


@router.post(
    "/synthesize", responses={200: {"content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}}}}
)
async def synthesize(
    state: State,
    map: Annotated[UploadFile, File(description="A label map: indexed PNG, or coloured.")],
    seed: Annotated[
        int | None, Form(ge=0, le=MAX_SEED, description="Of a random style, or the variation of a named one.")
    ] = None,
    style: Annotated[str | None, Form(max_length=64, description="Name of a style.")] = None,
    settings: Annotated[str, Form(max_length=60_000, description="JSON, instead of seed or style.")] = "",
    format: Annotated[Literal["png", "jpeg", "webp", "rgb"], Form()] = "png",
    scale: Annotated[int, Form(ge=1, le=4)] = 1,
    width: Side = None,
    height: Side = None,
    palette: Palette = "auto",
) -> Response:
    """Paint one label map. What was repaired in the map is said in the header X-Semsynth-Notes."""
    found = await state.worker.describe()
    wish = parse_settings(settings)
    if style:
        wish = wish.model_copy(update={"style": NamedStyle(name=style, variation=seed or 0)})
    elif seed is not None:
        wish = wish.model_copy(update={"style": SeedStyle(seed=seed)})
    size = _size(state, width, height)
    data = await upload_bytes(map, state.limits)
    reading = await state.run_in_thread(read_map, data, found.label_space, state.limits, size, palette)
    form = Format.named(format)
    painted = await state.worker.paint(lambda: PaintJob(reading.ids, wish, form, scale))
    headers = {
        "X-Semsynth-Seconds": f"{painted.seconds:.4f}",
        "X-Semsynth-Size": f"{painted.width}x{painted.height}",
        "X-Semsynth-Notes": " ".join(reading.notes).encode("ascii", "replace").decode("ascii")[:2000],
    }
    return Response(painted.data, media_type=form.media_type, headers=headers)


@router.post("/maps/read")
async def read_map_file(
    state: State,
    map: Annotated[UploadFile, File()],
    width: Side = None,
    height: Side = None,
    palette: Palette = "auto",
) -> dict[str, Any]:
    """Read a label map, indexed or coloured; gives its class ids in base 64 and what was repaired."""
    found = await state.worker.describe()
    data = await upload_bytes(map, state.limits)
    size = _size(state, width, height)
    reading = await state.run_in_thread(read_map, data, found.label_space, state.limits, size, palette)
    return {
        "width": reading.ids.shape[1],
        "height": reading.ids.shape[0],
        "ids": pack_ids(reading.ids),
        "notes": reading.notes,
        "repaired": reading.repaired,
        "settings": None if reading.settings is None else reading.settings.model_dump(),
    }


class MapToWrite(BaseModel):
    """A label map as the page holds it."""

    width: int
    height: int
    ids: str = Field(description="Class ids row by row, in base 64.", max_length=2 << 20)
    settings: Settings | None = None


@router.post("/maps/write", responses=PNG, response_class=Response)
async def write_map_file(state: State, body: MapToWrite) -> Response:
    """Write a label map as an indexed PNG."""
    found = await state.worker.describe()
    state.limits.check_map(body.width, body.height)
    ids = unpack_ids(body.ids, body.width, body.height)
    check_labels(ids, found.label_space.num_classes)
    return Response(
        await state.run_in_thread(write_map, ids, found.label_space, body.settings), media_type="image/png"
    )


@router.get("/projects")
async def projects(state: State) -> list[dict[str, Any]]:
    """List the saved projects, the newest first."""
    rows = await state.run_in_thread(state.projects.names)
    return [{"name": name, "saved": saved, "bytes": size} for name, saved, size in rows]


@router.post("/projects/read")
async def read_project_file(state: State, project: Annotated[UploadFile, File()]) -> Project:
    """Unpack a project file."""
    found = await state.worker.describe()
    data = await upload_bytes(project, state.limits)
    return await state.run_in_thread(read_project, data, state.limits, found.label_space)


@router.post("/projects/write", responses=ZIP, response_class=Response)
async def write_project_file(state: State, project: Project) -> Response:
    """Pack a project file."""
    return Response(await _packed(state, project), media_type="application/zip")


@router.get("/projects/{name}")
async def load_project(state: State, name: str) -> Project:
    """Open a saved project."""
    found = await state.worker.describe()
    data = await state.run_in_thread(state.projects.load, check_name(name))
    return await state.run_in_thread(read_project, data, state.limits, found.label_space)


@router.put("/projects/{name}", status_code=204, responses={409: {"model": Problem}, 507: {"model": Problem}})
async def save_project(state: State, name: str, project: Project, replace: bool = False) -> None:
    """Save a project under a name; one of that name is replaced only where ``replace`` says so."""
    name = check_name(name)
    await state.run_in_thread(state.projects.save, name, await _packed(state, project), replace=replace)


@router.delete("/projects/{name}", status_code=204)
async def delete_project(state: State, name: str) -> None:
    """Delete a saved project."""
    await state.run_in_thread(state.projects.delete, check_name(name))


async def _packed(state: AppState, project: Project) -> bytes:
    found = await state.worker.describe()
    await state.run_in_thread(check_project, project, state.limits, found.label_space)
    return await state.run_in_thread(write_project, project, found.label_space.palette())


def _size(state: AppState, width: int | None, height: int | None) -> tuple[int, int] | None:
    if width is None or height is None:
        return None
    state.limits.check_map(width, height)
    return width, height


def _items(items: tuple[GalleryItem, ...], address: str) -> list[dict[str, Any]]:
    return [
        {"name": item.name, "picture": address.format(i) if item.picture else None}
        for i, item in enumerate(items)
    ]


def _item_picture(items: tuple[GalleryItem, ...], index: int) -> Response:
    if index >= len(items) or not items[index].picture:
        raise SemsynthError("There is no such picture.")
    data = items[index].picture
    kind = next((kind for start, kind in KINDS.items() if data.startswith(start)), "image/webp")
    return Response(data, media_type=kind, headers={"Cache-Control": "max-age=3600"})


def _thumbnail(pixels: np.ndarray) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((128, 128))
    data = encode(np.asarray(picture), Format.JPEG, quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
