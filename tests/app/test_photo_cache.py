"""The cache of photographs that are being edited."""

import numpy as np
import pytest

from semsynth.app.photo_cache import Photo, PhotoCache
from semsynth.errors import SemsynthError


def test_the_cache_keeps_the_newest_and_refuses_others() -> None:
    store = PhotoCache(2)
    pixels = np.arange(3 * 48, dtype=np.uint8).reshape(3, 4, 4, 3)
    photos = [Photo(p, np.zeros((4, 4), np.uint8)) for p in pixels]
    keys = [store.add(photo) for photo in photos]
    assert store.find(keys[2], (4, 4)) is photos[2]
    with pytest.raises(SemsynthError, match="hand it in again"):
        store.find(keys[0], (4, 4))
    with pytest.raises(SemsynthError, match="another size"):
        store.find(keys[1], (5, 4))


def test_frames_of_one_photograph_that_look_alike_are_kept_apart() -> None:
    store, grey = PhotoCache(2), np.full((4, 4, 3), 128, np.uint8)
    photos = [Photo(grey, np.zeros((4, 4), np.uint8), b"file", (x, 0, 8, 8)) for x in (0, 8)]
    keys = [store.add(photo) for photo in photos]
    assert [store.find(key, (4, 4)).frame for key in keys] == [(0, 0, 8, 8), (8, 0, 8, 8)]
