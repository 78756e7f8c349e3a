"""What hands are used to from other programs, and what the page says, where one looks."""

from typing import Any

import numpy as np
import pytest

from tests.app.conftest import shoot
from tests.app.test_page import at, choose, drag, ids
from tests.app.test_page_care import FOCUS, said, save
from tests.app.test_page_names import NAMED

pytestmark = pytest.mark.browser
CORNERS = ((20, 20), (60, 20), (60, 60))


def click(page: Any, *points: tuple[float, float], **how: Any) -> None:
    for point in points:
        page.mouse.click(*at(page, *point), **how)


def area(page: Any, before: np.ndarray) -> int:
    return int((ids(page) != before).sum())


def test_polygons_close_as_elsewhere_and_corners_are_taken_back(page: Any) -> None:
    blank = ids(page)
    choose(page, "sea")
    page.keyboard.press("p")
    page.wait_for_timeout(500)
    for close in ("Enter", "c", "double click"):
        click(page, *CORNERS[:2])
        click(page, (128, 128))  # a slip
        page.keyboard.press("Control+z")
        if close == "double click":
            page.mouse.dblclick(*at(page, *CORNERS[2]))
        else:
            click(page, CORNERS[2])
            page.keyboard.press(close)
        assert abs(area(page, blank) - 800) < 60, close
        page.keyboard.press("Control+z")
        assert area(page, blank) == 0
    click(page, *CORNERS[:2])
    page.keyboard.press("Enter")
    said(page, "three corners")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    said(page, "three corners")  # nothing was undone but the corners
    page.keyboard.press("Control+z")
    said(page, "no more steps")
    click(page, *CORNERS)
    page.mouse.dblclick(*at(page, *CORNERS[0]))
    assert abs(area(page, blank) - 800) < 60
    page.keyboard.press("Enter")
    assert abs(area(page, blank) - 800) < 60  # the double click has begun no other


def test_the_brush_draws_lines_stops_and_follows_the_pointer(page: Any) -> None:
    blank = ids(page)
    sea = choose(page, "sea")
    click(page, (30, 30))
    page.keyboard.down("Shift")
    click(page, (200, 50))
    page.keyboard.up("Shift")
    assert all(ids(page)[round(30 + 20 * t), round(30 + 170 * t)] == sea for t in np.linspace(0, 1, 20))
    page.keyboard.press("Control+z")
    dot = area(page, blank)
    assert 0 < dot < 700
    page.mouse.move(*at(page, 100, 30))  # Ctrl+Z within a stroke takes back that stroke, and no other
    page.mouse.down()
    page.mouse.move(*at(page, 150, 30), steps=4)
    page.keyboard.press("Control+z")
    page.mouse.move(*at(page, 180, 30), steps=4)
    page.mouse.up()
    assert area(page, blank) == dot
    page.keyboard.press("Control+z")
    assert area(page, blank) == 0
    page.mouse.move(*at(page, 60, 70))
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    ys, xs = np.nonzero(ids(page) != blank)
    assert abs(xs.mean() - 60) < 2
    assert abs(ys.mean() - 70) < 2
    page.keyboard.press("Control+a")
    assert page.evaluate("() => String(getSelection())") == ""


def test_the_picture_shows_a_stroke_before_it_is_painted(page: Any) -> None:
    page.click("#view-picture")
    choose(page, "sand")
    x, y = at(page, 60, 60)
    colour = """([x, y]) => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => {
        const box = semsynth.view.canvas.getBoundingClientRect();
        resolve([...semsynth.view.g.getImageData(x - box.left, y - box.top, 1, 1).data.slice(0, 3)]);
    })))"""
    before = page.evaluate(colour, [x, y - 3])
    page.evaluate("() => { semsynth.live.held = true; }")  # no picture comes
    drag(page, (40, 60), (80, 60))
    page.mouse.move(*at(page, 200, 200))
    assert page.evaluate(colour, [x, y - 3]) != before
    shoot(page, "stroke-ahead")
    page.evaluate("() => semsynth.live.begin()")


def test_classes_are_found_by_other_words(page: Any) -> None:
    for typed, name in (("lake", "river"), ("rocks", "rock"), ("house", "building"), ("snow", "mountain")):
        page.keyboard.press("/")
        page.keyboard.type(typed)
        page.keyboard.press("Enter")
        assert page.inner_text("#current-class").lower() == name
        assert page.input_value("#search") == ""
        assert page.locator("#classes [role=option]").count() > 20
        assert page.evaluate(f"{FOCUS}.id") == "canvas"
    page.keyboard.press("/")
    page.keyboard.press("Escape")
    assert page.evaluate(f"{FOCUS}.id") == "canvas"


def test_what_was_saved_is_saved_again_at_once_and_names_are_explained(page: Any) -> None:
    page.keyboard.press("Control+s")
    for wrong in ("", "a/b", ".hidden"):
        page.fill("#save-name", wrong)
        page.click("#save-here")
        assert "letter or digit" in page.inner_text("#save-note")
    page.fill("#save-name", "Ébauche n° 2".replace("°", "o") + " (a)")
    page.click("#save-here")
    said(page, "Saved as")
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    page.keyboard.press("Control+s")
    page.wait_for_function(
        "async () => (await (await fetch(`/api/projects/${encodeURIComponent(semsynth.files.name)}`)).json())"
        ".layers[0].ids === semsynth.files.project().layers[0].ids"
    )
    assert page.is_hidden("#dialog-save")
    page.keyboard.press("Control+o")
    page.wait_for_function("() => document.querySelector('#projects img')?.naturalWidth === 128")
    shoot(page, "projects")
    page.keyboard.press("Escape")
    page.click("#save-as")
    assert page.is_visible("#dialog-save")
    page.keyboard.press("Escape")
    save(page, "another")
    page.wait_for_function(NAMED, arg="another")


def test_messages_are_where_one_looks(page: Any) -> None:
    message = page.locator("#status-message")
    page.click("#tab-style")
    page.fill("#seed", "-5")
    page.press("#seed", "Enter")
    said(page, "whole numbers from 0 on; this is seed 0.")
    stage, box = page.locator("#stage").bounding_box(), message.bounding_box()
    assert stage["y"] < box["y"] < stage["y"] + stage["height"] / 4
    shoot(page, "message")
    page.route("**/api/**", lambda route: route.abort())
    page.keyboard.press("Control+s")
    page.fill("#save-name", "nowhere")
    page.click("#save-here")
    page.wait_for_function("() => /does not answer/.test(document.querySelector('#save-note').textContent)")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+e")
    page.click("#export-map")
    said(page, "does not answer")
    dialog, box = page.locator("#dialog-export").bounding_box(), message.bounding_box()
    assert dialog["y"] < box["y"] < box["y"] + box["height"] < dialog["y"] + dialog["height"]
    shoot(page, "message-in-dialog")
    page.keyboard.press("Escape")
    page.unroute("**/api/**")
    page.evaluate(
        """() => {
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File(["words"], "notes.txt", { type: "text/plain" }));
            const event = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
            document.querySelector("#stage").dispatchEvent(event);
        }"""
    )
    said(page, "notes.txt is neither a picture")
    assert page.is_hidden("#dialog-drop")
