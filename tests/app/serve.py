"""Serves the application: ``python -m tests.app.serve PORT FOLDER TOKEN stand-in|MODEL_FOLDER``."""

import asyncio
import sys
from functools import partial
from pathlib import Path

from semsynth.app.connections import Server, listen, server_config
from semsynth.app.images import return_memory
from semsynth.app.limits import Limits
from semsynth.app.painter import Painter
from semsynth.app.server import create_app
from semsynth.app.worker import Worker


def load(model: str) -> Painter:
    """Runs in the worker process."""
    if model == "stand-in":
        from tests.app.stand_in import StandIn

        return StandIn()
    from semsynth.app.synthesizer_painter import load_painter

    return load_painter(model)


def main() -> None:
    port, folder, token, model = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    app = create_app(Worker(partial(load, model)), token=token, folder=folder)
    return_memory()
    asyncio.run(Server(server_config(app, Limits())).serve([listen("127.0.0.1", port)]))


if __name__ == "__main__":
    main()
