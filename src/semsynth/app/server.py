"""The web server of the painting application. It never touches the model: the worker process does."""

import hashlib
import hmac
import logging
import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

import semsynth
from semsynth.app import api, api_files, session
from semsynth.app.errors import ApiError
from semsynth.app.limits import Limits
from semsynth.app.project_store import ProjectStore
from semsynth.app.security import AuthMiddleware, cookie_name
from semsynth.app.state import AppState
from semsynth.app.worker import Worker, WorkerBroke
from semsynth.errors import SemsynthError

STATIC = Path(str(files("semsynth.app") / "static"))
LOCAL_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
log = logging.getLogger("semsynth.app")


def create_app(
    worker: Worker,
    *,
    token: str,
    folder: Path,
    limits: Limits | None = None,
    hosts: frozenset[str] = LOCAL_HOSTS,
    any_address: bool = False,
) -> FastAPI:
    """Build the application.

    Args:
        worker: Paints; closed when the application ends.
        token: Whoever brings it is let in.
        folder: Where projects are kept.
        limits: What clients may send.
        hosts: Names this server answers to.
        any_address: Also answer to bare IP addresses; for servers reached from other machines.
    """
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.shared = AppState(worker, ProjectStore(folder / "projects", limits), limits)
        yield
        await worker.close()

    app = FastAPI(
        title="semsynth",
        version=semsynth.__version__,
        description="Paint a label map, get a photograph.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages load their scripts from elsewhere; ours is static/api.html
        redoc_url=None,
        lifespan=lifespan,
    )
    for parser in ("multipart", "python_multipart"):  # which prints a line for every malformed upload
        logging.getLogger(parser).setLevel(logging.CRITICAL)
    _speak_in_sentences(app)
    _serve_pages(app, token)
    app.include_router(api.router)
    app.include_router(api_files.router)
    app.include_router(session.router)
    app.mount("/files/{version}", _Unchanging(directory=STATIC))
    app.mount("/static", StaticFiles(directory=STATIC))
    app.add_middleware(AuthMiddleware, token=token, hosts=hosts, any_address=any_address, limits=limits)
    return app


class _Unchanging(StaticFiles):
    """Files below a path that changes with them, see `_version`: a browser need not ask for them again."""

    def file_response(self, *arguments: Any, **keywords: Any) -> Response:
        """Answer with a file."""
        answer = super().file_response(*arguments, **keywords)
        answer.headers["Cache-Control"] = "private, max-age=31536000, immutable"
        return answer


def _version() -> str:
    """A name for the files of the page that changes with any of them."""
    paths = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return _digest(tuple((path, path.stat().st_mtime_ns) for path in paths))


@lru_cache(maxsize=1)
def _digest(files: tuple[tuple[Path, int], ...]) -> str:
    """The first 16 hex digits of the SHA-256 of files, read again where a time of change differs."""
    return hashlib.sha256(b"".join(path.read_bytes() for path, _ in files)).hexdigest()[:16]


def _speak_in_sentences(app: FastAPI) -> None:
    """Every refusal is {"error": sentence}, and none says anything of the machine."""

    unexpected = "Something went wrong in the server; its terminal says what."
    answers: dict[type[Exception], Callable[[Any], Response]] = {
        ApiError: lambda error: _problem(error.status, str(error), error.code),
        SemsynthError: lambda error: _problem(400, str(error)),
        WorkerBroke: lambda error: _problem(503, str(error)),
        HTTPException: lambda error: _problem(error.status_code, str(error.detail)),
        RequestValidationError: _invalid,
        Exception: lambda error: _problem(500, unexpected),
    }
    for kind, answer in answers.items():
        app.add_exception_handler(kind, _handler(answer))


def _handler(answer: Callable[[Any], Response]) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handle(_: Request, error: Exception) -> Response:
        return answer(error)

    return handle


def _invalid(error: RequestValidationError) -> Response:
    items = [
        f"{'.'.join(str(p) for p in e['loc'][1:]) or 'body'}: {e['msg'].lower()}" for e in error.errors()
    ]
    return _problem(422, f"The request cannot be used: {'; '.join(items[:3])}.")


def _problem(status: int, sentence: str, code: str = "") -> Response:
    clean = sentence.encode("utf-8", "replace").decode()
    return JSONResponse({"error": clean} | ({"code": code} if code else {}), status_code=status)


def _serve_pages(app: FastAPI, token: str) -> None:
    mimetypes.add_type(
        "text/javascript", ".js"
    )  # some systems say otherwise, and browsers then refuse modules

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        offered = request.query_params.get("token")
        if offered is None:
            page = (STATIC / "index.html").read_text("utf-8")
            return HTMLResponse(page.replace("/static/", f"/files/{_version()}/"))
        answer: Response = RedirectResponse("/", status_code=303)
        if request.headers.get("sec-fetch-site") == "cross-site":
            # Opened by a page elsewhere, such as the file a browser is started with: the cookie would not be
            # sent after a redirect, but it is where a page of our own leads on.
            answer = HTMLResponse('<!doctype html><meta http-equiv="refresh" content="0;url=/">')
        if hmac.compare_digest(offered.encode("utf-8", "replace"), token.encode()):
            answer.set_cookie(
                cookie_name(request.scope),
                token,
                max_age=365 * 24 * 3600,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
            )
        return answer  # an address from before the key was changed does no harm to who has the new one

    @app.get("/api", include_in_schema=False)
    async def description() -> Response:
        return FileResponse(STATIC / "api.html")

    @app.get("/health", include_in_schema=False)
    async def health(request: Request) -> dict[str, bool]:
        return {"ready": request.app.state.shared.worker.ready}
