"""How soon the picture follows the pen: ``python benchmarks/app_latency.py [--model FOLDER]``.

Paints strokes in a headless Chromium, and prints the time from pointer-up to the new picture on the screen,
and how many pictures a second appear while a stroke is drawn.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from semsynth.ops import processor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.app.conftest import FLAGS, Served, chromium, free_port, settle  # noqa: E402

WATCH = """() => {
  const log = (window.strokes = { up: 0, waits: [], drawing: 0, pictures: 0, down: 0 });
  const { live, view } = semsynth;
  // Before the page hears of it: the picture may be there already.
  view.canvas.addEventListener("pointerdown", () => (log.down = performance.now()), true);
  const up = () => {
    log.up = performance.now();
    log.drawing += log.up - log.down;
    log.down = 0;
  };
  view.canvas.addEventListener("pointerup", up, true);
  live.showed.on((current) => {
    if (log.down) log.pictures++;
    if (!current || !log.up) return;
    const up = log.up;
    log.up = 0;
    // The frame is drawn after its callbacks; a message sent in one of them arrives when that was done.
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => log.waits.push(performance.now() - up);
    requestAnimationFrame(() => port2.postMessage(0));
  });
}"""


def main() -> int:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="landscape", help="model folder or name (default: the bundled one)"
    )
    parser.add_argument("--strokes", type=int, default=100)
    args = parser.parse_args()
    path = chromium()
    if path is None:
        print("There is no Chromium on this machine; set CHROMIUM to its path.")
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served = Served(free_port(), Path(folder), model=args.model)
        served.start()
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
            page = browser.new_page(viewport={"width": 1280, "height": 720})
            page.set_default_timeout(120_000)
            page.goto(served.address)
            page.wait_for_selector("html[data-ready=yes]")
            settle(page)
            page.evaluate(WATCH)
            draw(page, args.strokes)
            found = page.evaluate("() => window.strokes")
            browser.close()
        finally:
            served.stop()
    waits = np.array(found["waits"])
    rate = found["pictures"] / found["drawing"] * 1000
    median, late = np.percentile(waits, (50, 95))
    print(f"processor: {processor.level()}")
    print(
        f"pointer-up to picture: median {median:.0f} ms, 95th percentile {late:.0f} ms ({len(waits)} strokes)"
    )
    print(f"while drawing: {rate:.1f} pictures/s")
    return 0


def draw(page, strokes: int) -> None:  # type: ignore[no-untyped-def]
    """Paint random strokes of random classes, one after the other."""
    rng = np.random.default_rng(0)
    box = page.locator("#canvas").bounding_box()
    far = (box["width"] * 0.45, box["height"] - 20)
    for n in range(strokes):
        page.evaluate("n => semsynth.studio.choose(1 + (n * 7) % (semsynth.studio.classes.length - 1))", n)
        x, y = rng.uniform((0.05, 0.25), (0.4, 0.75)) * (box["width"], box["height"])
        page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.down()
        for _ in range(12):
            x, y = np.clip(np.add((x, y), rng.uniform(-30, 30, 2)), 20, far)
            page.wait_for_timeout(30)
            page.mouse.move(box["x"] + x, box["y"] + y)
        page.mouse.up()
        page.wait_for_function("n => window.strokes.waits.length > n", arg=n, polling=10)


if __name__ == "__main__":
    sys.exit(main())
