"""The one rule that brings a user's map to a size, whatever door the map comes in by."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from semsynth.labels import LabelSpace, read_label_map, resize_map
from semsynth.labels.inputs import fit_instances
from semsynth.labels.resize import nearest_index
from semsynth.models.sims.building import resized


@given(old=st.integers(1, 400), new=st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_nearest_takes_the_pixels_pillow_takes(old: int, new: int) -> None:
    ids = np.random.default_rng(0).integers(0, 256, (old, 3), dtype=np.uint8)
    expected = Image.fromarray(ids).resize((3, new), Image.Resampling.NEAREST)
    assert np.array_equal(resize_map(ids, (new, 3)), np.asarray(expected))
    index = nearest_index(old, new)
    centre = (2 * np.arange(new) + 1) * old / (2 * new)
    assert (np.abs(index + 0.5 - centre) <= 0.5 + 1e-9).all()


@given(
    stored=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    wanted=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
@settings(max_examples=30, deadline=None)
def test_every_door_resizes_alike(stored: tuple[int, int], wanted: tuple[int, int]) -> None:
    space = LabelSpace.named("siftflow")
    ids = np.random.default_rng(0).integers(0, space.num_classes, stored)
    image = Image.fromarray(ids.astype(np.uint8))
    expected = np.asarray(image.resize(wanted[::-1], Image.Resampling.NEAREST))
    photo = np.zeros((*stored, 3), np.uint8)
    for found in (
        resize_map(ids, wanted),
        resize_map(ids[None], wanted)[0],
        read_label_map(image, space, size=wanted).ids,
        fit_instances(ids[None], wanted, ids[None])[0],
        resized(photo, ids, wanted)[1],
    ):
        assert np.array_equal(found, expected)
