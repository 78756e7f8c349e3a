"""Decode a data set once: photographs, maps and instances at load size, memory-mapped from then on.

A cache is a folder named by a fingerprint of everything it depends on: the files with their sizes and times,
how they are read, the label set and the geometry. Change one of them and another cache is built; nothing is
ever stale. It is built under a temporary name and renamed, so that it is whole or absent, also with several
processes at it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from semsynth.data.sample import Dataset, RawSample
from semsynth.data.transforms import Geometry, resize_ids, resize_photo
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace

VERSION = 1
PARTS = ("images", "labels", "instances")


@dataclass(frozen=True)
class CachedDataset:
    """A data set read from a cache; samples come resized, so the same geometry only crops and mirrors.

    Attributes:
        folder: The cache.
        label_space: The label set of the maps.
        keys: Names of the samples.
        sizes: Height and width of each, (N, 2) int64.
        originals: Height and width of each before it was resized, (N, 2) int64.
        has_instances: Whether there are instance maps.
    """

    folder: Path
    label_space: LabelSpace
    keys: Sequence[str]
    sizes: NDArray[np.int64]
    originals: NDArray[np.int64]
    has_instances: bool
    _flat: dict[str, NDArray[np.integer]] = field(repr=False)
    _starts: NDArray[np.int64] = field(repr=False)

    @property
    def reading(self) -> str:
        """See `Dataset`: the fingerprint it was built under."""
        return self.folder.name

    def __len__(self) -> int:
        return len(self.keys)

    def sources(self, index: int) -> tuple[Path, ...]:
        """The files all samples are read from."""
        return tuple(self.folder / f"{part}.bin" for part in self._flat)

    def read(self, index: int) -> RawSample:
        """Views into the mapped files; nothing is decoded."""
        index = range(len(self))[index]
        height, width = (int(side) for side in self.sizes[index])
        start, stop = int(self._starts[index]), int(self._starts[index + 1])
        instances = self._flat.get("instances")
        return RawSample(
            image=self._flat["images"][3 * start : 3 * stop].reshape(height, width, 3).view(np.uint8),
            labels=self._flat["labels"][start:stop].reshape(height, width),
            instances=None if instances is None else instances[start:stop].reshape(height, width),
            key=self.keys[index],
            original=(int(self.originals[index, 0]), int(self.originals[index, 1])),
        )


def cached(
    dataset: Dataset,
    folder: str | Path,
    geometry: Geometry,
    *,
    threads: int = 2,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> CachedDataset:
    """Open the cache of a data set, building it first if need be.

    Args:
        dataset: What to cache.
        folder: Where caches live; made if absent.
        geometry: The geometry training will use; samples are stored at its load size.
        threads: Threads that decode.
        report: Called with samples done and samples in all while building.

    Raises:
        SemsynthError: A sample cannot be read, or the disk is full. No cache is left behind then.
    """
    place = Path(folder) / fingerprint(dataset, geometry)
    with _lock(place) as alone:
        if not (place / "meta.json").is_file():
            for left in place.parent.glob(f".{place.name}.*.part") if alone else ():  # of a killed process
                shutil.rmtree(left, ignore_errors=True)
            _build(dataset, place, geometry, threads, report)
    return _open(place, dataset.label_space)


def fingerprint(dataset: Dataset, geometry: Geometry) -> str:
    """A name for everything a cache depends on."""
    size = [geometry.mode, geometry.load_size, geometry.crop_size, geometry.aspect_ratio, geometry.published]
    facts = [VERSION, size, dataset.reading, dataset.label_space.to_dict()]
    digest = hashlib.sha256(json.dumps(facts).encode())
    for index, key in enumerate(dataset.keys):
        for path in dataset.sources(index):
            stat = path.stat()
            digest.update(
                os.fsencode(path.resolve()) + f"|{key}|{stat.st_size}|{stat.st_mtime_ns}\n".encode()
            )
    return digest.hexdigest()[:20]


@contextmanager
def _lock(place: Path) -> Iterator[bool]:
    """Let one process build while others wait; without locks (False), all build and the first one wins."""
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        import fcntl
    except ImportError:
        yield False
        return
    with place.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield True


def _build(
    dataset: Dataset, place: Path, geometry: Geometry, threads: int, report: Callable[[int, int], None]
) -> None:
    temporary = place.with_name(f".{place.name}.{os.getpid()}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    types = _types(dataset)
    sizes: list[tuple[int, ...]] = []
    originals: list[tuple[int, ...]] = []

    def decode(index: int) -> RawSample:
        raw = dataset.read(index)
        height, width = raw.labels.shape
        size = geometry.size(height, width)
        instances = None if raw.instances is None else resize_ids(raw.instances, size)
        image, labels = resize_photo(raw.image, size), resize_ids(raw.labels, size)
        return RawSample(image, labels, instances, raw.key, (height, width))

    try:
        files = {part: (temporary / f"{part}.bin").open("wb") for part in types}
        try:
            for raw in _in_order(decode, len(dataset), threads):
                sizes.append(raw.labels.shape)
                originals.append(raw.original or raw.labels.shape)
                _append(files, types, raw)
                report(len(sizes), len(dataset))
        finally:
            for file in files.values():
                file.close()
        meta = {"sizes": sizes, "originals": originals, "keys": list(dataset.keys), "types": types}
        (temporary / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        if not place.exists():
            temporary.rename(place)
    except OSError as error:
        raise SemsynthError(f"The cache {place} cannot be written: {error.strerror or error}.") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _types(dataset: Dataset) -> dict[str, str]:
    """The smallest number types that hold the parts of a data set."""
    space = dataset.label_space
    largest = max(space.num_classes - 1, space.void_id or 0)
    types = {"images": "uint8", "labels": "uint8" if largest < 256 else "uint16"}
    return types | {"instances": "int32"} if dataset.has_instances else types


def _in_order(decode: Callable[[int], RawSample], count: int, threads: int) -> Iterator[RawSample]:
    """Decode in threads, a bounded number ahead, and yield in order."""
    with ThreadPoolExecutor(max(1, threads)) as pool:
        indices = iter(range(count))
        pending = [pool.submit(decode, index) for index in islice(indices, 4 * threads)]
        while pending:
            yield pending.pop(0).result()
            pending += [pool.submit(decode, index) for index in islice(indices, 1)]


def _append(files: Mapping[str, BinaryIO], types: dict[str, str], raw: RawSample) -> None:
    for part, file in files.items():
        values = {"images": raw.image, "labels": raw.labels, "instances": raw.instances}[part]
        if values is None:
            raise SemsynthError(f"{raw.key} has no instance map; the others of its data set have one.")
        file.write(np.ascontiguousarray(values, dtype=types[part]).tobytes())


def _open(place: Path, space: LabelSpace) -> CachedDataset:
    meta = json.loads((place / "meta.json").read_text(encoding="utf-8"))
    sizes, originals = (np.array(meta[k], dtype=np.int64).reshape(-1, 2) for k in ("sizes", "originals"))
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
    flat: dict[str, NDArray[np.integer]] = {
        part: np.memmap(place / f"{part}.bin", dtype=kind, mode="r") for part, kind in meta["types"].items()
    }
    return CachedDataset(place, space, meta["keys"], sizes, originals, "instances" in flat, flat, starts)
