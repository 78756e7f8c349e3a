"""Changing a photograph only where its labels changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsynth.editing import blend, change_mask, edit_photo
from semsynth.pipeline import Synthesizer
from tests.small import small_model


@given(feather=st.integers(0, 20), y=st.integers(0, 47), x=st.integers(0, 47), side=st.integers(1, 20))
def test_the_change_is_full_inside_and_nothing_outside(feather: int, y: int, x: int, side: int) -> None:
    before = np.zeros((48, 48), np.uint8)
    after = before.copy()
    after[y : y + side, x : x + side] = 1
    mask = change_mask(before, after, feather)
    assert (mask[before != after] == 255).all()
    rows, columns = np.nonzero(before != after)
    far = np.ones((48, 48), bool)
    margin = feather + 1
    far[
        max(0, rows.min() - margin) : rows.max() + margin + 1,
        max(0, columns.min() - margin) : columns.max() + margin + 1,
    ] = False
    assert (mask[far] == 0).all()


def test_blending_keeps_both_sides_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    photo, picture = rng.integers(0, 256, (2, 32, 32, 3), np.uint8)
    mask = np.zeros((32, 32), np.uint8)
    mask[8:16] = 255
    mask[16:20] = 128
    out = blend(photo, picture, mask)
    assert np.array_equal(out[:8], photo[:8])
    assert np.array_equal(out[20:], photo[20:])
    assert np.array_equal(out[8:16], picture[8:16])
    low, high = np.minimum(photo, picture), np.maximum(photo, picture)
    assert ((out >= low) & (out <= high)).all()


@pytest.mark.parametrize("times", [1, 3])
def test_a_picture_of_another_style_leaves_no_halo(times: int) -> None:
    rng = np.random.default_rng(1)
    side = 128 * times
    before = np.zeros((side, side), np.uint8)
    after = before.copy()
    after[40 * times : 80 * times, 50 * times : 70 * times] = 1
    photo = (rng.integers(-4, 5, (side, side, 3)) + np.array((40, 90, 200))).astype(np.uint8)
    picture = (rng.integers(-4, 5, (side, side, 3)) + np.array((240, 140, 60))).astype(np.uint8)
    picture[after == 1] = (60, 40, 20)
    out = blend(photo, picture, change_mask(before, after, 8 * times)).astype(int)
    assert np.abs(out - [40, 90, 200])[before == after].max() < 16
    assert (out[after == 1] == (60, 40, 20)).all()


def test_a_larger_photograph_keeps_its_pixels_where_labels_stay() -> None:
    synthesizer = Synthesizer(small_model(), device="cpu", precision="float32")
    photo = np.random.default_rng(2).integers(0, 256, (150, 200, 3), np.uint8)
    before = np.zeros((64, 64), np.int64)
    after = before.copy()
    after[:, :24] = 2
    edited = edit_photo(synthesizer, photo, before, after)
    assert edited.pixels.shape == photo.shape
    assert np.array_equal(edited.pixels[:, 120:], photo[:, 120:])
    assert (edited.pixels[:, :60] != photo[:, :60]).any(-1).mean() > 0.95
    assert (edited.mask[:, 120:] == 0).all()
    own = edit_photo(synthesizer, photo, before, after, style=synthesizer.encode_style(photo))
    assert np.array_equal(own.pixels, edited.pixels)
    whole = edit_photo(synthesizer, photo, before, after, everywhere=True)
    assert (whole.mask == 255).all()
    named = edit_photo(synthesizer, photo, before, after, style="noon", everywhere=True)
    assert not np.array_equal(named.pixels, whole.pixels)
