"""Drawings have the shape and size one chooses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.labels import LabelSpace
from tests.app.conftest import settle, shoot
from tests.app.stand_in import landscape
from tests.app.test_page import _download, _open, _pixels, at, choose, drag
from tests.app.test_page_care import kept, said

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
SIZE = "() => [semsynth.studio.drawing.width, semsynth.studio.drawing.height]"


def shaped(page: Any) -> np.ndarray:
    """The class ids one sees, (H, W), after the picture has followed."""
    settle(page)
    width, height = page.evaluate(SIZE)
    return _pixels(page, "semsynth.studio.drawing.ids").reshape(height, width)


def new(page: Any, shape: str, size: int, tile: int) -> None:
    page.keyboard.press("n")
    page.click(f"#new-shapes >> text={shape}")
    page.select_option("#new-size", index=size)
    shoot(page, f"new-{shape}")
    page.click(f"#examples .tile >> nth={tile}")


def test_a_drawing_has_its_shape_through_undo_reload_and_projects(page: Any) -> None:
    square = shaped(page)
    new(page, "3:2", 0, 1)
    page.wait_for_function(f"() => ({SIZE})()[0] === 384")
    wide = shaped(page)
    assert wide.shape == (256, 384)
    assert np.array_equal(wide[:64, ::3], square[43:107, ::2][np.arange(64) * 2 // 3])  # cut, not squeezed
    tree = choose(page, "tree")
    drag(page, (330, 60), (370, 60))
    painted = shaped(page)
    assert painted[60, 350] == tree
    shoot(page, "shape-wide")
    page.keyboard.press("Control+Shift+s")
    page.fill("#save-name", "wide")
    page.click("#save-here")
    said(page, "Saved as wide")
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")
    assert np.array_equal(shaped(page), square)
    page.keyboard.press("Control+Shift+z")
    page.keyboard.press("Control+Shift+z")
    assert np.array_equal(shaped(page), painted)
    kept(page)
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    assert np.array_equal(shaped(page), painted)
    page.keyboard.press("Control+z")
    page.keyboard.press("Control+z")  # also what was kept over the reload
    assert np.array_equal(shaped(page), square)
    page.keyboard.press("Control+o")
    page.click("#projects .name >> text=wide")
    said(page, "Project opened")
    assert np.array_equal(shaped(page), painted)


def test_an_upright_drawing_of_twice_the_size_is_painted_and_exported(page: Any) -> None:
    new(page, "Portrait", 1, 0)
    assert shaped(page).shape == (768, 512)
    assert page.get_attribute("#size", "max") == "384"
    tree = choose(page, "tree")
    drag(page, (20, 700), (490, 700))
    assert shaped(page)[700, 250] == tree
    page.keyboard.press("k")
    page.wait_for_function("() => semsynth.pictures.kept.length === 1")
    page.click("#tab-layers")
    shoot(page, "shape-upright")
    page.click("#export")
    assert "1024 x 1536" in page.inner_text("#export-scale")
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    page.click("#new-shapes >> text=Square")
    page.select_option("#new-size", index=0)
    page.click("#examples .tile >> nth=0")
    assert shaped(page).shape == (256, 256)
    page.click("#tab-pictures")
    page.click("#pictures >> text=Compare")
    page.wait_for_function("() => semsynth.view.reference")
    shoot(page, "shape-compare")
    page.click("#pictures >> text=Return")
    assert shaped(page)[700, 250] == tree
    assert page.evaluate("() => semsynth.view.toCanvas({x: 0, y: 0}, semsynth.view.panes()[0]).x > 0")
    assert at(page, 0, 0)[1] > 0


def test_shapes_are_chosen_by_keys(page: Any) -> None:
    page.keyboard.press("n")
    assert page.input_value("#new-size") == "0"
    page.focus("#new-shapes [aria-checked=true]")
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.textContent") == "Panorama"
    page.focus("#examples .tile >> nth=0")
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => ({SIZE})().join() === '512,256'")


def scene(folder: Path) -> tuple[Path, np.ndarray]:
    """A photograph of 1500x1000 pixels."""
    ids = landscape(SPACE, 1500)[:1000]
    noise = np.random.default_rng(5).integers(-4, 5, (*ids.shape, 3))
    photo = np.clip(SPACE.colorize(ids) + noise, 0, 255).astype(np.uint8)
    path = folder / "coast.png"
    Image.fromarray(photo).save(path)
    return path, photo


def test_a_photo_keeps_its_frame_and_is_exported_at_its_own_size(page: Any, tmp_path: Path) -> None:
    path, photo = scene(tmp_path)
    _open(page, "#open-photo", path)
    page.wait_for_selector("#dialog-frame[open]")
    assert page.is_disabled("#frame-share")
    shoot(page, "frame-whole")
    page.click("#dialog-frame >> text=Open")
    said(page, "Paint where the photo")
    assert shaped(page).shape == (256, 384)
    choose(page, "tree")
    drag(page, (200, 40), (240, 40))
    shoot(page, "frame-photo")
    page.click("#export")
    assert page.input_value("#export-scale") == "0"
    assert "1500 x 1000" in page.inner_text("#export-scale")
    picture = np.asarray(Image.open(_download(page, "#export-picture", tmp_path / "edited.png")))
    changed = (picture != photo).any(-1)
    assert changed[150:165, 790:930].mean() > 0.95
    assert not changed[300:].any()
    assert not changed[:, :650].any()
    kept(page)
    page.reload()
    page.wait_for_selector("#photo-chip")
    again = np.asarray(Image.open(_download(page, "#export-picture", tmp_path / "again.png")))
    assert np.array_equal(again, picture)
    page.keyboard.press("Control+Shift+s")
    page.click("#save-here")
    said(page, "Saved as coast")
    page.keyboard.press("Control+o")
    page.click("#projects .name >> text=coast")
    said(page, "Project opened")
    again = np.asarray(Image.open(_download(page, "#export-picture", tmp_path / "again.png")))
    assert np.array_equal(again, picture)


def test_the_frame_of_a_photo_is_dragged_or_moved_by_keys(page: Any, tmp_path: Path) -> None:
    path, photo = scene(tmp_path)
    _open(page, "#open-photo", path)
    page.click("#frame-shapes >> text=Square")
    page.fill("#frame-share", "50")
    box = page.locator("#frame-box").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 1000, box["y"] - 500, steps=5)
    page.mouse.up()
    shoot(page, "frame-cut")
    page.press("#frame-box", "ArrowLeft")
    page.press("#frame-box", "ArrowDown")
    page.click("#dialog-frame >> text=Open")
    said(page, "Paint where the photo")
    assert shaped(page).shape == (256, 256)
    saved = np.asarray(Image.open(_download(page, "#export-picture", tmp_path / "cut.png")))
    assert np.array_equal(saved, photo[20:520, 970:1470])


def test_a_map_of_another_shape_is_asked_about(page: Any, tmp_path: Path) -> None:
    drawn = landscape(SPACE, 640)[140:500]
    Image.fromarray(SPACE.colorize(drawn)).save(tmp_path / "wide.png")
    before = shaped(page)
    _open(page, "#open-map", tmp_path / "wide.png")
    page.wait_for_selector("#dialog-frame[open]")
    page.keyboard.press("Escape")
    assert np.array_equal(shaped(page), before)
    _open(page, "#open-map", tmp_path / "wide.png")
    page.click("#dialog-frame >> text=Open")
    said(page, "Map opened")
    assert np.array_equal(shaped(page), drawn)
    _open(page, "#open-map", tmp_path / "wide.png")  # it is of the drawing's size by now
    said(page, "Map opened")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    _open(page, "#open-map", tmp_path / "wide.png")
    page.click("#frame-shapes >> text=Square")
    page.click("#dialog-frame >> text=Open")
    said(page, "frame of the map was cut")
    assert shaped(page).shape == (256, 256)
