"""What the page says while the model or the server is away."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import Served, free_port, open_page, settle, shoot
from tests.app.stand_in import landscape
from tests.app.test_page import SPACE, _near, choose, drag, ids, picture
from tests.app.test_page_care import open_photo, photo

pytestmark = pytest.mark.browser
STATE = "state => document.querySelector('#status-link').dataset.state === state"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of these tests alone."""
    found = Served(free_port(), tmp_path_factory.mktemp("own"))
    found.start()
    yield found
    found.stop()


def model_process(served: Served) -> int:
    assert served.process is not None
    listed = subprocess.run(
        ["ps", "-wweo", "pid,ppid,args"], capture_output=True, text=True, check=True
    ).stdout
    rows = (line.split(None, 2) for line in listed.splitlines())
    parent = str(served.process.pid)
    return next(int(row[0]) for row in rows if row[1] == parent and "spawn_main" in row[2])


def test_a_dead_model_process_is_told_at_once_and_mended(browser: Any, own: Served) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    page = context.new_page()
    try:
        open_page(page, own.address)
        states = "() => { window.states = []; new MutationObserver(() => window.states.push("
        states += "document.querySelector('#status-link').dataset.state)).observe("
        page.evaluate(states + "document.querySelector('#status-link'), { attributes: true }); }")
        os.kill(model_process(own), signal.SIGKILL)
        killed = time.monotonic()
        page.wait_for_function(STATE, arg="away", polling=20)
        assert time.monotonic() - killed < 3
        assert page.inner_text("#stale") == "The model is restarting."
        choose(page, "tree")
        drag(page, (50, 50), (90, 90))
        assert "earlier drawing" in page.inner_text("#stale")
        shoot(page, "model-away")
        drawn = ids(page)
        page.wait_for_function(STATE, arg="up")
        settle(page)
        assert page.is_hidden("#stale")
        assert page.evaluate("() => window.states") == ["away", "up"]
        longest = page.evaluate("() => Math.max(...semsynth.live.delays)")
        assert longest < 1000 * (time.monotonic() - killed)
        assert page.evaluate("() => semsynth.live.delays.every(Number.isFinite)")
        assert (ids(page) == drawn).all()
    finally:
        context.close()


def test_a_page_outlives_its_server_and_hands_the_photo_in_again(
    browser: Any, own: Served, tmp_path: Path
) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    page = context.new_page()
    try:
        open_page(page, own.address)
        open_photo(page, photo(tmp_path))
        assert page.is_hidden("#stale")
        own.stop()
        page.wait_for_selector("#stale")
        choose(page, "tree")
        drag(page, (50, 50), (90, 90))
        assert "earlier drawing" in page.inner_text("#stale")
        drawn = ids(page)
        own.start()
        page.wait_for_function(STATE, arg="up")
        shown = picture(page)  # the new server knows nothing of the photo
        assert page.is_hidden("#stale")
        assert np.array_equal(ids(page), drawn)
        original = np.asarray(Image.open(tmp_path / "photo.png"))
        changed = drawn != landscape(SPACE, 256)
        far = ~_near(changed, 9)
        assert np.array_equal(shown[far], original[far])
        assert (shown[changed] != original[changed]).any(-1).mean() > 0.9
    finally:
        context.close()


def test_a_page_too_many_says_so_and_connects_when_there_is_room(browser: Any, own: Served) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, color_scheme="dark")
    first = context.new_page()
    try:
        open_page(first, own.address)
        fill = "() => Promise.all(Array.from({ length: 63 }, () => new Promise((done) => {"
        fill += " const socket = new WebSocket(`ws://${location.host}/api/paint`);"
        fill += " (window.sockets ??= []).push(socket); socket.onopen = done; })))"
        first.evaluate(fill)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.goto(own.address)
        page.wait_for_function(STATE, arg="down", polling=20)
        assert "64 pages are open already; close one of them." in page.inner_text("#stale")
        shoot(page, "too-many-pages")
        first.evaluate("() => window.sockets.forEach((socket) => socket.close())")
        page.wait_for_function(STATE, arg="up")
        settle(page)
        assert page.is_hidden("#stale")
    finally:
        context.close()
