"""Edges that drawing programs and compression softened."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace, published_palette, read_label_map
from semsynth.labels.repair import find_classes
from semsynth.labels.resize import nearest_index

SPACE = LabelSpace.named("siftflow")
CASES = Path(__file__).parents[3] / "shared" / "cases" / "soft_edges"
OUTDOOR = [28, 13, 27, 3, 24, 25, 31]


def scene(classes: list[int], space: LabelSpace, *, scale: int = 1, side: int = 96) -> Image.Image:
    """Discs and bars in class colours."""
    drawing = Image.new("RGB", (side * scale, side * scale), tuple(space.palette()[classes[0]].tolist()))
    pen = ImageDraw.Draw(drawing)
    for place, number in enumerate(classes[1:]):
        x, y = (5 + 12 * place % 60) * scale, (5 + 17 * place % 60) * scale
        pen.ellipse([x, y, x + 30 * scale, y + 26 * scale], fill=tuple(space.palette()[number].tolist()))
    return drawing


def truth(drawing: Image.Image, space: LabelSpace) -> np.ndarray:
    return read_label_map(drawing, space).ids


@given(
    classes=st.lists(st.integers(0, 33), min_size=2, max_size=7, unique=True),
    filtered=st.sampled_from(["BILINEAR", "BICUBIC", "LANCZOS", "BOX", "HAMMING"]),
    factor=st.sampled_from([0.5, 0.75, 1.3, 2.0]),
)
@settings(max_examples=40, deadline=None)
def test_no_third_class_appears_along_softened_edges(
    classes: list[int], filtered: str, factor: float
) -> None:
    drawing = scene(classes, SPACE)
    there = set(np.unique(truth(drawing, SPACE)))
    side = round(96 * factor)
    soft = drawing.resize((side, side), Image.Resampling[filtered])
    reading = read_label_map(soft, SPACE)
    assert set(np.unique(reading.ids)) <= there
    rows = nearest_index(96, side)
    assert (reading.ids == truth(drawing, SPACE)[np.ix_(rows, rows)]).mean() > 0.93


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_blends_that_are_exactly_a_third_class_colour_are_no_class(scale: int) -> None:
    """Half of (128, 0, 0) and black is (64, 0, 0), a colour of the same palette."""
    palette = np.concatenate([[[0, 0, 0]], published_palette(20)]).astype(np.uint8)
    names = [{"name": f"c{i}", "color": color} for i, color in enumerate(palette.tolist())]
    space = LabelSpace.from_dict({"classes": names})
    drawing = scene([0, 1, 2, 4], space, scale=scale)
    there = set(np.unique(truth(drawing, space)))
    side = drawing.width // scale
    reading = read_label_map(drawing.resize((side, side), Image.Resampling.BOX), space)
    assert reading.repaired > 0
    assert set(np.unique(reading.ids)) <= there


def test_an_edge_pixel_takes_the_closer_of_its_two_sides() -> None:
    palette = np.array([[0, 0, 0], [200, 200, 200], [110, 110, 110]], np.uint8)
    pixels = np.zeros((6, 8, 3), np.uint8)
    pixels[:, 4:] = 200
    pixels[:, 3] = [40] * 3
    pixels[:, 4] = [112] * 3  # closest to the third colour, which is nowhere
    found = find_classes(pixels, palette)
    assert found.entries[0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.repaired == 12


def test_thin_lines_drawn_hard_stay() -> None:
    ids = np.full((40, 40), 28)
    ids[20:] = 27
    ids[:, 10] = 3
    ids[5, 30] = 13
    drawn = SPACE.colorize(ids)
    assert np.array_equal(read_label_map(Image.fromarray(drawn), SPACE).ids, ids)
    drawn[19, 30:] = (drawn[18, 30:].astype(int) + drawn[21, 30:]) // 2  # soft elsewhere
    reading = read_label_map(Image.fromarray(drawn), SPACE)
    assert np.array_equal(reading.ids[:19], ids[:19])
    assert (reading.ids[:, 10] == 3).all()


def test_a_photograph_is_no_map_though_some_pixels_are_exact() -> None:
    rng = np.random.default_rng(0)
    photo = np.asarray(
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize(
            (96, 96), Image.Resampling.BICUBIC
        )
    ).copy()
    photo[40:50, 40:50] = 0
    with pytest.raises(SemsynthError, match="not drawn in label set"):
        read_label_map(Image.fromarray(photo), SPACE)


@pytest.mark.parametrize("quality", [60, 80, 95])
def test_jpeg_maps_keep_their_classes(quality: int) -> None:
    drawing = scene(OUTDOOR[:4], SPACE, scale=2)
    out = io.BytesIO()
    drawing.save(out, "JPEG", quality=quality)
    ids = truth(drawing, SPACE)
    reading = read_label_map(out.getvalue(), SPACE)
    assert set(np.unique(reading.ids)) == set(np.unique(ids))
    assert (reading.ids == ids).mean() > 0.97
    assert any("JPEG" in note for note in reading.notes)


def test_softened_grey_levels_have_no_third_level() -> None:
    space = LabelSpace.from_dict({"classes": ["a", "b", "c"], "file_values": {"0": 0, "128": 1, "255": 2}})
    grey = np.zeros((40, 40), np.uint8)
    grey[:, 20:] = 255
    soft = Image.fromarray(grey).resize((60, 60), Image.Resampling.BILINEAR)
    reading = read_label_map(soft, space)
    assert set(np.unique(reading.ids)) == {0, 2}
    assert reading.ids[0, [0, 27, 32, 59]].tolist() == [0, 0, 2, 2]
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "JPEG", quality=60)
    assert set(np.unique(read_label_map(out.getvalue(), space).ids)) == {0, 2}


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the maps in {CASES}")
@pytest.mark.parametrize("kind", ["soft", "bilinear192"])
def test_softened_examples_have_no_third_class(kind: str) -> None:
    for path in sorted(CASES.glob(f"{kind}-*.png")):
        hard = read_label_map(path.with_name(path.name.replace(kind, "hard")), SPACE)
        assert set(read_label_map(path, SPACE).counts()) <= set(hard.counts())
