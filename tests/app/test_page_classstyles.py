"""Classes have styles of their own."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.hub.record import read_record
from semsynth.labels import LabelSpace
from tests.app.conftest import shoot
from tests.app.test_page import _download, _open, choose, ids, picture
from tests.app.test_page_care import kept, said

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
CLASSES = "() => Object.fromEntries(semsynth.styles.classes)"
TILES = "#class-gallery .tile"


def style_of(page: Any, name: str) -> None:
    """Open the gallery of a class by keys alone."""
    choose(page, name)
    page.keyboard.press("Shift+D")
    page.wait_for_selector("#dialog-class-style[open]")


def done(page: Any) -> None:
    page.click("#dialog-class-style >> text=Done")


def test_a_class_has_a_style_of_its_own(page: Any, tmp_path: Path) -> None:
    seen, plain = ids(page), picture(page)
    where = {name: seen == SPACE.names.index(name) for name in ("sky", "sea", "sand")}
    style_of(page, "sky")
    assert page.inner_text("#class-style-title") == "Style of sky"
    page.wait_for_function(f"() => document.querySelectorAll('{TILES} img[src^=blob]').length === 3")
    assert page.evaluate("() => document.activeElement.textContent") == "as the rest"
    shoot(page, "class-style")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.textContent") == "dusk"
    page.keyboard.press("Escape")
    dusk = picture(page)
    assert np.array_equal((dusk != plain).any(-1), where["sky"])
    assert "Style of sky: dusk" in page.inner_text("#class-style")
    style_of(page, "sea")
    page.select_option("#class-copy", "sky")
    done(page)
    copied = picture(page)
    assert np.array_equal((copied != dusk).any(-1), where["sea"])
    page.click(f"[data-id='{SPACE.names.index('sand')}'] .style-chip")
    page.click("#class-dice")
    done(page)
    three = picture(page)
    assert np.array_equal((three != copied).any(-1), where["sand"])
    assert page.evaluate(CLASSES)["sky"] == {"name": "dusk"}
    shoot(page, "class-style-palette")
    page.click("#tab-style")
    assert "sky, sea, sand" in page.inner_text("#class-styles")
    shoot(page, "class-style-panel")
    page.keyboard.press("d")  # the style of the rest alone
    rolled = picture(page)
    assert np.array_equal((rolled == three).all(-1), where["sky"] | where["sea"] | where["sand"])
    for expected in (three, copied, dusk):
        page.keyboard.press("Control+z")
        assert np.array_equal(picture(page), expected)
    for _ in range(2):
        page.keyboard.press("Control+Shift+z")
    assert np.array_equal(picture(page), three)

    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert np.array_equal(picture(page), three)
    saved = _download(page, "#export-picture", tmp_path / "three.png").read_bytes()
    record = read_record(io.BytesIO(saved))
    assert record.settings is not None
    assert list(record.settings["style"]["classes"]) == ["sky", "sea", "sand"]
    page.keyboard.press("Control+Shift+s")
    page.fill("#save-name", "three styles")
    page.click("#save-here")
    said(page, "Saved as three styles")
    map_file = _download(page, "#export-map", tmp_path / "map.png")
    page.click("#tab-style")
    page.click("#class-styles-end")
    assert np.array_equal(picture(page), plain)
    assert page.is_hidden("#class-styles")
    page.keyboard.press("Control+o")
    page.click("#projects .name >> text=three styles")
    said(page, "Project opened")
    assert np.array_equal(picture(page), three)
    page.keyboard.press("Control+z")
    _open(page, "#open-map", map_file)
    said(page, "Map opened")
    assert np.array_equal(picture(page), three)


def test_a_class_takes_the_style_of_a_photo(page: Any, tmp_path: Path) -> None:
    sky = ids(page) == SPACE.names.index("sky")
    plain = picture(page)
    Image.fromarray(np.full((40, 60, 3), 200, np.uint8)).save(tmp_path / "grey.png")
    style_of(page, "sky")
    with page.expect_file_chooser() as chooser:
        page.click("#class-photo")
    chooser.value.set_files(tmp_path / "grey.png")
    said(page, "The style of sky is that of the photo")
    page.wait_for_selector(f"{TILES}[aria-checked=true] >> text=grey")
    page.keyboard.press("Escape")
    assert np.array_equal((picture(page) != plain).any(-1), sky)
    page.keyboard.press("Control+z")
    assert np.array_equal(picture(page), plain)
