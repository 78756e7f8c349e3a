"""Guessing a label set from maps that nobody described."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semsynth.data.guess import guess_label_space
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace, palette_conflicts, read_label_map

BANDS = np.repeat([0, 1, 1, 2, 3], 8)[:, None].repeat(40, 1)
CASES = Path(__file__).parents[3] / "shared" / "cases"


def grey(folder: Path, values: list[int], name: str = "a.png", **options: int) -> Path:
    """A map of bands of grey values."""
    pixels = np.repeat(np.array(values, np.uint8), 12)[:, None].repeat(40, 1)
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize(
    "values",
    [[0, 85, 170, 255], [0, 128, 255], [0, 127, 255], [0, 60, 120, 180], [50, 100], [0, 200], [0, 60, 255],
     list(range(0, 250, 25)), list(range(0, 256, 16))],
)  # fmt: skip
def test_grey_levels_are_a_class_each(tmp_path: Path, values: list[int]) -> None:
    path = grey(tmp_path, values)
    space = guess_label_space([path])
    assert (space.num_classes, space.void_id) == (len(values), None)
    assert dict(space.file_values) == {value: number for number, value in enumerate(values)}
    assert list(read_label_map(path, space).counts()) == list(range(len(values)))


@pytest.mark.parametrize(
    ("values", "classes", "void"),
    [
        ([0, 1, 2], 3, None),
        ([0, 1, 2, 255], 4, 3),
        ([0, 15, 255], 17, 16),  # one class of Pascal VOC and its rim
        ([7, 8, 11, 21, 23, 24], 25, None),  # some of Cityscapes
        ([0, 2, 4, 12, 17, 21, 26, 43, 60, 94, 128, 150], 151, None),  # some of ADE20K
    ],
)
def test_ids_with_gaps_stay_ids(tmp_path: Path, values: list[int], classes: int, void: int | None) -> None:
    path = grey(tmp_path, values)
    space = guess_label_space([path])
    assert (space.num_classes, space.void_id) == (classes, void)
    ids = [void if value == 255 else value for value in values]
    assert list(read_label_map(path, space).counts()) == sorted(ids)


@pytest.mark.parametrize("values", [[0, 255], [0, 128, 255], [0, 85, 170, 255]])
@pytest.mark.parametrize("quality", [50, 75, 95])
def test_grey_levels_in_jpeg(tmp_path: Path, values: list[int], quality: int) -> None:
    path = grey(tmp_path, values, "a.jpg", quality=quality)
    space = guess_label_space([path])
    assert space.num_classes == len(values)
    reading = read_label_map(path, space)
    assert np.array_equal(reading.ids[:, 0], np.repeat(np.arange(len(values)), 12))
    assert "JPEG" in reading.notes[0]
    rgb = tmp_path / "rgb.jpg"
    Image.open(path).convert("RGB").save(rgb, quality=quality)
    assert guess_label_space([rgb]).num_classes == len(values)


def test_softened_masks_have_the_levels_they_were_drawn_with(tmp_path: Path) -> None:
    path = grey(tmp_path, [0, 255, 0])
    soft = Image.open(path).resize((90, 90), Image.Resampling.BICUBIC)
    soft.save(path)
    space = guess_label_space([path])
    assert space.num_classes == 2
    assert set(read_label_map(path, space).counts()) == {0, 1}


@given(orders=st.lists(st.permutations(range(4)), min_size=2, max_size=5))
@settings(max_examples=20, deadline=None)
def test_palettes_that_differ_are_guessed_by_colour(
    tmp_path_factory: pytest.TempPathFactory, orders: list[list[int]]
) -> None:
    folder = tmp_path_factory.mktemp("maps")
    colors = np.array([[34, 139, 34], [30, 144, 255], [139, 69, 19], [220, 20, 60]], np.uint8)
    paths = []
    for number, order in enumerate(orders):
        image = Image.fromarray(np.argsort(order)[BANDS].astype(np.uint8))
        image.putpalette(colors[order].tobytes())
        paths.append(folder / f"{number}.png")
        image.save(paths[-1])
    space = guess_label_space(paths)
    readings = [read_label_map(path, space) for path in paths]
    assert all(np.array_equal(reading.ids, readings[0].ids) for reading in readings)
    shown = {tuple(color) for color in space.colorize(readings[0].ids).reshape(-1, 3).tolist()}
    assert shown == {tuple(color) for color in colors.tolist()}
    conflicts = palette_conflicts((str(p), r.drawn) for p, r in zip(paths, readings, strict=True))
    assert bool(conflicts) == any(order != orders[0] for order in orders)


def test_equal_palettes_give_the_classes_their_colours(tmp_path: Path) -> None:
    image = Image.fromarray(BANDS.astype(np.uint8))
    image.putpalette([0, 0, 0, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    image.save(tmp_path / "a.png")
    space = guess_label_space([tmp_path / "a.png"])
    assert space.palette().tolist() == [[0, 0, 0], [200, 0, 0], [0, 200, 0], [0, 0, 200]]
    assert np.array_equal(read_label_map(tmp_path / "a.png", space).ids, BANDS)


def test_softened_colour_maps_have_no_class_for_blends(tmp_path: Path) -> None:
    drawn = LabelSpace.named("siftflow").colorize(np.array([28, 13, 27, 3])[BANDS])
    soft = Image.fromarray(drawn).resize((73, 73), Image.Resampling.BILINEAR)
    soft.save(tmp_path / "a.png")
    assert guess_label_space([tmp_path / "a.png"]).num_classes == 4
    Image.fromarray(np.kron(drawn, np.ones((3, 3, 1), np.uint8))).save(tmp_path / "b.jpg", quality=90)
    space = guess_label_space([tmp_path / "b.jpg"])
    assert space.num_classes == 4
    assert len(read_label_map(tmp_path / "b.jpg", space).counts()) == 4


def test_a_negative_value_is_void_and_two_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[-1, 0, 1, 2]], np.int32)).save(path)
    space = guess_label_space([path])
    assert (space.num_classes, space.void_id) == (4, 3)
    assert read_label_map(path, space).ids.tolist() == [[3, 0, 1, 2]]
    Image.fromarray(np.array([[-1, -2, 1, 2]], np.int32)).save(path)
    with pytest.raises(SemsynthError, match="negative ids -2 and -1"):
        guess_label_space([path])


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the maps in {CASES}")
@pytest.mark.parametrize(("folder", "classes"), [("Y_grey4", 4), ("Y_grey5", 4), ("Y_trimap", 3)])
def test_grey_levels_as_people_have_them(folder: str, classes: int) -> None:
    space = guess_label_space(sorted((CASES / "sparse_grey" / folder / "labels").iterdir()))
    assert (space.num_classes, space.void_id) == (classes, None)
