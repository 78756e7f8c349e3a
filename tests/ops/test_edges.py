"""Instance edges and one-hot planes, against what they mean."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.ops.edges import instance_edges, one_hot


def _by_definition(ids: torch.Tensor) -> torch.Tensor:
    batch, height, width = ids.shape
    edges = torch.zeros(batch, 1, height, width)
    for b in range(batch):
        for i in range(height):
            for j in range(width):
                for di, dj in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    y, x = i + di, j + dj
                    if 0 <= y < height and 0 <= x < width and ids[b, i, j] != ids[b, y, x]:
                        edges[b, 0, i, j] = 1
    return edges


@settings(max_examples=30, deadline=None)
@given(
    size=st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 6)),
    high=st.sampled_from([1, 2, 3, 2**40]),
    seed=st.integers(0, 1000),
)
def test_edges_are_boundaries_of_4_neighbours(size: tuple[int, int, int], high: int, seed: int) -> None:
    ids = torch.randint(0, high, size, generator=torch.Generator().manual_seed(seed))
    assert torch.equal(instance_edges(ids), _by_definition(ids))


def test_only_differences_matter() -> None:
    ids = torch.randint(0, 4, (2, 9, 7), generator=torch.Generator().manual_seed(0))
    assert torch.equal(instance_edges(ids), instance_edges(1000 - 7 * ids))
    assert not instance_edges(torch.full((1, 5, 5), 3)).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_one_hot(dtype: torch.dtype) -> None:
    ids = torch.randint(0, 5, (2, 4, 6), generator=torch.Generator().manual_seed(0))
    planes = one_hot(ids, 5, dtype=dtype)
    assert planes.shape == (2, 5, 4, 6)
    assert planes.dtype == dtype
    assert torch.equal(planes.argmax(1), ids)
    assert torch.equal(planes.sum(1), torch.ones(2, 4, 6, dtype=dtype))
    assert planes.is_contiguous(memory_format=torch.channels_last)
