"""Maps whose colours or indices carry the classes, in whatever order and format they were saved."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, PngImagePlugin

from semsynth.errors import SemsynthError
from semsynth.labels import TEXT_KEY, LabelSpace, palette_conflicts, read_label_array, read_label_map

SETS = {name: LabelSpace.named(name) for name in ("siftflow", "coco-stuff", "camvid")}
SPACE = SETS["siftflow"]
CASES = Path(__file__).parents[3] / "shared" / "cases"


def encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def indexed(ids: np.ndarray, order: list[int], space: LabelSpace) -> Image.Image:
    """A map whose palette holds the colours of the classes in the order given, as a drawing program may."""
    place = {number: position for position, number in enumerate(order)}
    image = Image.fromarray(np.vectorize(place.__getitem__)(ids).astype(np.uint8))
    image.putpalette(space.palette()[order].tobytes())
    return image


MAPS = hnp.arrays(
    np.int64, hnp.array_shapes(min_dims=2, max_dims=2, min_side=2, max_side=9), elements=st.integers(0, 30)
)


@given(ids=MAPS, name=st.sampled_from(sorted(SETS)), data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_map_reads_back_from_any_palette_and_mode(ids: np.ndarray, name: str, data: st.DataObject) -> None:
    space = SETS[name]
    order = data.draw(st.permutations(range(space.num_classes)))
    form = data.draw(st.sampled_from(["palette", "rgb", "rgba", "grey", "bmp", "gif", "tif"]))
    drawn = Image.fromarray(space.colorize(ids))
    content = {
        "palette": lambda: encoded(indexed(ids, order, space)),
        "gif": lambda: encoded(indexed(ids, order, space), "GIF"),
        "rgb": lambda: encoded(drawn),
        "rgba": lambda: encoded(drawn.convert("RGBA")),
        "grey": lambda: encoded(Image.fromarray(ids.astype(np.uint8))),
        "bmp": lambda: encoded(drawn, "BMP"),
        "tif": lambda: encoded(indexed(ids, order, space), "TIFF"),
    }[form]()
    black = {tuple(color) for color in space.colorize(np.unique(ids)).tolist()} == {(0, 0, 0)}
    palette = "color" if black and form in ("palette", "gif", "tif") else "auto"  # black alone says nothing
    assert np.array_equal(read_label_map(content, space, palette=palette).ids, ids)


def test_one_colour_alone_is_no_palette_of_a_tool() -> None:
    """Under index 1 lies the colour that Pascal VOC gives to index 1, and the label set to another class."""
    space = SETS["camvid"]
    ids = np.full((4, 4), 4)
    drawn = indexed(ids, [0, 4, 1, 2, 3, *range(5, space.num_classes)], space)
    assert np.array_equal(read_label_map(encoded(drawn), space).ids, ids)


@pytest.mark.parametrize("count", [4, 8, 64, 256])
def test_a_drawing_program_may_number_the_colours(count: int) -> None:
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((8, 8), int))
    drawn = Image.fromarray(SPACE.colorize(ids))
    reading = read_label_map(encoded(drawn.quantize(count)), SPACE)
    assert np.array_equal(reading.ids, ids)
    assert "the colours were taken" in reading.notes[0]
    assert np.array_equal(read_label_map(encoded(drawn.quantize(count)), SPACE, palette="color").ids, ids)


def test_a_softened_map_with_few_colours_is_read_by_them() -> None:
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((16, 16), int))
    drawn = Image.fromarray(SPACE.colorize(ids)).resize((48, 48), Image.Resampling.BILINEAR)
    reading = read_label_map(encoded(drawn.quantize(200)), SPACE)
    assert set(np.unique(reading.ids)) == {28, 13, 27, 3}


def test_standard_palettes_leave_the_indices_alone() -> None:
    """Pascal VOC's colours, one place further, are those of a label set that names no colours."""
    space = LabelSpace.from_dict({"classes": [f"class {i}" for i in range(21)]})
    ids = np.kron(np.array([[1, 2], [3, 4]]), np.ones((4, 4), int)).astype(np.uint8)
    image = Image.fromarray(ids)
    image.putpalette(np.concatenate([np.zeros((1, 3), np.uint8), space.palette()]).tobytes())
    assert np.array_equal(read_label_map(image, space).ids, ids)
    image.putpalette(np.arange(256, dtype=np.uint8).repeat(3).tobytes())
    assert np.array_equal(read_label_map(image, space).ids, ids)


