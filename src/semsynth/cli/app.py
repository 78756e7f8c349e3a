"""``semsynth app``: the painting application."""

import argparse
import asyncio
import contextlib
import socket
import sys
import webbrowser
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsynth.cli.options import AddParser, add_overwrite, add_segmenter, refuse_existing
from semsynth.errors import SemsynthError
from semsynth.files.locking import exclusive
from semsynth.files.places import data_folder

if TYPE_CHECKING:
    import uvicorn

    from semsynth.app.painter import Painter
    from semsynth.app.worker import Worker


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add()
    parser.add_argument("--model", help="model folder, or name of a bundled model")
    add_segmenter(parser, "segmenter's folder or file, to edit photographs with")
    parser.add_argument("--precision", default="auto", choices=("auto", "float32", "bfloat16"))
    parser.add_argument("--port", type=int, default=7860, help="port to listen on; 0 takes a free one")
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: this machine only)"
    )
    parser.add_argument("--no-browser", action="store_true", help="only print the address, open nothing")
    parser.add_argument("--data", type=Path, help="where projects and the access key are kept")
    parser.add_argument(
        "--new-key", action="store_true", help="make a new access key; open pages must be reopened"
    )
    parser.add_argument(
        "--static",
        type=Path,
        metavar="DIR",
        help="write the page with the model to a folder for any web server, and serve nothing",
    )
    add_overwrite(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted, or write the page that needs no server."""
    if args.static:
        return _write_site(args)
    try:
        from semsynth.app.connections import Server, listen, server_config
        from semsynth.app.images import return_memory
        from semsynth.app.limits import Limits
        from semsynth.app.security import load_token
        from semsynth.app.server import LOCAL_HOSTS, create_app
        from semsynth.app.worker import Worker
    except ImportError as error:
        raise SemsynthError(
            f"The painting application needs {error.name}; install it with: pip install 'semsynth[app]'."
        ) from None
    folder = args.data or data_folder()
    token = load_token(folder, new=args.new_key)
    return_memory()
    local = args.host in LOCAL_HOSTS
    if not local:
        print(
            f"Warning: listening on {args.host}. Whoever reaches this machine and has the key may paint, "
            "over a connection that is not encrypted.",
            file=sys.stderr,
        )
    listener = listen(args.host, args.port)
    port = listener.getsockname()[1]
    limits = Limits()
    worker = Worker(partial(_load, args.model, args.segmenter, args.precision, args.trust), limits.max_photos)
    app = create_app(
        worker,
        token=token,
        folder=folder,
        limits=limits,
        hosts=LOCAL_HOSTS | {args.host, socket.gethostname().lower()},
        any_address=not local,
    )
    config = server_config(app, limits)
    shown = (
        "127.0.0.1" if args.host in ("0.0.0.0", "::") else f"[{args.host}]" if ":" in args.host else args.host
    )
    address = f"http://{shown}:{port}/?token={token}"
    with exclusive(folder / ".serving", wait=False) as alone:
        if args.new_key and not alone:
            print(
                f"Another server uses {folder}: it keeps the old key until it is started again.",
                file=sys.stderr,
            )
        pages = None if args.no_browser else folder
        asyncio.run(_serve(Server(config), listener, worker, address, pages))
    return 0


def _write_site(args: argparse.Namespace) -> int:
    """Write the page with the model, and say how to look at it."""
    try:
        from semsynth.web.site import build_site
    except ImportError as error:
        raise SemsynthError(
            f"The page needs {error.name} to be written; install it with: pip install 'semsynth[site]'."
        ) from None
    refuse_existing([args.static], args)
    folder = build_site(args.static, args.model)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(
        f"{folder}: {size / 1e6:.1f} MB for any web server. To try it here: python -m http.server -d {folder}"
    )
    return 0


def _load(model: str | None, segmenter: str | None, precision: Any, trust: bool) -> "Painter":
    """Runs in the worker process; only there is torch imported."""
    from semsynth.app.synthesizer_painter import load_painter

    return load_painter(model, segmenter, precision, trust=trust)


async def _serve(
    server: "uvicorn.Server",
    listener: socket.socket,
    worker: "Worker",
    address: str,
    pages: Path | None,
) -> None:
    """Serve until interrupted, and open a browser by way of a page in the folder `pages`."""
    from semsynth.app.security import redirect_page

    serving: asyncio.Task[Any] = asyncio.create_task(server.serve([listener]))
    try:
        print("Loading the model ...", file=sys.stderr)
        model = await worker.describe()
        print(f"{model.name} is ready. Paint at\n\n    {address}\n\nPress Ctrl+C to stop.", flush=True)
        with contextlib.ExitStack() as stack:
            if pages is not None:
                page = stack.enter_context(redirect_page(pages, address))
                await asyncio.to_thread(webbrowser.open, page)
            await serving
    finally:
        if not worker.ready:
            server.should_exit = True
        await serving
