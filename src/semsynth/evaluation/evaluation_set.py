"""What takes part in an evaluation: the method, and the photographs and label maps it is held against."""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from semsynth.data import Dataset
from semsynth.errors import SemsynthError
from semsynth.evaluation.protocol import Protocol, fit
from semsynth.labels.resize import resize_map

Pixels = npt.NDArray[np.uint8]
Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class EvaluatedMethod:
    """What is evaluated.

    Attributes:
        name: What tables call it.
        fingerprint: Changes whenever its pictures would: weights, or the list of files.
        draw: (key, labels (H, W), instances (H, W) | None, style photograph | None, seed) → picture (H, W, 3)
            uint8.
        has_styles: Whether other seeds give other pictures.
        takes_photos: Whether a style photograph guides it.
        loss_networks: Networks its training loss used; None where that is not recorded.
    """

    name: str
    fingerprint: str
    draw: Callable[[str, Ids, Ids | None, Pixels | None, int], Pixels]
    has_styles: bool = False
    takes_photos: bool = False
    loss_networks: tuple[str, ...] | None = None


@dataclass(frozen=True)
class EvaluationSet:
    """The pictures of a data set that take part, in the order of their keys: the order of files changes
    nothing.

    Attributes:
        data: Photographs and label maps.
        protocol: Which of them, and at which size.
        limit: If above 0, only so many, evenly spread.
    """

    data: Dataset
    protocol: Protocol
    limit: int = 0

    @cached_property
    def indices(self) -> list[int]:
        """Where they are in the data set.

        Raises:
            SemsynthError: There are none.
        """
        wanted = set(self.protocol.keys)
        chosen = [i for i, key in enumerate(self.data.keys) if not wanted or key in wanted]
        chosen.sort(key=lambda i: self.data.keys[i])
        if not chosen:
            raise SemsynthError(
                f"There is no picture to evaluate: the data set has {len(self.data)}, and protocol "
                f"{self.protocol.name!r} wants {len(wanted) or 'all'}."
            )
        if self.limit and self.limit < len(chosen):
            chosen = [chosen[i * len(chosen) // self.limit] for i in range(self.limit)]
        return chosen

    @cached_property
    def keys(self) -> list[str]:
        """What they are called."""
        return [self.data.keys[i] for i in self.indices]

    @cached_property
    def fingerprint(self) -> str:
        """16 hex digits that change with the files, wherever they lie, and with how they are read."""
        digest = hashlib.sha256(json.dumps([self.data.reading, self.data.label_space.to_dict()]).encode())
        for i in self.indices:
            for path in self.data.sources(i):
                stat = path.stat()
                digest.update(f"{self.data.keys[i]}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def __len__(self) -> int:
        return len(self.indices)

    def read(self, number: int) -> tuple[Pixels, Ids, Ids | None]:
        """Photograph (H, W, 3), label map (H, W) and instance map (H, W) at the protocol's size."""
        sample = self.data.read(self.indices[number])
        photo, labels = fit(sample.image, sample.labels, self.protocol)
        if sample.instances is None:
            return photo, labels, None
        size = (self.protocol.height, self.protocol.width)
        return photo, labels, resize_map(sample.instances, size).astype(np.int64)

    def photos(self) -> Iterator[Pixels]:
        """All photographs."""
        for number in range(len(self)):
            yield self.read(number)[0]

    def seed(self, number: int, style: int = 0) -> int:
        """A function of the key alone: neither order nor a resumed run changes a picture."""
        return zlib.crc32(f"{self.protocol.seed} {style} {self.keys[number]}".encode())