def test_a_grey_map_saved_with_a_palette_keeps_its_values() -> None:
    grey = np.kron(np.array([[28, 13], [27, 3]]), np.ones((8, 8), int)).astype(np.uint8)
    saved = Image.fromarray(grey).convert("RGB").quantize(8)
    assert not np.array_equal(np.asarray(saved), grey)
    reading = read_label_map(encoded(saved), SPACE)
    assert np.array_equal(reading.ids, grey)
    assert "grey values" in reading.notes[0]


def test_ids_made_visible_by_a_grey_palette_stay_ids() -> None:
    space = LabelSpace.named("ade20k")
    image = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8))
    image.putpalette(np.array([0, 50, 100], np.uint8).repeat(3).tobytes())
    assert read_label_map(image, space).ids.tolist() == [[0, 1], [2, 2]]


def test_a_file_of_ours_whose_palette_was_changed() -> None:
    """Some programs keep the text of a PNG while they number its colours anew."""
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((8, 8), int))
    info = PngImagePlugin.PngInfo()
    info.add_text(TEXT_KEY, "siftflow")
    content = encoded(indexed(ids, [3, 27, 13, 28], SPACE), pnginfo=info)
    assert np.array_equal(read_label_map(content, SPACE).ids, ids)


def test_what_only_some_colours_say_is_noted() -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 3, 4, 5]], np.uint8))
    colors = np.array([[9, 9, 1]] * 5 + [SPACE.palette()[28].tolist()], np.uint8)
    image.putpalette(colors.tobytes())
    reading = read_label_map(image, SPACE)
    assert reading.ids.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert "palette 'color'" in reading.notes[0]


def test_an_unknown_way_to_read_a_palette_is_refused() -> None:
    with pytest.raises(SemsynthError, match="'auto', 'index' or 'color'"):
        read_label_map(Image.new("P", (2, 2)), SPACE, palette="colour")


def test_conflicting_palettes_are_named() -> None:
    same = [("a", {0: 0x0000FF, 1: 0xFF0000}), ("b", {1: 0xFF0000})]
    assert palette_conflicts(same) == []
    found = palette_conflicts([*same, ("c", {1: 0x0000FF})])
    assert found == ["Index 1 is drawn in 255, 0, 0 in a, and in 0, 0, 255 in c."]


@pytest.mark.parametrize("kept", [None, (0, 0, 0), (255, 255, 255)])
def test_transparent_pixels_are_void(kept: tuple[int, int, int] | None) -> None:
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((8, 8), int))
    drawn = np.dstack([SPACE.colorize(ids), np.full(ids.shape, 255, np.uint8)])
    drawn[4:9, 2:7, 3] = 0
    if kept is not None:
        drawn[4:9, 2:7, :3] = kept
    reading = read_label_map(encoded(Image.fromarray(drawn)), SPACE)
    ids[4:9, 2:7] = SPACE.void_id
    assert np.array_equal(reading.ids, ids)
    assert "25 transparent pixels" in reading.notes[-1]


def test_transparent_indices_and_grey_values_are_void() -> None:
    ids = np.array([[28, 28, 13], [13, 13, 28]], np.uint8)
    image = Image.fromarray(ids)
    assert read_label_map(encoded(image, transparency=13), SPACE).ids.tolist() == [[28, 28, 0], [0, 0, 28]]
    image.putpalette(SPACE.palette().tobytes())
    assert read_label_map(encoded(image, transparency=13), SPACE).ids.tolist() == [[28, 28, 0], [0, 0, 28]]
    both = Image.fromarray(np.dstack([ids, np.where(ids == 13, 0, 255)]).astype(np.uint8), "LA")
    assert read_label_map(encoded(both), SPACE).ids.tolist() == [[28, 28, 0], [0, 0, 28]]
    color = Image.fromarray(SPACE.colorize(ids))
    hidden = encoded(color, transparency=tuple(SPACE.palette()[13].tolist()))
    assert read_label_map(hidden, SPACE).ids.tolist() == [[28, 28, 0], [0, 0, 28]]


