"""The page with the bundled model, or the one that SEMSYNTH_MODEL names: what a visitor sees first."""

import io
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from semsynth.labels import LabelSpace
from tests.app.conftest import ROOT, TOKEN, Served, free_port, open_page, shoot
from tests.app.stand_in import landscape
from tests.app.test_page import _download, _near, _open, at, choose, drag, ids, picture
from tests.app.test_page_care import said
from tests.app.test_page_shapes import shaped

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")
BUNDLED = ROOT / "src" / "semsynth" / "pretrained" / "landscape"
MODEL = Path(os.environ.get("SEMSYNTH_MODEL", BUNDLED))


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    if not (MODEL / "config.json").is_file():
        pytest.skip("this checkout holds no bundled model")
    found = Served(free_port(), tmp_path_factory.mktemp("bundled"), model=str(MODEL))
    found.start()
    yield found
    found.stop()
    assert "Traceback" not in found.log.read_text()


@pytest.fixture
def studio(browser: Any, bundled: Served) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 720}, accept_downloads=True)
    page = context.new_page()
    open_page(page, bundled.address)
    yield page
    context.close()


def test_painting_changes_the_picture_where_it_is_painted(studio: Any) -> None:
    shoot(studio, "bundled-first")
    before, shown = ids(studio), picture(studio).astype(int)
    choose(studio, "tree")
    drag(studio, (60, 40), (110, 60))
    changed = before != ids(studio)
    assert changed.any()
    difference = np.abs(picture(studio).astype(int) - shown).mean(-1)
    far = ~_near(changed, 40)
    assert difference[changed].mean() > 3 * difference[far].mean()
    assert difference[changed].mean() > 10
    shoot(studio, "bundled-tree")


def test_the_style_changes_the_picture_and_the_seed_brings_it_back(studio: Any) -> None:
    studio.click("#tab-style")
    studio.fill("#seed", "7")
    studio.press("#seed", "Enter")
    seven = picture(studio)
    studio.click("#dice")
    assert not np.array_equal(picture(studio), seven)
    studio.click("#vary")
    studio.wait_for_function(
        "() => document.querySelectorAll('#variations .tile:not([disabled])').length === 6"
    )
    shoot(studio, "bundled-style")
    studio.fill("#seed", "7")
    studio.press("#seed", "Enter")
    assert np.array_equal(picture(studio), seven)


def test_a_style_has_variations(studio: Any) -> None:
    studio.click("#tab-style")
    studio.click("#gallery .tile >> text=noon")
    noon = picture(studio)
    studio.click("#vary")
    studio.wait_for_function(
        "() => document.querySelectorAll('#variations .tile:not([disabled])').length === 6"
    )
    studio.click("#variations .tile")
    varied = picture(studio)
    assert not np.array_equal(varied, noon)
    style = studio.evaluate("() => semsynth.styles.style")
    assert style["name"] == "noon"
    assert style["variation"] > 0
    studio.click("#gallery .tile >> text=noon")
    assert np.array_equal(picture(studio), noon)
    studio.evaluate("style => { semsynth.styles.style = style; }", style)
    assert np.array_equal(picture(studio), varied)


