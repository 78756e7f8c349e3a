"""The REST interface: the model, its styles and examples, pictures; its description is served at /api."""

import base64
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
from fastapi import APIRouter, Depends, File, Form, Response, UploadFile
from fastapi import Path as PathParameter
from PIL import Image
from pydantic import BaseModel

from semsynth.app.engine import PhotoJob
from semsynth.app.images import Frame, centred, check_frame, encode, read_photo
from semsynth.app.maps import read_map
from semsynth.app.painter import GalleryItem
from semsynth.app.projects import ids_of_bytes, pack_ids
from semsynth.app.protocol import Format, PaintJob, check_labels, parse_settings
from semsynth.app.settings import NamedStyle, SeedStyle
from semsynth.app.state import AppState, state_of, upload_bytes
from semsynth.editing import resize
from semsynth.errors import SemsynthError
from semsynth.hub.record import MAX_SEED


class Problem(BaseModel):
    """Why a request was refused, in one sentence; with a code where a program can do something about it."""

    error: str
    code: str = ""


PROBLEMS: dict[int | str, dict[str, Any]] = {code: {"model": Problem} for code in (400, 401, 413)}
router = APIRouter(prefix="/api", responses=PROBLEMS)
State = Annotated[AppState, Depends(state_of)]
Index = Annotated[int, PathParameter(ge=0, le=10_000)]
Side = Annotated[int | None, Form(ge=16, le=4096)]
Palette = Annotated[
    Literal["auto", "index", "color"],
    Form(description="What an indexed file means: its indices or colours."),
]
FrameText = Annotated[
    str | None,
    Form(
        pattern=r"^(\d{1,5},){3}\d{1,5}$",
        description="A part of the picture: left,top,width,height in its pixels.",
    ),
]
KINDS = {b"\x89PNG": "image/png", b"\xff\xd8": "image/jpeg"}
PNG: dict[int | str, dict[str, Any]] = {200: {"content": {"image/png": {}}}}


@router.get("/model")
async def model(state: State) -> dict[str, Any]:
    """Tell what the model is; answers once it is loaded."""
    return (await state.worker.describe()).summary(state.limits)


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
    model = await state.worker.describe()
    if not model.encodes:
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
    frame: FrameText = None,
) -> dict[str, Any]:
    """Hand in a photograph to be edited; gives its key, its labels and its style.

    What is edited is its frame, or its middle cut to the shape of the map; its style is that of all of it.
    With ``labels``, those are taken; otherwise the segmenter finds them.
    """
    model = await state.worker.describe()
    state.limits.check_map(width, height)
    known = None
    if labels is not None:
        known = ids_of_bytes(await upload_bytes(labels, state.limits), width, height)
    if known is None and not model.segments:
        raise SemsynthError(
            "There is no segmenter for this model's classes, so photographs cannot be edited."
        )
    if known is not None:
        check_labels(known, model.label_space.num_classes)
    data, size = await upload_bytes(photo, state.limits), (width, height)
    if len(data) > state.limits.max_photo_bytes:
        raise SemsynthError(
            f"The photograph's file has {len(data):,} bytes; {state.limits.max_photo_bytes:,} can be edited. "
            "Save it as JPEG."
        )
    whole = await state.run_in_thread(read_photo, data, state.limits)
    stored = (whole.shape[1], whole.shape[0])
    part = parse_frame(frame) or centred(stored, size)
    check_frame(part, stored, size)
    x, y, w, h = part
    pixels = await state.run_in_thread(resize, whole[y : y + h, x : x + w], size)
    analysis = await state.worker.analyse_photo(PhotoJob(pixels, known is None, known, whole, data, part))
    assert analysis.labels is not None
    return {
        "key": analysis.key,
        "vector": analysis.vector,
        "labels": pack_ids(analysis.labels),
        "frame": part,
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
    scale: Annotated[int, Form(ge=0, le=4, description="0 is the size of the photograph.")] = 1,
    width: Side = None,
    height: Side = None,
    palette: Palette = "auto",
) -> Response:
    """Paint one label map. What was repaired in the map is said in the header X-Semsynth-Notes."""
    model = await state.worker.describe()
    wish = parse_settings(settings)
    if style:
        wish = wish.model_copy(update={"style": NamedStyle(name=style, variation=seed or 0)})
    elif seed is not None:
        wish = wish.model_copy(update={"style": SeedStyle(seed=seed)})
    size = map_size(state, width, height)
    data = await upload_bytes(map, state.limits)
    read = partial(read_map, stretch=True)  # as other ways of synthesizing do
    reading = await state.run_in_thread(read, data, model.label_space, state.limits, size, palette)
    form = Format[format.upper()]
    painted = await state.worker.paint(lambda: PaintJob(reading.ids, wish, form, scale))
    headers = {
        "X-Semsynth-Seconds": f"{painted.seconds:.4f}",
        "X-Semsynth-Size": f"{painted.width}x{painted.height}",
        "X-Semsynth-Notes": " ".join(reading.notes).encode("ascii", "replace").decode("ascii")[:2000],
    }
    return Response(painted.data, media_type=form.media_type, headers=headers)


def parse_frame(text: str | None) -> Frame | None:
    """What a form says of a frame: "left,top,width,height"; None where it says nothing."""
    if not text:
        return None
    x, y, width, height = (int(number) for number in text.split(","))
    return x, y, width, height


def map_size(state: AppState, width: int | None, height: int | None) -> tuple[int, int] | None:
    """The size (width, height) that a map is wanted at; None where it is not said."""
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
    return Response(data, media_type=kind_of(data), headers={"Cache-Control": "max-age=3600"})


def kind_of(picture: bytes) -> str:
    """The media type of a PNG, JPEG or WebP file."""
    return next((kind for start, kind in KINDS.items() if picture.startswith(start)), "image/webp")


def _thumbnail(pixels: np.ndarray) -> str:
    picture = Image.fromarray(pixels)
    picture.thumbnail((128, 128))
    data = encode(np.asarray(picture), Format.JPEG, quality=85)
    return f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}"
