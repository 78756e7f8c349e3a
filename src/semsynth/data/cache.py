"""Decode a data set once: photographs, maps and instances at load size, memory-mapped from then on.

A cache is a folder named by a fingerprint of everything it depends on: the files with their sizes and times,
how they are read, the label set and the geometry. Change one of them and another cache is built; nothing is
ever stale. It is built under a temporary name, flushed and renamed, so that it is whole or absent,
also with several processes at it; one that was damaged since is built again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from semsynth.data.loader import in_advance
from semsynth.data.sample import Dataset, RawSample
from semsynth.data.transforms import Geometry, resize_photo
from semsynth.errors import SemsynthError
from semsynth.files.locking import exclusive
from semsynth.files.reading import parsing, read_json, require_regular
from semsynth.files.walking import real_path
from semsynth.files.writing import flush_folder, write_atomically
from semsynth.labels import LabelSpace
from semsynth.labels.resize import resize_map

VERSION = 1
META, MOST_META = "meta.json", 1 << 30


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
    log: Callable[[str], None] = lambda sentence: None,
) -> CachedDataset:
    """Open the cache of a data set, building it first if need be.

    Args:
        dataset: What to cache.
        folder: Where caches live; made if absent.
        geometry: The geometry training will use; samples are stored at its load size.
        threads: Threads that decode.
        report: Called with samples done and samples in all while building.
        log: Called with a sentence if a cache was damaged, or files have changed since there was one.

    Raises:
        SemsynthError: A sample cannot be read, or the disk is full. No cache is left behind then.
    """
    place = Path(folder) / fingerprint(dataset, geometry)
    place.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(place.with_suffix(".lock"), wait=True):
        if place.exists():
            try:
                return _open(dataset, place)
            except SemsynthError as error:
                log(f"{error} The cache is built again.")
                shutil.rmtree(place, ignore_errors=True)
        elif any(place.parent.glob(f"{place.name.partition('-')[0]}-*/")):
            log("Files of the data set have changed since they were cached: they are decoded again.")
        for left in place.parent.glob(f".{place.name}.*.part"):  # of a killed process
            shutil.rmtree(left, ignore_errors=True)
        _build(dataset, place, geometry, threads, report)
        return _open(dataset, place)


def fingerprint(dataset: Dataset, geometry: Geometry) -> str:
    """A name for everything a cache depends on: the way of reading, a dash, the files."""
    size = [geometry.mode, geometry.load_size, geometry.crop_size, geometry.aspect_ratio, geometry.published]
    facts = [VERSION, size, dataset.reading, dataset.label_space.to_dict()]
    way, files = hashlib.sha256(json.dumps(facts).encode()), hashlib.sha256()
    for index, key in enumerate(dataset.keys):
        for path in dataset.sources(index):
            stat = path.stat()
            files.update(os.fsencode(real_path(path)))
            files.update(f"|{key}|{stat.st_size}|{stat.st_mtime_ns}\n".encode())
    return f"{way.hexdigest()[:8]}-{files.hexdigest()[:12]}"


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
        instances = None if raw.instances is None else resize_map(raw.instances, size)
        image, labels = resize_photo(raw.image, size), resize_map(raw.labels, size)
        return RawSample(image, labels, instances, raw.key, (height, width))

    try:
        files = {part: (temporary / f"{part}.bin").open("wb") for part in types}
        try:
            for raw in in_advance(decode, range(len(dataset)), max(1, threads), 4 * threads):
                sizes.append(raw.labels.shape)
                originals.append(raw.original or raw.labels.shape)
                _append(files, types, raw)
                report(len(sizes), len(dataset))
            for file in files.values():
                file.flush()
                os.fsync(file.fileno())
        finally:
            for file in files.values():
                file.close()
        meta = {"sizes": sizes, "originals": originals, "keys": list(dataset.keys), "types": types}
        write_atomically(temporary / META, json.dumps(meta).encode())
        if not place.exists():
            temporary.rename(place)
            flush_folder(place.parent)
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


def _append(files: Mapping[str, BinaryIO], types: dict[str, str], raw: RawSample) -> None:
    for part, file in files.items():
        values = {"images": raw.image, "labels": raw.labels, "instances": raw.instances}[part]
        if values is None:
            raise SemsynthError(f"{raw.key} has no instance map; the others of its data set have one.")
        file.write(np.ascontiguousarray(values, dtype=types[part]).tobytes())


def _open(dataset: Dataset, place: Path) -> CachedDataset:
    """Map the files of a cache.

    Raises:
        SemsynthError: They are not what `_build` wrote.
    """
    meta, types = read_json(place / META, MOST_META), _types(dataset)
    with parsing(place / META, "the description of a cache"):
        sizes, originals = (np.array(meta[k], dtype=np.int64).reshape(-1, 2) for k in ("sizes", "originals"))
        if meta["types"] != types or meta["keys"] != list(dataset.keys):
            raise ValueError("it is of other samples")
        if not len(sizes) == len(originals) == len(dataset) or sizes.min(initial=1) < 1:
            raise ValueError("the sizes of its samples are wrong")
    starts = np.concatenate([[0], np.cumsum(sizes.prod(axis=1))])
    flat: dict[str, NDArray[np.integer]] = {}
    for part, kind in types.items():
        path, count = place / f"{part}.bin", int(starts[-1]) * (3 if part == "images" else 1)
        wanted = count * np.dtype(kind).itemsize
        size = require_regular(path).stat().st_size
        if size != wanted:
            raise SemsynthError(f"{path} has {size:,} bytes instead of {wanted:,}.")
        flat[part] = np.memmap(path, dtype=kind, mode="r", shape=(count,))
    space = dataset.label_space
    return CachedDataset(place, space, meta["keys"], sizes, originals, "instances" in flat, flat, starts)
