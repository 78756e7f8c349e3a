"""What is selected is moved, scaled, turned, mirrored and duplicated; stamps and brushes for edges."""

from typing import Any

import numpy as np
import pytest

from semsynth.labels import LabelSpace
from tests.app.conftest import settle, shoot
from tests.app.test_page import at, choose, drag, ids, picture
from tests.app.test_page_care import said
from tests.app.test_page_layout import COVERED, SIZES

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
STEPS = "() => semsynth.studio.history.done.length"


def box(mask: np.ndarray) -> tuple[int, ...]:
    """Left, top, right and bottom of a set of pixels."""
    ys, xs = np.nonzero(mask)
    return int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())


@pytest.fixture
def boat(page: Any) -> int:
    """A rectangle of boat in the sky, from 40, 30 to 59, 39."""
    boat = choose(page, "boat")
    page.keyboard.press("r")
    drag(page, (40, 30), (59, 39))
    assert box(ids(page) == boat) == (40, 30, 59, 39)
    return boat


def test_a_selection_is_moved_with_the_picture_and_what_was_there_closes(page: Any, boat: int) -> None:
    blank = picture(page)
    steps = page.evaluate(STEPS)
    page.keyboard.press("Shift+R")
    drag(page, (36, 26), (63, 43))
    said(page, "% of the drawing is selected")
    page.mouse.move(*at(page, 50, 35))
    page.mouse.down()
    page.mouse.move(*at(page, 50, 110), steps=4)
    settle(page)
    shoot(page, "selection-moving")
    page.mouse.move(*at(page, 150, 75), steps=4)
    page.mouse.up()
    moved = ids(page)
    assert box(moved == boat) == (140, 70, 159, 79)
    assert moved[35, 50] == SPACE.names.index("sky")
    assert not np.array_equal(picture(page), blank)
    drag(page, (150, 75), (200, 35))  # it is not cut out of what it lay on
    assert box(ids(page) == boat) == (190, 30, 209, 39)
    assert page.evaluate(STEPS) == steps + 2
    page.keyboard.press("Control+z")
    assert np.array_equal(ids(page), moved)
    drag(page, (150, 75), (150, 85))  # what is held follows the steps
    assert box(ids(page) == boat) == (140, 80, 159, 89)
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert box(ids(page) == boat) == (40, 30, 59, 39)
    page.keyboard.press("Escape")
    assert page.evaluate("() => semsynth.studio.selection.mask") is None


def test_a_class_is_selected_and_scaled_turned_mirrored_duplicated(page: Any, boat: int) -> None:
    page.keyboard.press("Shift+A")
    page.mouse.click(*at(page, 50, 35))
    shoot(page, "selection-class")
    corner = [60, 40]  # of the frame, not of a pixel
    page.mouse.move(*at(page, corner[0] - 0.5, corner[1] - 0.5))
    page.mouse.down()
    page.mouse.move(*at(page, 79.5, 49.5), steps=3)
    page.mouse.up()
    assert box(ids(page) == boat) == (40, 30, 79, 49)
    page.click("#selection-turn")
    assert box(ids(page) == boat) == (50, 20, 69, 59)
    page.keyboard.press("Control+j")
    assert (ids(page) == boat).sum() > 800
    assert box(ids(page) == boat) == (50, 20, 77, 67)
    page.keyboard.press("Delete")
    assert box(ids(page) == boat)[2] < 77
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert box(ids(page) == boat) == (50, 20, 69, 59)
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.keyboard.press("Shift+S")
    drag(page, (45, 15), (75, 15), (75, 40), (45, 40))
    page.keyboard.press("b")
    tree = choose(page, "tree")
    drag(page, (20, 38), (100, 38))  # is painted within the selection alone
    assert box(ids(page) == tree) == (45, 27, 74, 39)


