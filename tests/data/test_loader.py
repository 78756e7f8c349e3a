"""The stream of samples: complete, sharded, resumable, and indifferent to threads."""

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsynth.data import load_dataset
from semsynth.data.loader import ShardedSampler, Slot, batches, in_order
from semsynth.data.sample import Batch, RawSample
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.data import trees


class Numbers:
    """A data set whose sample i is painted with i."""

    def __init__(self, count: int, broken: int | None = None) -> None:
        self.count, self.broken = count, broken
        self.label_space = LabelSpace.named("siftflow")
        self.has_instances = False
        self.reads: list[int] = []

    @property
    def keys(self) -> Sequence[str]:
        return [str(i) for i in range(self.count)]

    def __len__(self) -> int:
        return self.count

    def sources(self, index: int) -> tuple[Path, ...]:
        return ()

    def read(self, index: int) -> RawSample:
        self.reads.append(index)
        if index == self.broken:
            raise SemsynthError(f"{index}.png is broken.")
        ramp = np.arange(20 * 24).reshape(20, 24) % 34
        image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint8)
        return RawSample(image, ramp, None, str(index))


SHAPES = st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))


@given(shape=SHAPES, seed=st.integers(0, 5))
@settings(max_examples=50)
def test_an_epoch_visits_every_sample_at_most_once(shape: tuple[int, int], seed: int) -> None:
    count, size = shape
    sampler = ShardedSampler(count, size, seed=seed)
    seen: list[Slot] = []
    while sampler.epoch == 0:
        seen += sampler.local_batch(sampler.epoch, sampler.offset)
        sampler.advance()
    assert len(seen) == len(set(seen)) == count // size * size
    assert {index for _, index in seen} <= set(range(count))
    assert (sampler.epoch, sampler.offset, sampler.samples_seen) == (1, 0, len(seen))


@given(share=st.integers(1, 4), world=st.integers(1, 4), spare=st.integers(0, 9), seed=st.integers(0, 5))
@settings(max_examples=50)
def test_the_ranks_together_are_one_process(share: int, world: int, spare: int, seed: int) -> None:
    size = share * world
    alone = ShardedSampler(size + spare, size, seed=seed)
    ranks = [ShardedSampler(size + spare, size, rank=r, world=world, seed=seed) for r in range(world)]
    for epoch in range(3):
        together = [slot for rank in ranks for slot in rank.local_batch(epoch, 0)]
        assert together == alone.local_batch(epoch, 0)


@given(stop=st.integers(0, 30), world=st.sampled_from([1, 2, 4]), shape=st.integers(4, 30))
@settings(max_examples=50)
def test_resuming_continues_under_any_number_of_processes(stop: int, world: int, shape: int) -> None:
    whole = ShardedSampler(shape, 4, seed=1)
    for _ in range(stop):
        whole.advance()
    state = whole.state_dict()
    ranks = [ShardedSampler(shape, 4, rank=r, world=world, seed=1) for r in range(world)]
    for rank in ranks:
        rank.load_state_dict(state)
    for _ in range(10):
        together = [slot for rank in ranks for slot in rank.local_batch(rank.epoch, rank.offset)]
        assert together == whole.global_batch(whole.epoch, whole.offset)
        for sampler in (whole, *ranks):
            sampler.advance()
    assert ranks[0].state_dict() == whole.state_dict()


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    a, b = ShardedSampler(50, 5, seed=0), ShardedSampler(50, 5, seed=1)
    orders = [a.order(0), a.order(1), b.order(0)]
    assert all(not np.array_equal(x, y) for x, y in itertools.combinations(orders, 2))
    assert np.array_equal(ShardedSampler(50, 5, seed=0).order(7), a.order(7))
    assert np.array_equal(ShardedSampler(5, 5, shuffle=False).order(3), np.arange(5))


def test_a_larger_batch_after_resuming_starts_the_next_epoch_when_it_does_not_fit() -> None:
    small = ShardedSampler(10, 2, seed=0)
    for _ in range(4):
        small.advance()
    large = ShardedSampler(10, 4, seed=0)
    large.load_state_dict(small.state_dict())
    assert (large.epoch, large.offset, large.samples_seen) == (1, 0, 8)


def test_what_cannot_be_continued_is_said() -> None:
    state = ShardedSampler(10, 2, seed=0).state_dict()
    for other in (ShardedSampler(11, 2, seed=0), ShardedSampler(10, 2, seed=3)):
        with pytest.raises(SemsynthError, match="cannot be continued"):
            other.load_state_dict(state)


