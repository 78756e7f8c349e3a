"""Take the screenshots of the painting application that the README shows.

    python tools/screenshots.py [--model FOLDER|NAME] [--output FOLDER]

What is drawn in them is one of our own example maps with a few strokes; what is painted is the model's.
"""

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.app.conftest import FLAGS, Served, chromium, free_port, open_page, settle  # noqa: E402
from tests.app.test_page import at, drag  # noqa: E402

# The dice fall the same way every time, so that the pictures can be taken again.
SEEDS = """
  let rolled = 0;
  Crypto.prototype.getRandomValues = (numbers) => numbers.map((_, i) => (numbers[i] = 7919 * ++rolled));
"""


def main() -> int:
    """Take both."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="landscape", help="model folder or name (default: the bundled one)"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs/images", metavar="FOLDER")
    args = parser.parse_args()
    path = chromium()
    if path is None:
        print("There is no Chromium on this machine; set CHROMIUM to its path.")
        return 1
    args.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        served = Served(free_port(), Path(folder), model=args.model)
        served.start()
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            page = browser.new_page(
                viewport={"width": 1280, "height": 720}, reduced_motion="reduce", color_scheme="dark"
            )
            page.add_init_script(SEEDS)
            open_page(page, served.address)
            paint(page)
            save(page, args.output / "app-paint.jpg")
            styles(page)
            save(page, args.output / "app-styles.jpg")
        finally:
            browser.close()
            served.stop()
    return 0


def paint(page: Any) -> None:
    """Begin with an example, and be in the middle of a stroke."""
    page.click("#welcome-close")
    page.click("#new")
    page.click("#examples .tile >> text=alpine lake")
    settle(page)
    take(page, "rock", 20)
    drag(page, (120, 212), (148, 208), (182, 211))
    take(page, "tree", 9)
    page.keyboard.press("p")
    for corners in (((134, 203), (143, 170), (152, 203)), ((150, 203), (161, 160), (172, 204))):
        for corner in corners:
            page.mouse.click(*at(page, *corner))
        page.keyboard.press("c")
    page.keyboard.press("b")
    page.mouse.move(*at(page, 184, 210))
    page.evaluate("() => document.activeElement.blur()")
    settle(page)


def take(page: Any, name: str, size: int) -> None:
    """Take a class from the palette, and a brush."""
    page.click(f"#classes [role=option] >> text=/^{name}$/i")
    page.evaluate("size => semsynth.studio.resize(size)", size)


def styles(page: Any) -> None:
    """Another example by its variations, in the light theme, under the wipe."""
    page.click("#theme")
    page.click("#new")
    page.click("#examples .tile >> text=bay")
    settle(page)
    page.click("#view-wipe")
    page.click("#tab-style")
    page.fill("#seed", "1")
    page.press("#seed", "Enter")
    page.click("#vary")
    page.wait_for_function(
        "() => document.querySelectorAll('#variations .tile:not([disabled])').length === 6"
    )
    page.click("#variations .tile >> nth=1")
    page.evaluate("() => document.querySelector('#variations').scrollIntoView({ block: 'end' })")
    page.mouse.move(640, 24)
    settle(page)


def save(page: Any, path: Path) -> None:
    """Write what is seen, as a JPEG of modest size."""
    page.wait_for_timeout(300)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    picture.save(path, "JPEG", quality=88, optimize=True)
    print(f"{path}: {path.stat().st_size / 1024:.0f} KB")


if __name__ == "__main__":
    sys.exit(main())
