"""Changing a photograph only where its labels changed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from semsynth.app.edit import Photo, PhotoCache, blend, change_mask
from semsynth.errors import SemsynthError


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


def test_the_shelf_keeps_the_newest_and_refuses_others() -> None:
    store = PhotoCache(2)
    pixels = np.arange(3 * 48, dtype=np.uint8).reshape(3, 4, 4, 3)
    photos = [Photo(p, np.zeros((4, 4), np.uint8), p) for p in pixels]
    keys = [store.add(photo) for photo in photos]
    assert store.find(keys[2], (4, 4)) is photos[2]
    with pytest.raises(SemsynthError, match="hand it in again"):
        store.find(keys[0], (4, 4))
    with pytest.raises(SemsynthError, match="another size"):
        store.find(keys[1], (5, 4))
