"""The REST interface of files: label maps and projects."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, File, Response, UploadFile
from pydantic import BaseModel, Field

from semsynth.app.api import (
    PNG,
    PROBLEMS,
    FrameText,
    Palette,
    Problem,
    Side,
    State,
    kind_of,
    map_size,
    parse_frame,
)
from semsynth.app.maps import read_map, write_map
from semsynth.app.project_store import check_name
from semsynth.app.projects import (
    Project,
    check_project,
    pack_ids,
    picture_of,
    read_project,
    unpack_ids,
    write_project,
)
from semsynth.app.protocol import check_labels
from semsynth.app.settings import Settings
from semsynth.app.state import AppState, upload_bytes

ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
router = APIRouter(prefix="/api", responses=PROBLEMS)


@router.post("/maps/read")
async def read_map_file(
    state: State,
    map: Annotated[UploadFile, File()],
    width: Side = None,
    height: Side = None,
    palette: Palette = "auto",
    frame: FrameText = None,
) -> dict[str, Any]:
    """Read a label map, indexed or coloured; gives its class ids in base 64 and what was repaired.

    Of one of another shape than the size that is wanted, its frame is taken, or its middle.
    """
    model = await state.worker.describe()
    data = await upload_bytes(map, state.limits)
    size = map_size(state, width, height)
    read = partial(read_map, frame=parse_frame(frame))
    reading = await state.run_in_thread(read, data, model.label_space, state.limits, size, palette)
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
    model = await state.worker.describe()
    state.limits.check_map(body.width, body.height)
    ids = unpack_ids(body.ids, body.width, body.height)
    check_labels(ids, model.label_space.num_classes)
    return Response(
        await state.run_in_thread(write_map, ids, model.label_space, body.settings), media_type="image/png"
    )


@router.get("/projects")
async def projects(state: State) -> list[dict[str, Any]]:
    """List the saved projects, the newest first."""
    rows = await state.run_in_thread(state.projects.names)
    return [{"name": name, "saved": saved, "bytes": size} for name, saved, size in rows]


@router.post("/projects/read")
async def read_project_file(state: State, project: Annotated[UploadFile, File()]) -> Project:
    """Unpack a project file."""
    model = await state.worker.describe()
    data = await upload_bytes(project, state.limits)
    return await state.run_in_thread(read_project, data, state.limits, model.label_space)


@router.post("/projects/write", responses=ZIP, response_class=Response)
async def write_project_file(state: State, project: Project) -> Response:
    """Pack a project file."""
    return Response(await _packed(state, project), media_type="application/zip")


@router.get("/projects/{name}")
async def load_project(state: State, name: str) -> Project:
    """Open a saved project."""
    model = await state.worker.describe()
    data = await state.run_in_thread(state.projects.load, check_name(name))
    return await state.run_in_thread(read_project, data, state.limits, model.label_space)


@router.get("/projects/{name}/picture", responses=PNG, response_class=Response)
async def project_picture(state: State, name: str) -> Response:
    """Give the small picture of a saved project."""
    data = await state.run_in_thread(state.projects.load, check_name(name))
    picture = await state.run_in_thread(picture_of, data)
    return Response(picture, media_type=kind_of(picture))


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
    model = await state.worker.describe()
    await state.run_in_thread(check_project, project, state.limits, model.label_space)
    return await state.run_in_thread(write_project, project, model.label_space.palette())
