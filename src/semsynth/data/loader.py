"""Which samples come when, and fetching them ahead of time.

The order is a function of seed and epoch, crops and flips of seed, epoch and sample: a run that was stopped
and resumed, on another number of processes even, sees what it would have seen.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from semsynth.data.sample import Batch, Dataset, RawSample, Sample, collate
from semsynth.errors import SemsynthError

Transform = Callable[[RawSample, np.random.Generator], Sample]
"""`transforms.Geometry`, or anything called like it."""

Slot = tuple[int, int]
"""Epoch and sample index."""

Item = TypeVar("Item")
Read = TypeVar("Read")


class ShardedSampler:
    """An endless, shuffled stream of global batches, of which this process gets its share.

    Every epoch visits all samples once in an order of its own; the incomplete batch at its end is dropped.

    Args:
        num_samples: Samples in the data set.
        batch_size: Samples in a global batch, over all processes.
        rank: This process, 0..world-1.
        world: How many processes there are; must divide the batch size.
        seed: What the orders derive from.
        shuffle: Whether to shuffle; otherwise samples come as stored.

    Raises:
        SemsynthError: The batch does not divide among the processes, or is larger than the data set.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        *,
        rank: int = 0,
        world: int = 1,
        seed: int = 0,
        shuffle: bool = True,
    ) -> None:
        if batch_size < 1 or batch_size % world:
            raise SemsynthError(f"The batch size {batch_size} does not divide among {world} processes.")
        if num_samples < batch_size:
            raise SemsynthError(
                f"The data set has {num_samples} samples, fewer than one batch of {batch_size}; "
                f"choose a batch size of at most {num_samples}."
            )
        self.num_samples, self.batch_size, self.seed, self.shuffle = num_samples, batch_size, seed, shuffle
        self.rank, self.world = rank, world
        self.epoch, self.offset, self.samples_seen = 0, 0, 0
        self._orders: dict[int, NDArray[np.int64]] = {}

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The order of one epoch, (num_samples,) int64."""
        if not self.shuffle:
            return np.arange(self.num_samples)
        if epoch not in self._orders:
            self._orders = {k: v for k, v in self._orders.items() if k >= epoch - 1}
            self._orders[epoch] = np.random.default_rng([self.seed, epoch]).permutation(self.num_samples)
        return self._orders[epoch]

    def global_batch(self, epoch: int, offset: int) -> list[Slot]:
        """The samples of all processes at one place of one epoch."""
        return [(epoch, int(index)) for index in self.order(epoch)[offset : offset + self.batch_size]]

    def local_batch(self, epoch: int, offset: int) -> list[Slot]:
        """This process's share of `global_batch`: one contiguous part of it."""
        share = self.batch_size // self.world
        return self.global_batch(epoch, offset)[self.rank * share : (self.rank + 1) * share]

    def following(self, epoch: int, offset: int) -> tuple[int, int]:
        """The place of the batch after this one."""
        offset += self.batch_size
        return (epoch, offset) if offset + self.batch_size <= self.num_samples else (epoch + 1, 0)

    def advance(self) -> None:
        """Count the batch at the current place as seen."""
        self.epoch, self.offset = self.following(self.epoch, self.offset)
        self.samples_seen += self.batch_size

    def state_dict(self) -> dict[str, int]:
        """The place in the stream; the same on every process."""
        return {
            "epoch": self.epoch,
            "offset": self.offset,
            "samples_seen": self.samples_seen,
            "num_samples": self.num_samples,
            "seed": self.seed,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a place, under another number of processes or another batch size if need be.

        Raises:
            SemsynthError: The place belongs to another data set or seed.
        """
        for name in ("num_samples", "seed"):
            if state[name] != getattr(self, name):
                raise SemsynthError(
                    f"The saved run had {name} {state[name]}, this one has {getattr(self, name)}: the order "
                    f"of samples cannot be continued. Use the same data and seed, or start a new run."
                )
        self.epoch, self.offset, self.samples_seen = (
            int(state[name]) for name in ("epoch", "offset", "samples_seen")
        )
        if self.offset + self.batch_size > self.num_samples:  # a larger batch no longer fits into this epoch
            self.epoch, self.offset = self.epoch + 1, 0

    def rng(self, slot: Slot) -> np.random.Generator:
        """The random numbers of one sample in one epoch, wherever and by whom it is read."""
        epoch, index = slot
        return np.random.default_rng([self.seed, epoch, index])


def batches(
    dataset: Dataset, transform: Transform, sampler: ShardedSampler, *, threads: int = 2, ahead: int = 2
) -> Iterator[Batch]:
    """Yield this process's batches without end, from where the sampler stands.

    The sampler counts a batch as seen at the moment it is handed out, not when it was fetched: its state,
    saved in the body of the loop, includes the batch at hand and nothing beyond.

    Args:
        dataset: Where samples are read from.
        transform: Brings a sample to the network's size.
        sampler: Which samples, and where in the stream.
        threads: Threads that read and transform; 0 does it in the caller's.
        ahead: Batches fetched ahead of the one in use.
    """

    def fetch(slot: Slot) -> Sample:
        return transform(dataset.read(slot[1]), sampler.rng(slot))

    def slots() -> Iterator[Slot]:
        place = sampler.epoch, sampler.offset
        while True:
            yield from sampler.local_batch(*place)
            place = sampler.following(*place)

    share = sampler.batch_size // sampler.world
    with closing(in_advance(fetch, slots(), threads, ahead * share)) as samples:
        while True:
            batch = collate(list(islice(samples, share)))
            sampler.advance()
            yield batch


def in_order(
    dataset: Dataset,
    transform: Transform,
    batch_size: int,
    *,
    threads: int = 2,
    indices: list[int] | None = None,
) -> Iterator[Batch]:
    """Yield every sample once, as stored, the last batch possibly smaller: for evaluation.

    Samples of unlike size do not share a batch: there is one for each size among those read together.

    Args:
        dataset: Where samples are read from.
        transform: Brings a sample to the network's size; it gets the same random numbers every time.
        batch_size: Samples in a batch.
        threads: Threads that read and transform.
        indices: Which samples; all of them by default.
    """
    wanted = list(range(len(dataset))) if indices is None else indices

    def fetch(index: int) -> Sample:
        return transform(dataset.read(index), np.random.default_rng([0, 0, index]))

    with closing(in_advance(fetch, wanted, max(1, threads), 2 * batch_size)) as samples:
        while group := list(islice(samples, batch_size)):
            yield from _by_size(group)


def in_advance(
    read: Callable[[Item], Read], items: Iterable[Item], threads: int, most: int
) -> Generator[Read, None, None]:
    """Read items in threads, at most so many ahead of the one in use, and yield what is read in order.

    With 0 threads each is read when it is asked for.
    """
    if threads == 0:
        yield from map(read, items)
        return
    pool = ThreadPoolExecutor(threads, thread_name_prefix="semsynth-loader")
    pending: deque[Future[Read]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(read, item))
            if len(pending) > most:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _by_size(samples: list[Sample]) -> Iterator[Batch]:
    """A batch for each size, beginning with that of the first sample."""
    for size in dict.fromkeys(sample.labels.shape for sample in samples):
        yield collate([sample for sample in samples if sample.labels.shape == size])
