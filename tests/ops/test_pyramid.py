"""The label pyramid: exact resizing, and patches that are distinct, complete and where they say."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.ops.edges import one_hot
from semsynth.ops.pyramid import LabelPyramid, distinct_patches, nearest


def _ids(batch: int, height: int, width: int, high: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, high, (batch, height, width), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_whole_factors_take_the_first_pixel_of_each_cell(factor: int) -> None:
    ids = _ids(2, 24, 48, 9)
    assert torch.equal(nearest(ids, 24 // factor, 48 // factor), ids[:, ::factor, ::factor])


@pytest.mark.parametrize("size", [(5, 7), (11, 13), (37, 6), (64, 40)])
def test_resizing_is_torchs_nearest(size: tuple[int, int]) -> None:
    ids = _ids(1, 32, 20, 250)
    # Torch multiplies by a float scale; for these sizes no product is rounded across a whole number.
    expected = F.interpolate(ids[:, None].double(), size=size, mode="nearest")[:, 0].long()
    assert torch.equal(nearest(ids, *size), expected)


def test_ids_beyond_float32_survive() -> None:
    ids = torch.tensor([[[2**24 + 1, 2**40 + 3]]])
    assert torch.equal(nearest(ids, 2, 4)[0, 0, ::2], ids[0, 0])


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(st.integers(1, 2), st.integers(1, 9), st.integers(1, 9)),
    kernel=st.sampled_from([1, 3, 5]),
    high=st.sampled_from([1, 2, 300, 50_000]),
    seed=st.integers(0, 99),
)
def test_patches_are_distinct_and_are_the_windows(
    size: tuple[int, int, int], kernel: int, high: int, seed: int
) -> None:
    ids = _ids(*size, high, seed) + 1
    numbers, windows = distinct_patches(ids, kernel, high + 1)
    padded = F.pad(ids, (kernel // 2,) * 4)
    shown = padded.unfold(1, kernel, 1).unfold(2, kernel, 1).flatten(3)  # (B,h,w,k*k)
    assert torch.equal(windows[numbers], shown)
    assert len(windows.unique(dim=0)) == len(windows)
    assert set(numbers.unique().tolist()) == set(range(len(windows)))


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("with_edges", [False, True])
def test_plan_describes_both_convolutions(kernel: int, with_edges: bool) -> None:
    labels = _ids(2, 7, 9, 3)
    edges = _ids(2, 7, 9, 2, seed=1)[:, None].float() if with_edges else None
    level = LabelPyramid(labels, 3, edges).full
    plan = level.plan(kernel)
    padded = F.pad(level.symbols, (kernel - 1,) * 4)
    large = padded.unfold(1, 2 * kernel - 1, 1).unfold(2, 2 * kernel - 1, 1)  # (B,h,w,2k-1,2k-1)
    # From a pixel's row of neighbours to their patches: every small window of its large window.
    for i in range(kernel):
        for j in range(kernel):
            named = plan.neighbours[plan.index][..., i * kernel + j]  # (B,h,w)
            inside = named > 0
            window = large[..., i : i + kernel, j : j + kernel].flatten(3)
            assert torch.equal(plan.patches[named[inside] - 1], window[inside])
            centre = window[..., (kernel * kernel) // 2]
            assert torch.equal(inside, centre > 0)  # outside the picture, and nowhere else


def test_levels_are_made_once_and_from_the_full_map() -> None:
    labels = _ids(1, 30, 30, 5)
    pyramid = LabelPyramid(labels, 5)
    small = pyramid.at(7, 7)
    assert pyramid.at(7, 7) is small
    assert small.plan(3) is small.plan(3)
    pyramid.at(15, 15)
    assert torch.equal(small.labels, nearest(labels, 7, 7))
    assert pyramid.at(30, 30) is pyramid.full


def test_dense_planes_end_with_the_edges() -> None:
    labels, edges = _ids(2, 6, 8, 4), _ids(2, 6, 8, 2, seed=3)[:, None].float()
    planes = LabelPyramid(labels, 4, edges).full.dense()
    assert planes.shape == (2, 5, 6, 8)
    assert torch.equal(planes[:, :4], one_hot(labels, 4))
    assert torch.equal(planes[:, 4:], edges)


def test_a_flat_map_has_few_windows() -> None:
    labels = torch.zeros(1, 64, 64, dtype=torch.int64)
    labels[:, 32:] = 1
    plan = LabelPyramid(labels, 2).full.plan(3)
    assert len(plan.patches) == 6 * 3  # rows: two borders, two sides of the boundary, two insides
    assert len(plan.neighbours) == 10 * 5