def test_without_void_the_nearest_label_fills_a_hole() -> None:
    space = LabelSpace.from_dict({"classes": ["a", "b"]})
    drawn = np.dstack([space.colorize(np.array([[0, 0, 1, 1]] * 4)), np.full((4, 4), 255, np.uint8)])
    drawn[1:3, 0] = 0
    reading = read_label_map(Image.fromarray(drawn), space)
    assert reading.ids.tolist() == [[0, 0, 1, 1]] * 4
    assert "2 transparent pixels" in reading.notes[-1]
    # Indices are stated, and a transparent background is how some tools show them.
    mask = Image.fromarray(np.array([[0, 1]], np.uint8))
    mask.putpalette([0, 0, 0, 255, 0, 0])
    assert read_label_map(encoded(mask, transparency=0), space).ids.tolist() == [[0, 1]]


def test_a_map_that_is_transparent_all_over_is_refused() -> None:
    drawn = np.dstack([SPACE.colorize(np.full((4, 4), 28)), np.zeros((4, 4), np.uint8)])
    with pytest.raises(SemsynthError, match="transparent all over"):
        read_label_map(encoded(Image.fromarray(drawn)), SPACE)


@pytest.mark.parametrize("name", ["ade20k", "camvid", "coco-stuff", "cityscapes"])
def test_foreign_palettes_are_refused_and_recognised(name: str) -> None:
    other = LabelSpace.named(name)
    known = {tuple(color) for color in SPACE.palette().tolist()}
    ids = [e.id for e in other.classes if e.color not in known and any(e.color)][:4]
    drawn = other.colorize(np.kron(np.array(ids).reshape(2, 2), np.ones((20, 20), int)))
    with pytest.raises(SemsynthError, match=f"not drawn in label set 'siftflow'.*{name}"):
        read_label_map(encoded(Image.fromarray(drawn)), SPACE)


@given(data=st.data())
@settings(max_examples=30, deadline=None)
def test_a_palette_near_to_the_sets_is_refused(data: st.DataObject) -> None:
    """Colours that all lie near to class colours, none of them on one, are another palette all the same."""
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((16, 16), int))
    drawn = SPACE.colorize(ids).astype(int)
    for number in (28, 13, 27, 3):
        shift = data.draw(st.tuples(*[st.integers(-20, 20)] * 3).filter(lambda s: max(map(abs, s)) > 8))
        drawn[ids == number] += shift
    drawn = drawn.clip(0, 255).astype(np.uint8)
    known = {tuple(color) for color in SPACE.palette().tolist()}
    if not known & {tuple(color) for color in drawn.reshape(-1, 3).tolist()}:
        with pytest.raises(SemsynthError, match="not drawn in label set"):
            read_label_map(encoded(Image.fromarray(drawn)), SPACE)


def test_an_area_in_an_unknown_colour_is_named_or_refused() -> None:
    ids = np.kron(np.array([[28, 13], [27, 3]]), np.ones((30, 30), int))
    drawn = SPACE.colorize(ids)
    drawn[5:20, 5:20] = np.array(SPACE.classes[28].color) - [8, 8, 8]
    reading = read_label_map(Image.fromarray(drawn), SPACE)
    assert np.array_equal(reading.ids, ids)
    assert "225 pixels in" in reading.notes[0]
    assert "'sky'" in reading.notes[0]
    drawn[5:20, 5:20] = 255, 0, 255
    with pytest.raises(SemsynthError, match="255, 0, 255"):
        read_label_map(Image.fromarray(drawn), SPACE)


def test_arrays_are_ids_or_colours() -> None:
    ids = np.array([[28, 13], [27, 3]])
    assert np.array_equal(read_label_array(ids, SPACE).ids, ids)
    assert np.array_equal(read_label_array(SPACE.colorize(ids), SPACE).ids, ids)
    for wrong in (ids[None], ids / 2, np.zeros((0, 3), int), np.zeros((2, 2, 3))):
        with pytest.raises(SemsynthError, match=r"my array is an array of .* of shape \("):
            read_label_array(wrong, SPACE, name="my array")


@pytest.mark.skipif(not CASES.is_dir(), reason=f"needs the maps in {CASES}")
@pytest.mark.parametrize("folder", ["png8_palette/B_png8", "alpha_holes", "foreign_palette"])
def test_maps_as_people_have_them(folder: str) -> None:
    for path in sorted((CASES / folder).glob("*.png")):
        if folder == "foreign_palette":
            with pytest.raises(SemsynthError, match="'ade20k'"):
                read_label_map(path, SPACE)
            continue
        reading = read_label_map(path, SPACE)
        assert reading.notes
        assert {"crosswalk", "balcony"}.isdisjoint(SPACE.names[i] for i in reading.counts())
