"""The page with the bundled model, or the one that SEMSYNTH_MODEL names: what a visitor sees first."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.labels import LabelSpace
from tests.app.conftest import ROOT, Served, free_port, open_page, shoot
from tests.app.test_page import _near, at, choose, drag, ids, picture

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
    if not studio.evaluate("() => semsynth.studio.model.segments"):
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
