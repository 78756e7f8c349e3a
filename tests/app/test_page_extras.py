"""Contact sheet, time lapse, pictures that repeat, and what-if."""

import base64
import zipfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from semsynth.labels import LabelSpace
from tests.app.conftest import ARTIFACTS, shoot
from tests.app.test_page import _download, at, choose, drag, drop, ids, picture
from tests.app.test_page_care import said

pytestmark = pytest.mark.browser
SPACE = LabelSpace.named("siftflow")


def played(page: Any, video: bytes, x: int, y: int) -> tuple[tuple[int, int], np.ndarray]:
    """Play a video to its last frame; gives its width and height, and a pixel of this frame."""
    other = page.context.new_page()
    width, height, *colour = other.evaluate(
        """async ([text, x, y]) => {
            const video = document.createElement("video");
            video.muted = true;
            video.src = "data:video/webm;base64," + text;
            await video.play();
            await new Promise((resolve) => (video.onended = resolve));
            const canvas = document.createElement("canvas");
            [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
            canvas.getContext("2d").drawImage(video, 0, 0);
            const { data } = canvas.getContext("2d").getImageData(x, y, 1, 1);
            return [video.videoWidth, video.videoHeight, ...data.slice(0, 3)];
        }""",
        [base64.b64encode(video).decode(), x, y],
    )
    other.close()
    return (width, height), np.array(colour)


def test_a_contact_sheet_shows_the_drawing_in_all_styles(page: Any, tmp_path: Path) -> None:
    sheet = Image.open(_download(page, "#export-sheet", tmp_path / "styles.png")).convert("RGB")
    ARTIFACTS.mkdir(exist_ok=True)
    sheet.save(ARTIFACTS / "contact-sheet.png")
    pixels = np.asarray(sheet)
    assert pixels.shape == (44 + 2 * 356, 12 + 2 * 332, 3)
    skies = {tuple(pixels[y, x].tolist()) for y, x in ((60, 160), (60, 500), (416, 160))}
    assert len(skies) == 3
    assert (pixels[420:, 360:] == 255).all()


def test_a_time_lapse_is_a_video_of_the_strokes(page: Any, tmp_path: Path) -> None:
    choose(page, "tree")
    for y in (40, 60, 80):
        drag(page, (40, y), (200, y))
    page.keyboard.press("d")
    page.click("#export")
    with page.expect_download() as download:
        page.click("#export-lapse")
    video = Path(download.value.path()).read_bytes()
    assert download.value.suggested_filename == "coast.webm"
    assert video[:4] == b"\x1a\x45\xdf\xa3"
    assert len(video) > 5000
    page.keyboard.press("Escape")
    size, colour = played(page, video, 100, 60)
    assert size == (520, 256)
    assert np.abs(colour - SPACE.palette()[SPACE.names.index("tree")]).max() < 24


def test_a_picture_repeats_without_a_seam(page: Any, tmp_path: Path) -> None:
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    page.click("#export")
    page.select_option("#export-repeats", "both")
    page.select_option("#export-scale", "2")
    tile = np.asarray(Image.open(_download(page, "#export-picture", tmp_path / "tile.png")).convert("RGB"))
    assert tile.shape == (512, 512, 3)
    steps = np.abs(np.diff(np.concatenate([tile, tile], 0).astype(int), axis=0)).max(-1)
    assert tile[140].mean() + 10 < tile[500].mean()  # rows are shaded
    assert steps.max() < 4  # but there is no step from the last one to the first
    page.click("#export")
    page.select_option("#export-repeats", "sideways")
    shoot(page, "export")
    page.keyboard.press("Escape")


def test_what_if_shows_an_area_as_other_classes(page: Any) -> None:
    before = ids(page)
    sea = SPACE.names.index("sea")
    page.keyboard.press("Shift+W")
    page.mouse.click(*at(page, 100, 180))
    page.wait_for_selector("#whatif-grid .tile:not([disabled]) >> nth=8")
    assert "What if this sea was" in page.inner_text("#whatif-title")
    shoot(page, "what-if")
    page.click("#whatif-more")
    page.wait_for_selector("#whatif-grid .tile:not([disabled]) >> nth=8")
    name = page.inner_text("#whatif-grid .tile >> nth=4").lower()
    page.click("#whatif-grid .tile >> nth=4")
    after = ids(page)
    assert np.array_equal(before != after, before == sea)
    assert (after[before == sea] == SPACE.names.index(name)).all()
    page.keyboard.press("Control+z")
    assert np.array_equal(ids(page), before)


def test_an_open_raster_file_has_a_layer_for_each_class(page: Any, tmp_path: Path) -> None:
    page.click("#export")
    page.select_option("#export-scale", "2")
    with page.expect_download() as download:
        page.click("#export-ora")
    assert download.value.suggested_filename == "coast.ora"
    with zipfile.ZipFile(download.value.path()) as archive:
        first = archive.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert archive.testzip() is None
        assert archive.read("mimetype") == b"image/openraster"
        pictures = {name: Image.open(archive.open(name)) for name in archive.namelist() if "png" in name}
        image = ElementTree.fromstring(archive.read("stack.xml"))
    assert (image.get("w"), image.get("h")) == ("512", "512")
    *layers, last = image.iter("layer")
    assert [layer.get("name") for layer in layers] == ["mountain", "sand", "sea", "sky"]
    assert (last.get("name"), last.get("visibility")) == ("Picture", "visible")
    assert pictures["mergedimage.png"].size == (512, 512)
    assert max(pictures["Thumbnails/thumbnail.png"].size) == 256
    drawn = ids(page).repeat(2, 0).repeat(2, 1)
    for layer in layers:
        name = layer.get("name") or ""
        mask = np.zeros((512, 512), bool)
        pixels = np.asarray(pictures[layer.get("src") or ""])
        x, y = int(layer.get("x") or 0), int(layer.get("y") or 0)
        mask[y : y + len(pixels), x : x + pixels.shape[1]] = pixels[..., 3] == 255
        assert np.array_equal(mask, drawn == SPACE.names.index(name)), name
        assert (pixels[pixels[..., 3] == 255][:, :3] == SPACE.palette()[SPACE.names.index(name)]).all()


def test_an_exported_picture_gives_its_drawing_back(page: Any, tmp_path: Path) -> None:
    choose(page, "tree")
    drag(page, (40, 60), (200, 60))
    page.keyboard.press("d")
    drawn, shown = ids(page), picture(page)
    page.click("#export")
    page.select_option("#export-scale", "2")
    file = _download(page, "#export-picture", tmp_path / "drawn.png")
    page.keyboard.press("n")
    page.click("#examples .tile >> nth=0")
    page.evaluate("() => semsynth.styles.take({ seed: 1 })")
    assert not np.array_equal(picture(page), shown)
    drop(page, "#stage", file.read_bytes())
    said(page, "Map opened")
    assert np.array_equal(ids(page), drawn)
    assert np.array_equal(picture(page), shown)
