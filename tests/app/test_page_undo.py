"""Every change of a picture is a step: it is taken back, done again, and outlives a reload."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.conftest import settle
from tests.app.test_page import choose, drag, ids, picture
from tests.app.test_page_care import kept, open_photo, photo

pytestmark = pytest.mark.browser
STATE = """() => {
    const { studio, styles, photo, files } = semsynth;
    const { feather, everywhere } = photo.photo ?? {};
    return JSON.stringify([styles.style, feather, everywhere, files.name, [...studio.drawing.ids].join()]);
}"""


def reload(page: Any) -> None:
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    settle(page)


def test_every_setting_is_a_step_and_steps_outlive_a_reload(page: Any, tmp_path: Path) -> None:
    states = [page.evaluate(STATE)]

    def stepped() -> None:
        states.append(page.evaluate(STATE))
        assert states[-1] != states[-2]
        assert page.evaluate("() => semsynth.studio.history.done.length") == len(states) - 1

    choose(page, "tree")
    page.keyboard.press("r")
    drag(page, (20, 20), (60, 50))
    stepped()
    page.click("#tab-style")
    page.click("#gallery .tile >> text=dusk")
    stepped()
    page.keyboard.press("d")
    stepped()
    page.fill("#seed", "7")
    page.press("#seed", "Enter")
    stepped()
    page.select_option("#mix-with", label="dusk")
    stepped()
    page.evaluate(  # a slider that is pulled
        """() => {
            const mix = document.getElementById("mix");
            for (const value of [40, 30, 20]) {
                mix.value = value;
                mix.dispatchEvent(new Event("input"));
            }
        }"""
    )
    stepped()
    page.click("#vary")
    page.click("#variations .tile:not([disabled])")
    stepped()
    open_photo(page, photo(tmp_path))
    stepped()
    page.click("#gallery .tile >> text=dusk")
    stepped()
    page.keyboard.press("Control+z")
    assert page.is_visible("#photo-chip")
    page.keyboard.press("Control+Shift+z")
    page.click("#photo-chip")
    page.fill("#photo-feather", "30")
    stepped()
    page.check("#photo-everywhere")
    stepped()
    page.keyboard.press("Escape")
    shown = picture(page)
    reload(page)
    assert np.array_equal(picture(page), shown)
    for state in reversed(states[:-1]):
        page.click("#undo")
        assert page.evaluate(STATE) == state
        if state is states[5]:
            reload(page)
            assert page.evaluate(STATE) == state
    assert page.is_disabled("#undo")
    for state in states[1:]:
        page.click("#redo")
        assert page.evaluate(STATE) == state
    assert np.array_equal(picture(page), shown)


def test_the_first_picture_is_of_the_drawing_and_a_reload_says_nothing(page: Any, tmp_path: Path) -> None:
    page.add_init_script(
        """
        window.asked = [];
        const send = WebSocket.prototype.send;
        WebSocket.prototype.send = function (message) {
            window.asked.push(new Set(message.slice(-65536)).size);
            return send.call(this, message);
        };
        """
    )
    page.evaluate("() => indexedDB.deleteDatabase('semsynth')")
    for _ in range(2):
        reload(page)
        assert page.evaluate("() => window.asked[0]") > 2
        assert page.evaluate("() => window.asked.length") == 1
        assert page.inner_text("#status-message") == ""
    style = page.evaluate("() => JSON.stringify(semsynth.styles.style)")
    for tile in range(2):  # a photograph's style goes with it
        open_photo(page, photo(tmp_path))
        assert page.evaluate("() => 'vector' in semsynth.styles.style")
        page.keyboard.press("n")
        page.click(f"#examples .tile >> nth={tile}")
        page.wait_for_selector("#photo-chip", state="hidden")
        assert page.evaluate("() => JSON.stringify(semsynth.styles.style)") == style
    page.click("#tab-style")
    page.click("#gallery .tile >> text=dusk")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    assert page.evaluate("() => semsynth.styles.style.name") == "dusk"  # one that was chosen stays
    assert (ids(page) == ids(page)[0, 0]).all()
