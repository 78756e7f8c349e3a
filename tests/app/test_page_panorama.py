"""A panorama is painted from nothing, through the end of the server and of the browser."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from semsynth.labels import LabelSpace
from tests.app.conftest import FLAGS, Served, chromium, free_port, open_page, settle, shoot
from tests.app.test_page import _pixels, choose, drag
from tests.app.test_page_care import kept, said
from tests.app.test_page_extras import played
from tests.app.test_page_shapes import new, shaped

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")


@contextlib.contextmanager
def killed_browser(runner: Any, profile: Path) -> Iterator[Any]:
    """A page of a browser with a profile; at the end its process is killed."""
    port = free_port()
    # Without a first tab: whoever connects while it opens may wait for it in vain.
    flags = [
        *FLAGS,
        "--headless=new",
        "--no-startup-window",
        f"--remote-debugging-port={port}",
        f"--user-data-dir={profile}",
    ]
    process = subprocess.Popen([chromium() or "", *flags], stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.05)
        browser = runner.connect_over_cdp(f"http://127.0.0.1:{port}")
        page = browser.contexts[0].new_page()
        page.set_viewport_size({"width": 1280, "height": 720})
        yield page
    finally:
        process.kill()
        process.wait(10)


def shown(page: Any) -> np.ndarray:
    """The picture, (H, W, 3)."""
    height, width = shaped(page).shape
    settle(page)
    return _pixels(page, "semsynth.live.surface.image.data").reshape(height, width, 4)[..., :3]


def own_style(page: Any, name: str, style: str) -> None:
    choose(page, name)
    page.keyboard.press("Shift+D")
    if style:
        page.click(f"#class-gallery .tile >> text={style}")
    else:
        page.click("#class-dice")
    page.click("#dialog-class-style >> text=Done")


def steps(page: Any, key: str, done: str) -> None:
    """Take all steps back, or do them again."""
    for _ in range(page.evaluate(f"() => semsynth.studio.history.{done}.length")):
        page.keyboard.press(key)


def test_a_panorama_outlives_server_and_browser(browser: Any, tmp_path: Path) -> None:
    served, runner = Served(free_port(), tmp_path), browser.browser_type
    served.start()
    with killed_browser(runner, tmp_path / "profile") as page:
        open_page(page, served.address)
        first = shaped(page)
        new(page, "16:9", 0, 0)
        page.wait_for_function("() => semsynth.studio.drawing.width === 448")
        empty = shown(page)
        choose(page, "sea")
        page.keyboard.press("r")
        drag(page, (0, 150), (447, 255))
        page.keyboard.press("b")
        choose(page, "sand")
        drag(page, (20, 240), (300, 250))
        for name, style in (("sky", "dusk"), ("sea", ""), ("sand", "dusk")):
            own_style(page, name, style)
        before = shown(page)
        shoot(page, "person-panorama")
        page.keyboard.press("Control+s")
        page.fill("#save-name", "panorama")
        page.click("#save-here")
        said(page, "Saved as panorama")
        kept(page)
        served.stop()
    served.start()
    with killed_browser(runner, tmp_path / "profile") as page:
        open_page(page, served.address)
        assert np.array_equal(shown(page), before)
        assert page.inner_text("#project-name") == "panorama"
        tree = choose(page, "tree")
        drag(page, (100, 120), (160, 120))
        after = shown(page)
        steps(page, "Control+z", "done")
        assert np.array_equal(shaped(page), first)
        page.keyboard.press("Control+Shift+z")
        assert np.array_equal(shown(page), empty)
        assert page.evaluate("() => semsynth.styles.classes.size") == 0
        steps(page, "Control+Shift+z", "undone")
        assert np.array_equal(shown(page), after)
        page.keyboard.press("Control+s")
        said(page, "Saved as panorama")
        page.click("#export")
        with page.expect_download() as download:
            page.click("#export-lapse")
        video = tmp_path / "lapse.webm"
        download.value.save_as(video)
        size, colour = played(page, video.read_bytes(), 130, 120)
        assert size == (448, 2 * 256 + 8)
        assert np.abs(colour - SPACE.palette()[tree]).max() < 24
    served.stop()
    assert "Traceback" not in served.log.read_text()
