"""Every drawing has its own name: saving never replaces another project unasked, however the drawing came."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import Served, open_page, settle
from tests.app.stand_in import landscape
from tests.app.test_page import _download, _open, choose, drag, drop, ids
from tests.app.test_page_care import SPACE, kept, open_photo, photo, said, save

pytestmark = pytest.mark.browser
NAMED = "name => document.querySelector('#project-name').textContent === name"
ASKS = "() => document.querySelector('#save-here').textContent === 'Replace?'"


def paint(page: Any, y: int = 50) -> np.ndarray:
    choose(page, "tree")
    drag(page, (50, y), (90, y + 40))
    return ids(page)


def save_as(page: Any, name: str) -> None:
    save(page, name)
    page.wait_for_selector("#dialog-save", state="hidden")
    page.wait_for_function(NAMED, arg=name)


def save_asks(page: Any) -> bool:
    """Press Ctrl+S, as somebody who saves again what is open."""
    page.evaluate("() => { semsynth.said = ''; semsynth.studio.told.on((text) => (semsynth.said = text)); }")
    page.keyboard.press("Control+s")
    page.wait_for_function(f"() => semsynth.said.startsWith('Saved as') || ({ASKS})()", polling=20)
    asks = page.is_visible("#dialog-save")
    page.keyboard.press("Escape")
    return bool(asks)


def keep(page: Any) -> None:
    settle(page)
    before = page.evaluate("() => semsynth.pictures.kept.length")
    page.keyboard.press("k")
    page.wait_for_function("n => semsynth.pictures.kept.length > n", arg=before)


def return_to(page: Any, number: int = 0) -> None:
    page.click("#tab-pictures")
    page.click(f"#pictures >> text=Return >> nth={number}")
    page.click("#tab-palette")


def start(page: Any, tile: int = 1) -> None:
    page.keyboard.press("n")
    page.click(f"#examples .tile >> nth={tile}")


def open_saved(page: Any, name: str) -> None:
    page.keyboard.press("Control+o")
    page.click(f"#projects .name >> text={name}")
    page.wait_for_function(NAMED, arg=name)


def stored(page: Any, name: str) -> Any:
    return page.evaluate("async name => (await fetch(`/api/projects/${name}`)).json()", name)


def test_returning_to_a_picture_leaves_the_open_project_alone(page: Any) -> None:
    first = paint(page)
    save_as(page, "return A")
    keep(page)
    start(page, 0)
    save_as(page, "return B")
    other = stored(page, "return B")
    return_to(page)
    assert page.evaluate(NAMED, "return A")
    assert np.array_equal(ids(page), first)
    assert not save_asks(page)  # as it was saved: nothing is lost
    assert stored(page, "return B") == other
    page.keyboard.press("Control+z")
    assert page.evaluate(NAMED, "return B")
    assert not save_asks(page)


def test_an_earlier_state_does_not_replace_what_was_saved_since(page: Any) -> None:
    paint(page)
    save_as(page, "since A")
    keep(page)
    paint(page, 120)
    save_as(page, "since A")
    later = stored(page, "since A")
    start(page, 0)
    return_to(page)
    assert page.evaluate(NAMED, "since A")
    assert save_asks(page)
    assert "since" in page.evaluate("() => document.querySelector('#save-note').textContent")
    assert stored(page, "since A") == later


def test_returning_within_a_project_keeps_layers_and_asks_nothing(page: Any) -> None:
    keep(page)  # before it has a name
    page.click("#tab-layers")
    page.click("#layer-add")
    page.click("#tab-palette")
    paint(page)
    keep(page)
    save_as(page, "within")
    paint(page, 120)
    for number, layers in ((0, 2), (1, 1)):
        return_to(page, number)
        assert page.evaluate("() => semsynth.studio.drawing.layers.length") == layers
        assert page.evaluate(NAMED, "within")
        assert not save_asks(page)


def test_a_kept_picture_has_its_photo_or_none(page: Any, tmp_path: Path) -> None:
    keep(page)
    open_photo(page, photo(tmp_path))
    keep(page)
    return_to(page, 1)
    assert page.is_hidden("#photo-chip")
    return_to(page, 0)
    assert page.is_visible("#photo-chip")
    assert page.evaluate(NAMED, "photo")


WAYS = ["empty", "example", "map", "photo", "project file", "dropped map", "dropped photo", "return", "undo"]


def test_another_drawing_never_replaces_the_project_before(page: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.fromarray(SPACE.colorize(landscape(SPACE, 256))).save(other)
    keep(page)
    for number, way in enumerate(WAYS):
        name, path = f"before {way}", other
        if way == "project file":
            path = _download(page, "#export-project", tmp_path / f"{name}.zip")
        start(page)
        paint(page, 20 + 5 * number)
        save_as(page, name)
        saved = stored(page, name)
        if way in ("empty", "example"):
            start(page, int(way == "example"))
        elif way == "map":
            _open(page, "#open-map", path)
        elif way == "photo":
            open_photo(page, path)
        elif way == "project file":
            _open(page, "#open-project", path)
        elif way.startswith("dropped"):
            drop(page, "#stage", path.read_bytes())
            page.click(f"#dialog-drop button[value={way.removeprefix('dropped ')}]")
        elif way == "return":
            return_to(page)
        else:
            page.keyboard.press("Control+z")
            page.keyboard.press("Control+z")
        page.wait_for_function("() => semsynth.files.document.saved === null")
        kept(page)
        page.reload()
        page.wait_for_selector("html[data-ready=yes]")
        settle(page)
        assert page.evaluate("() => semsynth.files.document.saved") is None, way
        save(page, name)
        page.wait_for_function(ASKS)
        assert stored(page, name) == saved, way
        page.keyboard.press("Escape")


def test_what_arrives_while_saving_is_not_the_saved_project(page: Any, tmp_path: Path) -> None:
    paint(page)
    page.evaluate(
        """() => {
            const fetch = window.fetch;
            window.fetch = async (path, init) => {
                if (init?.method === "PUT") await new Promise((go) => (window.go = go));
                return fetch(path, init);
            };
        }"""
    )
    save(page, "slowly saved")
    page.wait_for_function("() => window.go")
    file = "semsynth.files.openMap(new File([bytes], 'late.png'))"
    path = tmp_path / "late.png"
    Image.fromarray(SPACE.colorize(landscape(SPACE, 256))).save(path)
    page.evaluate(
        f"list => {{ const bytes = new Uint8Array(list); return {file}; }}", list(path.read_bytes())
    )
    page.evaluate("() => window.go()")
    said(page, "Saved as slowly saved")
    assert page.evaluate(NAMED, "late")
    assert page.evaluate("() => semsynth.files.document.saved") is None


def test_two_pages_ask_before_one_replaces_what_the_other_saved(page: Any, served: Served) -> None:
    paint(page)
    save_as(page, "both")
    kept(page)
    other = page.context.new_page()
    open_page(other, served.address)
    assert other.evaluate(NAMED, "both")
    paint(other, 120)
    assert not save_asks(other)
    assert save_asks(page)
    other.close()


def test_undo_after_saving_under_another_name_keeps_that_name(page: Any, tmp_path: Path) -> None:
    open_photo(page, photo(tmp_path))
    save_as(page, "original")
    page.click("#photo-chip")
    page.click("#photo-close")
    save_as(page, "variant")
    page.keyboard.press("Control+z")  # the photo is under edit again, in the variant
    assert page.is_visible("#photo-chip")
    assert page.evaluate(NAMED, "variant")
    open_saved(page, "original")
    page.keyboard.press("Control+z")
    assert page.evaluate(NAMED, "variant")
    assert not save_asks(page)


def test_a_held_enter_answers_no_question(page: Any) -> None:
    paint(page)
    save_as(page, "held")
    saved = stored(page, "held")
    start(page, 0)
    page.keyboard.press("Control+s")
    page.fill("#save-name", "held")
    page.keyboard.down("Enter")
    for _ in range(3):
        page.wait_for_timeout(150)
        page.keyboard.down("Enter")  # repeats
    page.keyboard.up("Enter")
    page.wait_for_function(ASKS)
    assert page.is_visible("#dialog-save")
    assert stored(page, "held") == saved
