"""A picture that is opened as a label map is asked about: it becomes no confetti."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.app.errors import IS_PICTURE, ApiError
from semsynth.app.limits import Limits
from semsynth.app.maps import read_map
from semsynth.errors import SemsynthError
from semsynth.hub.record import read_record
from semsynth.labels import LabelSpace
from tests.app.conftest import shoot
from tests.app.stand_in import landscape
from tests.app.test_page import _download, _open, drop, ids
from tests.app.test_page_care import said

SPACE = LabelSpace.named("siftflow")
PHOTOS = sorted(
    (Path(__file__).resolve().parents[3] / "shared" / "data" / "siftflow" / "val").rglob("*.jpg")
)[:20]


def scene() -> Image.Image:
    """Something like a photograph: no two neighbours alike."""
    noise = np.random.default_rng(0).integers(40, 220, (32, 32, 3), np.uint8)
    return Image.fromarray(noise).resize((256, 256), Image.Resampling.BICUBIC)


def encoded(picture: Image.Image, form: str = "PNG") -> bytes:
    out = io.BytesIO()
    picture.save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_photograph_is_told_from_a_map(form: str, mode: str) -> None:
    with pytest.raises(ApiError) as refused:
        read_map(encoded(scene().convert(mode), form), SPACE, Limits(), (256, 256))
    assert refused.value.code == IS_PICTURE


@pytest.mark.skipif(not PHOTOS, reason="no photographs in ../shared/data/siftflow")
def test_real_photographs_are_told_from_maps() -> None:
    for path in PHOTOS:
        with pytest.raises(ApiError) as refused:
            read_map(path.read_bytes(), SPACE, Limits(), (256, 256))
        assert refused.value.code == IS_PICTURE, path


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_map_in_other_colours_keeps_its_sentence(form: str) -> None:
    other = np.random.default_rng(1).integers(0, 256, (SPACE.num_classes, 3)).astype(np.uint8)
    drawn = Image.fromarray(other[landscape(SPACE, 256)])
    with pytest.raises(SemsynthError, match="not drawn in label set") as refused:
        read_map(encoded(drawn, form), SPACE, Limits(), (256, 256))
    assert not isinstance(refused.value, ApiError)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_map_is_a_map(form: str) -> None:
    drawn = Image.fromarray(SPACE.colorize(landscape(SPACE, 256)))
    found = read_map(encoded(drawn, form), SPACE, Limits(), (256, 256))
    assert (found.ids == landscape(SPACE, 256)).mean() > 0.99


@pytest.mark.parametrize("scale", [1, 8])
def test_a_map_of_another_shape_is_cut_not_squeezed(scale: int) -> None:
    """Also one so large that only the pixels that are kept are read."""
    y, x = np.mgrid[: 360 * scale, : 640 * scale] / scale
    disc = np.hypot(y - 180, x - 320) < 90
    drawn = np.where(disc, SPACE.names.index("sun"), SPACE.names.index("sky"))
    found = read_map(encoded(Image.fromarray(SPACE.colorize(drawn))), SPACE, Limits(), (256, 256))
    ys, xs = np.nonzero(found.ids == SPACE.names.index("sun"))
    assert abs(np.ptp(ys) - np.ptp(xs)) <= 2
    assert abs(np.ptp(xs) - 180 * 256 / 360) <= 2
    assert abs(xs.mean() - 127.5) < 1
    assert "middle of the map was cut" in " ".join(found.notes)


@pytest.mark.parametrize("scale", [1, 8])
def test_the_frame_of_a_map_is_read(scale: int) -> None:
    drawn = np.full((360 * scale, 640 * scale), SPACE.names.index("sky"))
    drawn[200 * scale : 300 * scale, 400 * scale : 500 * scale] = SPACE.names.index("sun")
    data = encoded(Image.fromarray(SPACE.colorize(drawn)))
    frame = (350 * scale, 150 * scale, 200 * scale, 200 * scale)
    found = read_map(data, SPACE, Limits(), (256, 256), frame=frame)
    ys, xs = np.nonzero(found.ids == SPACE.names.index("sun"))
    assert [ys.min(), ys.max(), xs.min(), xs.max()] == [64, 191, 64, 191]
    assert "frame of the map was cut" in " ".join(found.notes)
    with pytest.raises(SemsynthError, match="does not have the shape"):
        read_map(data, SPACE, Limits(), (256, 256), frame=(0, 0, 640 * scale, 360 * scale))


def test_a_map_far_too_narrow_is_refused() -> None:
    narrow = Image.fromarray(SPACE.colorize(np.zeros((16_000, 16), np.int64)))
    with pytest.raises(SemsynthError, match="too narrow"):
        read_map(encoded(narrow), SPACE, Limits(), (256, 256))


@pytest.mark.browser
def test_a_picture_without_its_map_opened_as_a_map_is_asked_about(page: Any, tmp_path: Path) -> None:
    before = ids(page)
    path = _download(page, "#export-picture", tmp_path / "mine.png")
    Image.open(path).save(path, pnginfo=read_record(path).png_info())  # as the command line writes it
    _open(page, "#open-map", path)
    page.wait_for_selector("#dialog-drop[open]")
    assert "that semsynth made" in page.inner_text("#drop-note")
    assert page.is_hidden("#drop-map")
    shoot(page, "not-a-map")
    page.click("#dialog-drop button[value=cancel]")
    assert np.array_equal(ids(page), before)
    assert not page.evaluate("() => semsynth.studio.history.done.length")
    _open(page, "#open-map", path)
    page.click("#drop-photo")
    said(page, "Paint where the photo")
    assert page.is_visible("#photo-chip")


@pytest.mark.browser
def test_a_photograph_dropped_as_a_map_is_asked_about(page: Any) -> None:
    before = ids(page)
    drop(page, "#stage", encoded(scene()))
    assert page.is_hidden("#drop-note")
    page.click("#drop-map")
    page.wait_for_selector("#drop-note")
    styles = page.evaluate("() => semsynth.styles.own.length")
    page.click("#drop-style")
    page.wait_for_function("n => semsynth.styles.own.length > n", arg=styles)
    assert np.array_equal(ids(page), before)
