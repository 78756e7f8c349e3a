"""Serves the application with the stand-in: ``python -m tests.app.serve PORT FOLDER TOKEN``."""

import asyncio
import sys
from pathlib import Path

import uvicorn

from semsynth.app.limits import Limits
from semsynth.app.server import create_app
from semsynth.app.worker import Worker
from tests.app.stand_in import load


def main() -> None:
    port, folder, token = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    app = create_app(Worker(load), token=token, folder=folder)
    config = uvicorn.Config(
        app, port=port, log_level="warning", ws_max_size=Limits().max_message, ws_per_message_deflate=False
    )
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main()
