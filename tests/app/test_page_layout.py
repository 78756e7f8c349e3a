"""Room: nothing overlaps at any width, panes and panels give way, panels act on what one sees."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.app.conftest import shoot
from tests.app.test_page import at, choose, drag, ids, picture
from tests.app.test_page_care import FOCUS, kept, open_photo, photo, said

pytestmark = pytest.mark.browser
SIZES = ((390, 844), (820, 1180), (1280, 720), (1440, 900), (1920, 1080))
COVERED = """() => {
    const parts = "header *, .rail *, .options *, .welcome, .status *, #tabs *, #canvas";
    const inner = ".sr, [role=radio] > *, button > *";
    const shown = [...document.querySelectorAll(parts)]
        .filter((e) => e.checkVisibility() && !e.querySelector("*:not(path)") && !e.closest(inner));
    const scrolled = (e) => e.closest(".rail");
    const problems = [];
    const boxes = shown.map((e) => [e, e.getBoundingClientRect()]).filter(([, b]) => b.width && b.height);
    const name = (e) => e.id || e.className || e.textContent.trim();
    for (const [i, [e, a]] of boxes.entries()) {
        const cut = a.left < -1 || a.right > innerWidth + 1 || a.bottom > innerHeight + 1;
        if (cut && !scrolled(e)) problems.push(`${name(e)} is cut`);
        for (const [f, b] of boxes.slice(i + 1)) {
            if (scrolled(e) || scrolled(f) || e.contains(f) || f.contains(e)) continue;
            const beside = a.right <= b.left + 1 || b.right <= a.left + 1;
            const apart = beside || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;
            if (!apart) problems.push(`${name(e)} lies on ${name(f)}`);
        }
    }
    return problems;
}"""
SMALL = """() => [...document.querySelectorAll("button, select, #search, [role=option]")]
    .filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 44)
    .map((e) => e.id || e.textContent)"""
SIDE = "() => semsynth.view.zoom * 256"


def test_nothing_overlaps_at_any_width_and_panes_and_panel_give_way(page: Any) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for view in ("picture", "overlay", "wipe", "side"):
            page.click(f"#view-{view}")
            assert page.evaluate(COVERED) == [], (width, view)
            shoot(page, f"layout-{width}-{view}")
        if width < 860:  # for fingers
            assert page.evaluate(SMALL) == []
        before = page.evaluate(SIDE)
        page.click("#panel")
        page.wait_for_function(f"before => ({SIDE})() > before", arg=before)
        assert page.evaluate(COVERED) == [], width
        shoot(page, f"layout-{width}-alone")
        page.keyboard.press("\\")
        page.wait_for_function(f"before => ({SIDE})() === before", arg=before)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.wait_for_function(f"() => ({SIDE})() > 505")
    gap = page.evaluate(
        "() => semsynth.view.panes()[0].w + semsynth.view.canvas.getBoundingClientRect().left + 7"
    )
    y = at(page, 0, 128)[1]
    page.mouse.move(gap, y)
    page.mouse.down()
    page.mouse.move(gap - 250, y, steps=3)
    page.mouse.up()
    sizes = page.evaluate("() => semsynth.view.panes().map((pane) => 256 * semsynth.view.zoom * pane.k)")
    assert sizes[1] > 640
    assert sizes[0] < 300
    tree = choose(page, "tree")
    drag(page, (40, 60), (80, 60))
    assert ids(page)[60, 60] == tree
    shoot(page, "layout-divided")
    page.focus("#split")
    page.keyboard.press("End")
    sizes = page.evaluate("() => semsynth.view.panes().map((pane) => 256 * semsynth.view.zoom * pane.k)")
    assert sizes[0] > 640


def test_a_photo_is_painted_anew_with_its_panel_beside_the_picture(page: Any, tmp_path: Path) -> None:
    open_photo(page, photo(tmp_path))
    choose(page, "sand")
    page.click("#photo-chip")
    panel, stage = page.locator("#dialog-photo").bounding_box(), page.locator("#stage").bounding_box()
    assert panel["x"] >= stage["x"] + stage["width"]
    drag(page, (40, 60), (80, 60))  # one goes on painting
    narrow = picture(page)
    original = np.asarray(Image.open(tmp_path / "photo.png"))
    page.keyboard.press("t")  # the same sky, but anew
    drag(page, (150, 40), (200, 40))
    anew = picture(page)
    changed = (anew != narrow).any(-1)
    assert changed[40, 150:200].all()
    assert changed[60:].sum() + changed[:, :120].sum() == 0
    assert np.array_equal(anew[100:], original[100:])
    page.keyboard.press("Control+z")
    assert np.array_equal(picture(page), narrow)
    page.keyboard.press("Control+Shift+z")
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert np.array_equal(picture(page), anew)
    choose(page, "sky")
    page.keyboard.press("b")
    drag(page, (210, 20), (230, 20))
    said(page, "There is sky already. The tool Repaint")
    page.click("#photo-chip")
    page.fill("#photo-feather", "40")
    assert not np.array_equal(picture(page), anew)
    shoot(page, "photo-beside")
    page.keyboard.press("Control+z")  # from within the panel
    assert page.inner_text("#photo-feather-value") == "8 px"
    page.click("#photo-close")
    assert page.is_hidden("#dialog-photo")


def test_styles_are_shown_on_the_drawing_and_variations_go_with_it(page: Any) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("#tab-style")
    page.evaluate(  # many styles scroll, and are not squeezed
        """() => {
            const { styles } = semsynth;
            const own = (_, i) => ({ name: `own ${i}`, vector: [i], thumbnail: "" });
            styles.own = Array.from({ length: 24 }, own);
            styles.build();
        }"""
    )
    assert page.locator("#gallery .tile").first.bounding_box()["height"] > 90
    page.evaluate("() => { semsynth.styles.own = []; semsynth.styles.build(); }")
    page.click("#preview")
    page.wait_for_function("() => document.querySelectorAll('#gallery img[src^=\"blob:\"]').length === 3")
    page.click("#vary")
    page.wait_for_selector("#variations .tile:not([disabled]) >> nth=5")
    box = page.locator("#variations .tile").last.bounding_box()
    assert box["y"] + box["height"] < 872
    shoot(page, "style-previews")
    page.click("#variations .tile >> nth=2")
    assert page.locator("#variations .tile").count() == 6  # they stay to be compared
    page.click("#gallery .tile >> text=dusk")
    page.click("#vary")
    page.click("#gallery .tile >> text=clear day")
    assert page.locator("#variations .tile").count() in (0, 6)
    choose(page, "tree")
    drag(page, (40, 60), (80, 60))
    page.click("#tab-style")
    assert page.locator("#variations .tile").count() == 0
    assert page.locator("#gallery img[src^='blob:']").count() == 0


def test_layers_have_names_pictures_places_and_locks(page: Any) -> None:
    blank = ids(page)
    page.click("#tab-layers")
    for _ in range(2):
        page.click("#layer-add")
    names = "() => [...document.querySelectorAll('#layers .name')].map((n) => n.textContent)"
    page.dblclick("#layers li >> nth=1 >> .name")
    page.keyboard.type("far hills")
    page.keyboard.press("Enter")
    assert page.evaluate(names) == ["Layer 2", "far hills", "Background"]
    assert page.evaluate(f"{FOCUS}.textContent") == "far hills"
    page.click("#layer-down")
    said(page, "Only the background is below")
    page.drag_and_drop("#layers li >> nth=1", "#layers li >> nth=0")
    assert page.evaluate(names) == ["far hills", "Layer 2", "Background"]
    page.click("#layer-up")
    said(page, "topmost")
    page.click("[aria-label='Lock far hills']")
    choose(page, "tree")
    drag(page, (40, 60), (80, 60))
    said(page, "far hills is locked")
    assert np.array_equal(ids(page), blank)
    page.click("#tab-layers")
    page.click("#layer-remove")
    assert page.evaluate(names) == ["far hills", "Layer 2", "Background"]
    page.click("[aria-label='Lock far hills']")
    drag(page, (40, 60), (80, 60))
    assert not np.array_equal(ids(page), blank)
    shoot(page, "layers-named")
    for _ in range(6):
        page.click("#undo")
    assert page.evaluate(names) == ["Layer 1", "Background"]