def test_a_selection_is_made_and_moved_by_keys_alone(page: Any, boat: int) -> None:
    page.keyboard.press("Shift+R")
    page.keyboard.press("Control+a")
    page.keyboard.press("Escape")
    page.mouse.move(*at(page, 36, 26))
    page.locator("#canvas").focus()
    page.keyboard.press("Enter")
    for key in ("ArrowRight",) * 5 + ("ArrowDown",) * 3:
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    said(page, "Brush lifted")
    assert page.evaluate("() => semsynth.studio.selection.mask !== null")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    assert box(ids(page) == boat) == (36, 31, 55, 40)
    page.keyboard.press("Shift+V")
    page.keyboard.press("Control+ArrowUp")
    assert (ids(page) == boat).sum() > 220


def test_stamps_are_placed_scattered_and_mirrored(page: Any) -> None:
    before = ids(page)
    page.keyboard.press("u")
    page.click("#stamp-chip")
    assert page.locator("#stamps .tile").count() > 15
    shoot(page, "stamps")
    page.click("#stamps .tile >> text=House")
    page.evaluate("() => semsynth.studio.resize(24)")
    page.mouse.move(*at(page, 60, 200))
    settle(page)
    shoot(page, "stamp-above")
    page.mouse.click(*at(page, 60, 200))
    house = [SPACE.names.index(name) for name in ("building", "door", "window")]
    placed = ids(page)
    assert set(np.unique(placed[before != placed])) == set(house)
    assert 150 <= box(np.isin(placed, house))[1] <= 156
    page.keyboard.press("u")  # again: the gallery
    page.click("#stamps .tile >> text=Pine")
    page.keyboard.press("Shift+M")
    page.keyboard.press("z")
    drag(page, (20, 130), (110, 130))
    tree = ids(page) == SPACE.names.index("tree")
    assert tree[:, :128].sum() > 500
    assert np.array_equal(tree, tree[:, ::-1])
    shoot(page, "scatter-mirrored")
    page.keyboard.press("Control+z")
    assert np.array_equal(ids(page), placed)
    page.keyboard.press("g")  # goes by the classes, and is not mirrored
    grass = choose(page, "grass")
    page.mouse.click(*at(page, 60, 165))
    filled = ids(page) == grass
    assert filled[165, 60]
    assert not filled[:, 128:].any()
    page.click("#mirror")


def test_a_selection_stays_on_a_locked_layer_and_ends_with_another_drawing(page: Any, boat: int) -> None:
    page.keyboard.press("Shift+A")
    page.mouse.click(*at(page, 50, 35))
    page.click("#tab-layers")
    page.click("[aria-label='Lock Background']")
    before = ids(page)
    drag(page, (50, 35), (90, 60))
    said(page, "Background is locked")
    page.keyboard.press("Shift+H")
    assert np.array_equal(ids(page), before)
    assert page.evaluate("() => semsynth.studio.selection.map.join()") == "1,0,0,1,0,0"
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    page.wait_for_function("() => semsynth.studio.selection.mask === null")


def test_a_rough_brush_paints_within_the_round_one(page: Any) -> None:
    blank = ids(page)
    tree = choose(page, "tree")
    drag(page, (40, 50), (200, 50))
    round_ = ids(page) == tree
    page.keyboard.press("Control+z")
    page.keyboard.press("w")
    drag(page, (40, 50), (200, 50))
    rough = ids(page) == tree
    assert not (rough & ~round_).any()
    assert 0.5 < rough.sum() / round_.sum() < 0.95
    heights = rough[:, 60:180].sum(0)
    assert heights.std() > 1
    shoot(page, "rough")
    page.keyboard.press("Control+z")
    assert np.array_equal(ids(page), blank)


def test_nothing_overlaps_with_a_selection_or_a_stamp(page: Any) -> None:
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.locator("#canvas").focus()
        for key in ("u", "Shift+R"):
            page.keyboard.press(key)
            page.keyboard.press("Control+a")
            page.wait_for_selector("#stamp-chip" if key == "u" else "#selection-end")
            for view in ("overlay", "side"):
                page.click(f"#view-{view}")
                assert page.evaluate(COVERED) == [], (width, key, view)
            shoot(page, f"options-{width}-{key}")
