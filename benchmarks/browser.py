"""The engine for browsers against the native one, on one thread each, asked in turn.

    python benchmarks/browser.py              in Node
    python benchmarks/browser.py --chromium   in Chromium too

Milliseconds of another map, another style and a stroke of radius 4: the median, and the least, of ROUNDS.
"""

import argparse
import json
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from semsynth.hub import load_model
from semsynth.hub.finding import EXAMPLES, find_model
from semsynth.inference.choice import engine_for
from semsynth.labels.inputs import to_ids
from semsynth.web import module, weights

ROOT = Path(__file__).parents[1]
ROUNDS = 12
RADIUS = 4
Draw = Callable[[NDArray[np.int64], NDArray[np.float32]], float]
"""Label ids (H, W) and a style → milliseconds."""

PAGE = """
import { Engine } from "/src/semsynth/web/engine/index.js";
const get = async (path) => (await fetch(path)).arrayBuffer();
const [module, weights] = await Promise.all([get("/MODULE"), get("/WEIGHTS")]);
const engine = await Engine.load({ module, weights });
onmessage = ({ data: { ids, width, height, style } }) => {
  const look = { style: Float32Array.from(style) };
  postMessage(engine.draw(Uint8Array.from(ids), width, height, look).microseconds);
};
postMessage(0);
"""


def native(folder: Path, stack: ExitStack) -> Draw:
    torch.set_num_threads(1)
    engine = engine_for(load_model("landscape").generator, device=torch.device("cpu"), keep="features")

    def draw(ids: NDArray[np.int64], style: NDArray[np.float32]) -> float:
        given = torch.from_numpy(ids)[None], torch.from_numpy(style)[None]
        start = time.perf_counter()
        engine(given[0], style=given[1])
        return 1e3 * (time.perf_counter() - start)

    return draw


def node(folder: Path, stack: ExitStack) -> Draw:
    process = stack.enter_context(
        subprocess.Popen(
            ["node", ROOT / "benchmarks" / "browser.mjs", folder / "semsynth.wasm", folder / "model.bin"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    stack.callback(process.stdin.close)
    print(f"node: loaded in {int(process.stdout.readline()) / 1e3:.0f} ms")

    def draw(ids: NDArray[np.int64], style: NDArray[np.float32]) -> float:
        print(json.dumps(message(ids, style)), file=process.stdin, flush=True)
        return int(process.stdout.readline()) / 1e3  # type: ignore[union-attr]

    return draw


def chromium(folder: Path, stack: ExitStack) -> Draw:
    from playwright.sync_api import sync_playwright

    class Handler(SimpleHTTPRequestHandler):
        extensions_map = {".js": "text/javascript", ".mjs": "text/javascript"}  # noqa: RUF012

        def translate_path(self, path: str) -> str:
            return str(folder / path[1:]) if (folder / path[1:]).exists() else super().translate_path(path)

        def log_message(self, *_: object) -> None: ...

    (folder / "worker.js").write_text(PAGE.replace("MODULE", "semsynth.wasm").replace("WEIGHTS", "model.bin"))
    (folder / "page.html").write_text("<!doctype html>")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.callback(server.shutdown)
    browser = stack.enter_context(sync_playwright()).chromium.launch(executable_path="/usr/bin/chromium")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/page.html")
    start = time.perf_counter()
    page.evaluate(
        """() => new Promise((done, failed) => {
            window.worker = new Worker("/worker.js", {type: "module"});
            worker.onmessage = done, worker.onerror = (e) => failed(new Error(e.message));
        }).then(() => 0)"""
    )
    print(f"chromium: loaded in {1e3 * (time.perf_counter() - start):.0f} ms, the model from this machine")
    ask = """(given) => new Promise((done) => {
        worker.onmessage = (e) => done(e.data);
        worker.postMessage(given);
    })"""
    return lambda ids, style: page.evaluate(ask, message(ids, style)) / 1e3


def message(ids: NDArray[np.int64], style: NDArray[np.float32]) -> dict[str, Any]:
    height, width = ids.shape
    return {"ids": ids.ravel().tolist(), "width": width, "height": height, "style": style.tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--chromium", action="store_true")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    draws = np.random.default_rng(0)
    space = load_model("landscape").label_space
    maps = [to_ids(path, space)[0][0] for path in sorted((find_model("landscape") / EXAMPLES).glob("*.png"))]
    y, x = np.ogrid[:256, :256]
    times: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        module.build(folder / "semsynth.wasm")
        (folder / "model.bin").write_bytes(weights.pack("landscape"))
        engines = {
            engine.__name__: engine(folder, stack) for engine in (native, node, *[chromium] * given.chromium)
        }
        for number in range(given.rounds + 1):
            ids = maps[number % len(maps)]
            styles = draws.standard_normal((2, 64), np.float32)
            row, column = draws.integers(0, 256, 2)
            stroke = np.where(
                (y - row) ** 2 + (x - column) ** 2 <= RADIUS**2, (ids[row, column] + 1) % 33, ids
            )
            for kind, labels, style in (("map", ids, 0), ("style", ids, 1), ("stroke", stroke, 1)):
                for engine, draw in engines.items():
                    took = draw(labels, styles[style])
                    if number:  # the first makes the engines warm
                        times.setdefault(kind, {}).setdefault(engine, []).append(took)
    for kind, by_engine in times.items():
        base = by_engine["native"]
        for engine, took in by_engine.items():
            ratio = statistics.median(a / b for a, b in zip(took, base, strict=True))
            middle, least = statistics.median(took), min(took)
            print(f"{kind:7} {engine:9} {middle:7.1f} ms, least {least:7.1f}, {ratio:5.2f} of native")


if __name__ == "__main__":
    main()
