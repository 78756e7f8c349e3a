"""What the page must never do: lose work, replace a drawing unasked, or let go of the keyboard."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.app.security import redirect_page
from semsynth.labels import LabelSpace
from tests.app.conftest import Served, open_page, settle
from tests.app.stand_in import landscape
from tests.app.test_page import _open, at, choose, drag, ids, picture

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
FOCUS = "() => document.activeElement"


def said(page: Any, words: str) -> None:
    """Wait until the page has said something."""
    page.wait_for_function(
        "words => document.querySelector('#status-message').textContent.includes(words)", arg=words
    )


def photo(folder: Path) -> Path:
    path = folder / "photo.png"
    Image.fromarray(SPACE.colorize(landscape(SPACE, 256))).save(path)
    return path


def open_photo(page: Any, path: Path) -> None:
    _open(page, "#open-photo", path)
    said(page, "Paint where the photo")


def kept(page: Any) -> None:
    """Wait until the browser has stored the drawing."""
    page.wait_for_function("() => !semsynth.autosave.busy")


# Projects


def save(page: Any, name: str) -> None:
    page.keyboard.press("Control+Shift+s")
    page.fill("#save-name", name)
    page.click("#save-here")


def test_another_project_is_replaced_only_when_asked(page: Any) -> None:
    save(page, "two lakes")
    said(page, "Saved as two lakes")
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    save(page, "two lakes")  # the same drawing, further on
    page.wait_for_selector("#dialog-save", state="hidden")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    save(page, "two lakes")
    page.wait_for_function("() => document.querySelector('#save-here').textContent === 'Replace?'")
    page.fill("#save-name", "two")
    assert page.inner_text("#save-here") == "Save"
    page.fill("#save-name", "two lakes")
    page.click("#save-here")
    page.wait_for_function("() => document.querySelector('#save-here').textContent === 'Replace?'")
    page.click("#save-here")
    page.wait_for_function("() => document.querySelector('#project-name').textContent === 'two lakes'")
    page.wait_for_selector("#dialog-save", state="hidden")


def test_an_opened_project_is_saved_again_unasked_even_after_a_reload(page: Any) -> None:
    save(page, "bay")
    said(page, "Saved as bay")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    page.keyboard.press("Control+o")
    page.click("#projects .name >> text=bay")
    said(page, "Project opened")
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    save(page, "bay")
    said(page, "Saved as bay")


# Photographs


def test_a_photo_is_taken_back_and_brought_again(page: Any, tmp_path: Path) -> None:
    example, shown = ids(page), picture(page)
    open_photo(page, photo(tmp_path))
    page.click("#photo-chip")
    page.check("#photo-everywhere")
    page.fill("#photo-feather", "30")
    assert page.inner_text("#photo-feather-value") == "30 px"
    page.keyboard.press("Escape")
    edited = picture(page)
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    assert page.is_hidden("#photo-chip")
    page.keyboard.press("Control+z")
    assert page.is_visible("#photo-chip")
    assert np.array_equal(picture(page), edited)
    for _ in range(3):  # rim, everywhere, photo
        page.keyboard.press("Control+z")
    assert page.is_hidden("#photo-chip")
    assert np.array_equal(ids(page), example)
    assert np.array_equal(picture(page), shown)
    page.keyboard.press("Control+Shift+z")
    assert page.is_visible("#photo-chip")


def test_the_next_photo_is_edited_with_the_usual_rim(page: Any, tmp_path: Path) -> None:
    open_photo(page, photo(tmp_path))
    page.click("#photo-chip")
    page.check("#photo-everywhere")
    page.fill("#photo-feather", "30")
    page.click("#photo-close")
    open_photo(page, photo(tmp_path))
    assert np.array_equal(picture(page), np.asarray(Image.open(tmp_path / "photo.png")))
    page.click("#photo-chip")
    assert not page.is_checked("#photo-everywhere")
    assert page.inner_text("#photo-feather-value") == "8 px"
    page.click("#photo-close")
    page.keyboard.press("Control+z")
    assert page.is_visible("#photo-chip")


def test_the_dialog_says_what_a_project_had(page: Any, tmp_path: Path) -> None:
    open_photo(page, photo(tmp_path))
    page.click("#photo-chip")
    page.fill("#photo-feather", "30")
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    page.click("#photo-chip")
    assert page.inner_text("#photo-feather-value") == "30 px"


# What the browser keeps


def test_each_tab_keeps_a_drawing_of_its_own(page: Any, served: Served) -> None:
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    first = ids(page)
    kept(page)
    other = page.context.new_page()
    open_page(other, served.address)
    assert np.array_equal(ids(other), first)  # a new tab begins with the newest drawing
    with page.expect_popup() as popup:
        page.evaluate("() => void window.open('/')")  # like 'Duplicate', it copies what the tab has stored
    copy = popup.value
    copy.wait_for_selector("html[data-ready=yes]")
    tabs, drawings = (page, other, copy), []
    for tab, name in zip(tabs, ("tree", "sand", "sea"), strict=True):
        tab.bring_to_front()
        choose(tab, name)
        drag(tab, (150, 50), (190, 90))
        drawings.append(ids(tab))
        kept(tab)
    for tab, drawn in zip(tabs, drawings, strict=True):
        tab.reload()
        tab.wait_for_selector("html[data-ready=yes]")
        assert np.array_equal(ids(tab), drawn)


def test_a_photo_that_is_refused_costs_no_work(page: Any, tmp_path: Path) -> None:
    page.keyboard.press("k")
    open_photo(page, photo(tmp_path))
    drawn = ids(page)
    kept(page)
    refuse = {"status": 503, "json": {"error": "The worker stopped."}}
    page.route("**/api/photos", lambda route: route.fulfill(**refuse))
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    said(page, "The worker stopped.")
    page.keyboard.press("d")
    kept(page)
    page.unroute("**/api/photos")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.is_visible("#photo-chip")
    assert np.array_equal(picture(page), np.asarray(Image.open(tmp_path / "photo.png")))
    assert np.array_equal(ids(page), drawn)
    assert page.evaluate("() => semsynth.pictures.kept.length") == 1


def test_it_is_said_once_when_the_browser_keeps_nothing(page: Any) -> None:
    kept(page)
    page.evaluate(
        """() => {
            IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
        }"""
    )
    choose(page, "tree")
    drag(page, (50, 50), (90, 90))
    said(page, "does not keep the drawing")
    told = "() => { window.told = []; semsynth.studio.told.on((text) => window.told.push(text)); }"
    page.evaluate(told)
    drag(page, (50, 90), (90, 120))
    kept(page)
    assert page.evaluate("() => window.told") == []


# Keys


def press(page: Any, key: str, **held: bool) -> None:
    """Press a key as a keyboard would that Playwright does not have; AltGr where ``altGraph`` is held."""
    page.evaluate(
        """([key, held]) => {
            const init = { key, bubbles: true, cancelable: true, modifierAltGraph: held.altGraph, ...held };
            document.getElementById("canvas").dispatchEvent(new KeyboardEvent("keydown", init));
        }""",
        [key, held],
    )


def test_alt_is_left_to_the_browser_and_altgr_types(page: Any) -> None:
    style = page.evaluate("() => JSON.stringify(semsynth.styles.style)")
    page.keyboard.press("Alt+d")
    assert page.evaluate("() => JSON.stringify(semsynth.styles.style)") == style
    size = int(page.input_value("#size"))
    press(page, "[", altGraph=True, ctrlKey=True, altKey=True)  # Windows, German: AltGr+8
    assert int(page.input_value("#size")) < size
    press(page, "]", altGraph=True)  # Linux
    press(page, "]", altGraph=True)
    assert int(page.input_value("#size")) >= size
    page.focus("#canvas")
    before = page.evaluate("() => semsynth.view.keyboard")
    press(page, "ArrowLeft", altKey=True)
    assert page.evaluate("() => semsynth.view.keyboard") == before


def test_single_keys_can_be_switched_off(page: Any) -> None:
    page.keyboard.press("?")
    page.uncheck("#single-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert page.get_attribute("#tool-brush", "aria-checked") == "true"
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    page.keyboard.press("r")
    assert page.get_attribute("#tool-brush", "aria-checked") == "true"
    page.keyboard.press("Control+e")
    assert page.is_visible("#dialog-export")
    page.keyboard.press("Escape")
    page.click("#help")
    page.check("#single-keys")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    assert page.get_attribute("#tool-rectangle", "aria-checked") == "true"


def test_the_focus_stays_in_lists_that_change_and_the_wipe_has_keys(page: Any) -> None:
    page.click("#tab-layers")
    page.click("#layer-add")
    page.focus("#layers li:first-child .icon")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{FOCUS}.getAttribute('aria-label')") == "Show Layer 1"
    assert page.evaluate(f"{FOCUS}.getAttribute('aria-pressed')") == "false"
    page.click("#tab-style")
    page.focus("#gallery .tile:has-text('dusk')")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{FOCUS}.textContent") == "dusk"
    for _ in range(2):
        page.keyboard.press("k")
        settle(page)
    page.wait_for_function("() => semsynth.pictures.kept.length === 2")
    page.click("#tab-pictures")
    for left in (1, 0):
        page.focus("#pictures li:first-child button:last-child")
        page.keyboard.press("Enter")
        assert page.locator("#pictures li").count() == left
        expected = "Forget" if left else "Keep this picture"
        text = f"{FOCUS}.getAttribute('aria-label') ?? document.activeElement.textContent"
        assert page.evaluate(text).startswith(expected)
    page.click("#tab-palette")
    page.focus("#classes [role=option][aria-selected=true]")
    page.keyboard.press("y")
    assert page.evaluate(f"{FOCUS}.getAttribute('aria-selected')") == "true"
    assert page.is_hidden("#wipe-control")
    page.click("#view-wipe")
    page.focus("#wipe")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("() => semsynth.view.wipe") == pytest.approx(0.55)
    edge = page.evaluate("() => semsynth.view.edge")
    x, y = at(page, 0, 128)
    left = page.evaluate("() => semsynth.view.canvas.getBoundingClientRect().left")
    page.mouse.move(left + edge, y)
    page.mouse.down()
    page.mouse.move(x + 40, y)
    page.mouse.up()
    assert int(page.input_value("#wipe")) == round(100 * page.evaluate("() => semsynth.view.wipe"))


def test_the_focus_stays_among_the_saved_projects(page: Any) -> None:
    for name in ("pond", "river"):
        save(page, name)
        said(page, f"Saved as {name}")
    page.keyboard.press("Control+o")
    page.wait_for_selector("#projects .name >> text=river")
    rows = page.locator("#projects li").count()
    page.focus("[aria-label='Delete river']")
    page.keyboard.press("Enter")
    assert page.evaluate(f"{FOCUS}.getAttribute('aria-label')") == "Really delete river?"
    page.keyboard.press("Enter")
    page.wait_for_function("n => document.querySelectorAll('#projects li').length === n", arg=rows - 1)
    assert page.evaluate(f"{FOCUS}.closest('#projects') !== null")


def test_the_colours_are_the_systems_until_others_are_chosen(page: Any) -> None:
    wears = "theme => document.documentElement.dataset.theme === theme"
    assert page.evaluate(wears, "dark")
    page.emulate_media(color_scheme="light")
    page.wait_for_function(wears, arg="light")
    page.click("#theme")
    assert page.evaluate(wears, "dark")
    page.emulate_media(color_scheme="dark")
    page.emulate_media(color_scheme="light")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert page.evaluate(wears, "dark")


def test_the_page_opens_by_way_of_a_private_file(browser: Any, served: Served, tmp_path: Path) -> None:
    """As ``semsynth app`` opens it: the file is another site's, whose redirects carry no strict cookie."""
    context = browser.new_context()
    with redirect_page(tmp_path, served.address) as address:
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(address)
        page.wait_for_selector("html[data-ready=yes]")
        assert page.url == f"{served.url}/"
    context.close()