def test_the_sea_of_a_photo_becomes_sand(studio: Any, shared: Path, tmp_path: Path) -> None:
    if not studio.evaluate("() => semsynth.studio.model.capabilities.includes('photo-editing')"):
        pytest.skip("this checkout holds no segmenter for the bundled model")
    sea, sand = SPACE.names.index("sea"), SPACE.names.index("sand")
    labels = {
        path: np.asarray(Image.open(path))
        for path in (shared / "data/siftflow/val/labels").glob("coast*.png")
    }
    best = max(labels, key=lambda path: (labels[path] == sea).sum())
    photo = next((shared / "data/siftflow/val/images").glob(f"{best.stem}.*"))
    copy = tmp_path / photo.name
    shutil.copy(photo, copy)
    original = np.asarray(Image.open(photo).convert("RGB"))
    studio.click("#open")
    with studio.expect_file_chooser() as chooser:
        studio.click("#open-photo")
    chooser.value.set_files(copy)
    studio.wait_for_selector("#photo-chip")
    assert np.array_equal(picture(studio), original)
    shoot(studio, "bundled-photo-before")
    found = ids(studio)
    assert (found == sea).mean() > 0.1
    choose(studio, "sand")
    studio.keyboard.press("a")
    y, x = (int(v[len(v) // 2]) for v in np.nonzero(found == sea))
    studio.mouse.click(*at(studio, x, y))
    changed = ids(studio) != found
    assert np.array_equal(changed, found == sea)
    assert (ids(studio)[changed] == sand).all()
    after = picture(studio)
    far = ~_near(changed, 9)
    assert np.array_equal(after[far], original[far])
    assert np.abs(after[changed].astype(int) - original[changed]).mean() > 10
    shoot(studio, "bundled-photo-after")


def large_photo(served: Served, path: Path) -> np.ndarray:
    """Write a picture of 1500x1000 pixels that the segmenter takes for a photograph."""
    file = io.BytesIO()
    labels = Image.fromarray(landscape(SPACE, 384)[:256])
    labels.putpalette(SPACE.palette().tobytes())
    labels.save(file, "PNG")
    answer = httpx.post(
        f"{served.url}/api/synthesize",
        files={"map": file.getvalue()},
        data={"style": "noon", "scale": 4},
        headers={"Authorization": f"Bearer {TOKEN}"},
        timeout=60,
    )
    drawn = np.asarray(Image.open(io.BytesIO(answer.content)))[:1000, :1500]
    grain = np.random.default_rng(1).integers(-6, 7, drawn.shape)
    pixels = np.clip(drawn + grain, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_a_photo_gets_another_sky_and_two_trees(studio: Any, bundled: Served, tmp_path: Path) -> None:
    if not studio.evaluate("() => semsynth.studio.model.capabilities.includes('photo-editing')"):
        pytest.skip("this checkout holds no segmenter for the bundled model")
    photo = large_photo(bundled, tmp_path / "coast.png")
    _open(studio, "#open-photo", tmp_path / "coast.png")
    studio.click("#dialog-frame >> text=Open")
    said(studio, "Paint where the photo")
    found = shaped(studio)
    assert found.shape == (256, 384)
    sky, tree = SPACE.names.index("sky"), SPACE.names.index("tree")
    assert (found[:80] == sky).mean() > 0.9

    studio.click("#tab-style")
    studio.click("#gallery .tile >> text=sunset")
    studio.keyboard.press("Shift+A")
    studio.mouse.click(*at(studio, 30, 20))
    studio.click("#selection-repaint")
    studio.keyboard.press("Escape")
    shaped(studio)
    shoot(studio, "person-sky")
    studio.keyboard.press("u")
    studio.click("#stamp-chip")
    studio.click("#stamps .tile >> text=Oak")
    studio.evaluate("() => semsynth.studio.resize(36)")
    for x in (90, 290):
        studio.mouse.click(*at(studio, x, 230))
    stamped = shaped(studio)
    assert (stamped[:, :192] == tree).any()
    studio.keyboard.press("Shift+A")
    studio.mouse.click(*at(studio, 290, 195))
    studio.keyboard.press("Shift+H")
    studio.keyboard.press("Escape")
    drawn = shaped(studio)
    assert np.array_equal(drawn[:, :192], stamped[:, :192])
    assert not np.array_equal(drawn, stamped)
    shoot(studio, "person-trees")

    edited = np.asarray(Image.open(_download(studio, "#export-picture", tmp_path / "edited.png")))
    changed = (drawn != found) | (found == sky)
    near = Image.fromarray(_near(changed, 9)).resize((1500, 1000), Image.Resampling.NEAREST)
    kept = ~(_near(np.asarray(near), 4))
    assert kept.mean() > 0.15
    assert np.array_equal(edited[kept], photo[kept])
    shift = edited[:200].astype(int) - photo[:200]
    assert shift[..., 0].mean() - shift[..., 2].mean() > 30  # it is redder
    for _ in range(5):  # style, sky, two trees, mirror
        studio.keyboard.press("Control+z")
    again = np.asarray(Image.open(_download(studio, "#export-picture", tmp_path / "again.png")))
    assert np.array_equal(again, photo)