def test_bad_batch_sizes_are_sentences() -> None:
    with pytest.raises(SemsynthError, match="does not divide among 2"):
        ShardedSampler(10, 3, world=2)
    with pytest.raises(SemsynthError, match="fewer than one batch of 16"):
        ShardedSampler(10, 16)


GEOMETRY = Geometry("crop", crop_size=8)


def take(stream: "itertools.islice[Batch]") -> list[tuple[tuple[str, ...], torch.Tensor]]:
    return [(batch.keys, batch.images) for batch in stream]


def same(a: list, b: list) -> bool:
    return len(a) == len(b) and all(
        x[0] == y[0] and torch.equal(x[1], y[1]) for x, y in zip(a, b, strict=True)
    )


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_nothing(threads: int) -> None:
    alone = batches(Numbers(11), GEOMETRY, ShardedSampler(11, 4, seed=2), threads=0)
    many = batches(Numbers(11), GEOMETRY, ShardedSampler(11, 4, seed=2), threads=threads, ahead=3)
    assert same(take(itertools.islice(alone, 7)), take(itertools.islice(many, 7)))
    many.close()


def test_a_run_stopped_and_resumed_sees_what_it_would_have_seen() -> None:
    sampler = ShardedSampler(11, 4, seed=2)
    stream = batches(Numbers(11), GEOMETRY, sampler)
    whole = take(itertools.islice(batches(Numbers(11), GEOMETRY, ShardedSampler(11, 4, seed=2)), 9))
    first = take(itertools.islice(stream, 5))
    state = sampler.state_dict()  # taken while batches beyond were already being fetched
    stream.close()
    assert state["samples_seen"] == 20
    resumed = ShardedSampler(11, 4, seed=2)
    resumed.load_state_dict(state)
    assert same(first + take(itertools.islice(batches(Numbers(11), GEOMETRY, resumed), 4)), whole)


def test_two_ranks_are_one_process_with_the_whole_batch() -> None:
    whole = take(itertools.islice(batches(Numbers(9), GEOMETRY, ShardedSampler(9, 4)), 4))
    halves = [
        take(itertools.islice(batches(Numbers(9), GEOMETRY, ShardedSampler(9, 4, rank=r, world=2)), 4))
        for r in (0, 1)
    ]
    joined = [(a[0] + b[0], torch.cat([a[1], b[1]])) for a, b in zip(*halves, strict=True)]
    assert same(joined, whole)


def test_crops_differ_between_epochs() -> None:
    sampler = ShardedSampler(1, 1, seed=0)
    images = [image for _, image in take(itertools.islice(batches(Numbers(1), GEOMETRY, sampler), 12))]
    assert len({image.numpy().tobytes() for image in images}) > 6


def test_reading_stays_bounded_ahead() -> None:
    data = Numbers(1000)
    stream = batches(data, GEOMETRY, ShardedSampler(1000, 4), threads=1, ahead=2)
    next(stream)
    stream.close()
    assert len(data.reads) <= 12


def test_a_broken_file_stops_the_stream_with_its_sentence() -> None:
    with pytest.raises(SemsynthError, match=r"3\.png is broken"):
        take(itertools.islice(batches(Numbers(8, broken=3), GEOMETRY, ShardedSampler(8, 4)), 2))


def test_in_order_yields_every_sample_once() -> None:
    geometry = Geometry("crop", crop_size=8, training=False)
    keys = [batch.keys for batch in in_order(Numbers(7), geometry, 3)]
    assert keys == [("0", "1", "2"), ("3", "4", "5"), ("6",)]
    chosen = [batch.keys for batch in in_order(Numbers(7), geometry, 2, indices=[5, 1, 6])]
    assert chosen == [("5", "1"), ("6",)]


def test_in_order_puts_unlike_sizes_into_batches_of_their_own(tmp_path: Path) -> None:
    for key, width in enumerate([32, 64, 32, 64, 32]):
        trees.photo(tmp_path / "images" / f"{key}.png", size=(32, width))
        trees.ids(tmp_path / "labels" / f"{key}.png", size=(32, width))
    data = load_dataset(tmp_path, label_space=LabelSpace.named("siftflow"))
    keys = [batch.keys for batch in in_order(data, Geometry("none"), 3)]
    assert keys == [("0", "2"), ("1",), ("3",), ("4",)]
