"""A data set of files: photographs, label maps and instance maps paired up on disk."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semsynth.data.pairing import NOTHING, Files, Leftovers
from semsynth.data.sample import RawSample
from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.images import PhotoReading, examine_photo
from semsynth.labels import LabelReading, LabelSpace, pack_colors, read_label_map, read_values


@dataclass(frozen=True)
class Examined:
    """A sample, and how its label map and its photograph were read."""

    sample: RawSample
    labels: LabelReading
    photo: PhotoReading


@dataclass(frozen=True)
class FileDataset:
    """Photographs and label maps paired up on disk.

    Attributes:
        name: The format it was read as.
        files: One entry per sample.
        label_space: The label set of the maps.
        left: What was found beside the samples.
        resize_photos: Whether a photograph of another size than its map is resized to it instead of refused.
        palette: How indexed label files are taken, see `read_label_map`.
        orient: Whether photographs are turned as their cameras were held, see `examine_photo`.
        fill_void: Whether `read` fills void that has no channel, see `LabelSpace.fill_void`.
        left_out: Keys of samples that were there and were left out as mostly void.
    """

    name: str
    files: tuple[Files, ...]
    label_space: LabelSpace
    left: Leftovers = NOTHING
    resize_photos: bool = False
    palette: str = "auto"
    orient: bool | None = None
    fill_void: bool = False
    left_out: tuple[str, ...] = ()

    @property
    def keys(self) -> Sequence[str]:
        """Names of the samples, in reading order."""
        return [entry.key for entry in self.files]

    @property
    def has_instances(self) -> bool:
        """Whether every sample has an instance map."""
        return bool(self.files) and all(entry.instances is not None for entry in self.files)

    @property
    def reading(self) -> str:
        """See `Dataset`."""
        return f"{type(self).__name__} {self.palette} {self.orient} {self.resize_photos} {self.fill_void}"

    def __len__(self) -> int:
        return len(self.files)

    def sources(self, index: int) -> tuple[Path, ...]:
        """The files of one sample."""
        entry = self.files[index]
        paths = (entry.image, entry.labels, entry.instances if self.has_instances else None)
        return tuple(path for path in paths if path is not None)

    def read(self, index: int) -> RawSample:
        """Decode one sample.

        Raises:
            SemsynthError: A file cannot be read, holds ids the label set does not have, or the sizes differ.
                Void is to be filled in a map that holds nothing else.
        """
        return self.examine(index).sample

    def examine(self, index: int) -> Examined:
        """Decode one sample and say how its files were read, see `read`."""
        entry, reading = self.files[index], self.read_map(index)
        labels = reading.ids
        if self.fill_void:
            try:
                labels = self.label_space.fill_void(labels)
            except SemsynthError as error:
                raise SemsynthError(f"{entry.labels}: {error} largest_void leaves such maps out.") from None
        photo = examine_photo(entry.image, labels.shape, orient=self.orient)
        image = self._fitted(index, photo.pixels, labels.shape)
        instances = None
        if self.has_instances and entry.instances is not None:
            instances = read_instance_map(entry.instances)
            if instances.shape != labels.shape:
                raise SemsynthError(
                    f"{entry.instances} is {_size(instances)} and its label map {entry.labels} is "
                    f"{_size(labels)} (width x height). They must agree."
                )
        return Examined(RawSample(image, labels, instances, entry.key), reading, photo)

    def _fitted(self, index: int, image: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
        """The photograph at the size of its label map, (H, W, 3)."""
        entry, (height, width) = self.files[index], size
        if image.shape[:2] == (height, width):
            return image
        if not self.resize_photos:
            raise SemsynthError(
                f"{entry.image} is {_size(image)} and its label map {entry.labels} is {width} x {height} "
                f"(width x height). They must agree; resize_photos=True resizes the photograph."
            )
        return resize_photo(image, (height, width))

    def read_labels(self, index: int) -> NDArray[np.int64]:
        """Decode one label map alone, void as it is stored, (H, W) int64."""
        return self.read_map(index).ids

    def read_map(self, index: int) -> LabelReading:
        """Decode one label map and say how it was read."""
        return read_label_map(self.files[index].labels, self.label_space, palette=self.palette)

    def without_instances(self) -> "FileDataset":
        """The same samples, instance maps left unread."""
        return replace(self, files=tuple(replace(entry, instances=None) for entry in self.files))

    def mostly_labelled(self, largest_void: float) -> "FileDataset":
        """The samples whose label map is void on at most this share of its pixels.

        Raises:
            SemsynthError: There is none left.
        """
        void = self.label_space.void_id

        def keep(index: int) -> bool:
            return float((self.read_labels(index) == void).mean()) <= largest_void

        with ThreadPoolExecutor(4) as pool:
            kept = list(pool.map(keep, range(len(self))))
        files = tuple(entry for entry, good in zip(self.files, kept, strict=True) if good)
        left_out = tuple(entry.key for entry, good in zip(self.files, kept, strict=True) if not good)
        if left_out and not files:
            raise SemsynthError(
                f"Each of the {len(left_out)} label maps, such as {left_out[0]}, is void on more than "
                f"{largest_void:.0%} of its pixels by label set {self.label_space.name!r}: none is left. "
                "Is it the label set they were drawn with?"
            )
        return replace(self, files=files, left_out=self.left_out + left_out)


def _size(array: NDArray[np.generic]) -> str:
    return f"{array.shape[1]} x {array.shape[0]}"


def read_instance_map(path: str | Path) -> NDArray[np.int64]:
    """Read an instance map: 8-bit, 16-bit, or coded in the 24 bits of a colour.

    Returns:
        (H, W) int64; equal numbers are one instance, and nothing else is promised.
    """
    values = read_values(path).values
    return pack_colors(values) if values.ndim == 3 else values
