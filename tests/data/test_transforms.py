"""Geometry: sizes, crops, flips, and that ids are never blended."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.data.sample import Batch, RawSample, collate
from semsynth.data.transforms import MODES, Geometry, Plan, apply, to_image
from semsynth.errors import SemsynthError


def raw(height: int, width: int, seed: int = 0, *, instances: bool = True) -> RawSample:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    labels = rng.integers(0, 200, (height, width))
    return RawSample(image, labels, labels * 1000 + 7 if instances else None, f"s{seed}")


@given(
    mode=st.sampled_from(sorted(MODES)),
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    training=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_every_mode_gives_aligned_samples(
    mode: str, height: int, width: int, training: bool, seed: int
) -> None:
    geometry = Geometry(mode, load_size=40, crop_size=32, aspect_ratio=2.0, training=training)
    source = raw(height, width, seed)
    sample = geometry(source, np.random.default_rng(seed))
    assert sample.image.shape[1:] == sample.labels.shape
    assert sample.image.dtype == torch.float32
    assert sample.image.abs().max() <= 1
    assert sample.labels.dtype == torch.int64
    assert set(sample.labels.unique().tolist()) <= set(np.unique(source.labels).tolist())
    assert sample.instances is not None
    assert torch.equal(sample.instances, sample.labels * 1000 + 7)  # one geometry for both
    if mode.endswith("crop"):
        assert sample.labels.shape == (32, 32)


def test_sizes_of_the_modes() -> None:
    def size(mode: str, height: int, width: int, **kw: float) -> tuple[int, int]:
        return Geometry(mode, load_size=48, crop_size=32, **kw).size(height, width)

    assert size("resize_and_crop", 71, 97) == (48, 48)
    assert size("scale_width", 71, 97) == (35, 48)
    assert size("scale_shortside", 71, 97) == (48, 65)
    assert size("scale_shortside", 97, 71) == (65, 48)
    assert size("scale_shortside", 71, 97, published=True) == (71, 65)
    assert size("fixed", 71, 97, aspect_ratio=2.0) == (16, 32)
    assert size("none", 71, 97) == (64, 96)
    assert size("none", 3, 97) == (32, 96)
    assert size("crop", 71, 97) == (71, 97)
    assert size("crop", 16, 20) == (32, 40)  # enlarged until the crop fits
    assert size("crop", 16, 20, published=True) == (16, 20)


@pytest.mark.parametrize("mode", sorted(MODES))
def test_one_size_is_one_size(mode: str) -> None:
    geometry = Geometry(mode, load_size=48, crop_size=32, training=False)
    one = geometry.to_one_size()
    samples = [one(raw(*size), np.random.default_rng(0)) for size in ((71, 97), (97, 71), (16, 200))]
    assert {sample.labels.shape for sample in samples} == {(32, 32)}
    assert (one == geometry) == (mode.endswith("crop") or mode == "fixed")


def test_without_training_crops_are_central_and_nothing_flips() -> None:
    source = raw(40, 60)
    geometry = Geometry("crop", crop_size=32, training=False)
    for seed in range(8):
        sample = geometry(source, np.random.default_rng(seed))
        assert np.array_equal(sample.labels.numpy(), source.labels[4:36, 14:46])


def test_training_reaches_every_crop_and_both_flips() -> None:
    geometry = Geometry("crop", crop_size=32)
    plans = {geometry.plan(33, 34, np.random.default_rng(seed)) for seed in range(300)}
    assert {plan.crop for plan in plans} == {(y, x, 32, 32) for y in (0, 1) for x in (0, 1, 2)}
    assert {plan.flip for plan in plans} == {False, True}
    assert len(plans) == 12


def test_a_plan_is_a_function_of_its_seed() -> None:
    geometry = Geometry()
    first = [geometry.plan(300, 400, np.random.default_rng(seed)) for seed in range(9)]
    assert first == [geometry.plan(300, 400, np.random.default_rng(seed)) for seed in range(9)]


def test_a_flip_mirrors_everything() -> None:
    source = raw(5, 7)
    plain, mirrored = apply(source, Plan((5, 7))), apply(source, Plan((5, 7), flip=True))
    assert torch.equal(plain.image.flip(2), mirrored.image)
    assert torch.equal(plain.labels.flip(1), mirrored.labels)


def test_published_crops_beyond_the_border_are_padded() -> None:
    sample = Geometry("crop", crop_size=8, published=True)(raw(5, 6), np.random.default_rng(0))
    assert sample.labels.shape == (8, 8)
    assert sample.image[:, 5:].unique().tolist() == [-1.0]


def test_pixels_span_minus_one_to_one() -> None:
    pixels = np.array([[[0, 127, 255]]], dtype=np.uint8)
    assert to_image(pixels).flatten().tolist() == pytest.approx([-1, 127 / 127.5 - 1, 1], abs=1e-7)


def test_a_sample_does_not_alias_its_source() -> None:
    source = raw(4, 4)
    sample = apply(source, Plan((4, 4)))
    sample.labels.fill_(-5)
    sample.image.fill_(9)
    assert source.labels.min() >= 0


@pytest.mark.parametrize(
    "bad",
    [{"mode": "stretch"}, {"load_size": 0}, {"aspect_ratio": 0.0}, {"load_size": 100, "crop_size": 256}],
)
def test_bad_settings_are_sentences(bad: dict) -> None:
    with pytest.raises(SemsynthError):
        Geometry(**bad)


def test_collate_stacks_and_says_what_does_not_fit() -> None:
    a, b = (apply(raw(4, 6, seed), Plan((4, 6))) for seed in (1, 2))
    batch = collate([a, b])
    assert isinstance(batch, Batch)
    assert batch.images.shape == (2, 3, 4, 6)
    assert batch.labels.shape == (2, 4, 6)
    assert batch.instances is not None
    assert batch.keys == ("s1", "s2")
    assert len(batch.to("cpu")) == 2
    with pytest.raises(SemsynthError, match=r"s1 is 6 x 4, s3 is 7 x 5"):
        collate([a, apply(raw(5, 7, 3), Plan((5, 7)))])
    with pytest.raises(SemsynthError, match="s3 has no instance map"):
        collate([a, apply(raw(4, 6, 3, instances=False), Plan((4, 6)))])
    with pytest.raises(SemsynthError):
        collate([])
