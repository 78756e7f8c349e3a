"""What an evaluation keeps so that a stopped one goes on: the pictures a method drew, and each step's arrays.

Pictures are known by their content: one that was replaced since is not evaluated in the method's name.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import EvaluatedMethod, EvaluationSet, Pixels
from semsynth.evaluation.figure import picture_path
from semsynth.files.reading import parsing, read_arrays, read_bytes
from semsynth.files.tensors import file_sha256
from semsynth.files.writing import whole_file, write_atomically
from semsynth.images import open_image, png_bytes

Arrays = dict[str, npt.NDArray[Any]]
Step = TypeVar("Step")

OF = "of"
"""In a cache: digits of the pictures it was computed from."""

LONGEST = 1 << 30
"""Longest record, in bytes."""


@dataclass
class DrawnPictures:
    """The pictures that a method draws for an evaluation set, in the folder of its report."""

    folder: Path
    method: EvaluatedMethod
    evaluation_set: EvaluationSet
    log: Callable[[str], None]

    def draw(self, track: Callable[[Iterable[int], str], Iterable[int]]) -> list[str]:
        """Draw what is not drawn yet, or was replaced since, one map at a time; the keys of the latter.

        Every picture that is drawn is recorded, a line "sha256 key"; damaged lines do not count.
        """
        record, replaced = self.folder / "cache" / "pictures.txt", list[str]()
        text = read_bytes(record, LONGEST).decode("utf-8", "replace") if record.is_file() else ""
        rows = (line.split(" ", 1) for line in text.splitlines())
        digests = {row[1]: row[0] for row in rows if len(row) == 2 and len(row[0]) == 64}
        record.parent.mkdir(parents=True, exist_ok=True)
        for number in track(range(len(self.evaluation_set)), "drawing"):
            key = self.evaluation_set.keys[number]
            path = picture_path(self.folder, key)
            if self._is_drawn(path):
                if key not in digests or digests[key] == file_sha256(path):
                    continue
                replaced.append(key)
            _, labels, instances = self.evaluation_set.read(number)
            self.save(path, self.method.draw(key, labels, instances, None, self.evaluation_set.seed(number)))
            with record.open("a", encoding="utf-8") as file:
                file.write(f"{file_sha256(path)} {key}\n")
        return replaced

    def _is_drawn(self, path: Path) -> bool:
        """Whether a picture was drawn before and can be read; one that is damaged is drawn again."""
        if not path.exists():
            return False
        try:
            size = open_image(path).size
        except SemsynthError as error:
            self.log(f"{error} It is drawn again.")
            return False
        if size != (self.evaluation_set.protocol.width, self.evaluation_set.protocol.height):
            self.log(f"{path} is of another size than the protocol's. It is drawn again.")
            return False
        return True

    def save(self, path: Path, picture: Pixels) -> None:
        """Write a picture of the protocol's size.

        Raises:
            SemsynthError: It is of another size.
        """
        protocol = self.evaluation_set.protocol
        size = (protocol.height, protocol.width)
        if picture.shape[:2] != size:
            raise SemsynthError(
                f"{self.method.name} gave a picture of {picture.shape[0]} x {picture.shape[1]} for "
                f"{path.stem}, but the protocol evaluates {size[0]} x {size[1]} (height x width). Draw at "
                "that size, or write a protocol for the other."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, png_bytes(Image.fromarray(picture)))

    def read(self) -> Iterator[Pixels]:
        """The pictures (H, W, 3), in the order of the evaluation set."""
        for key in self.evaluation_set.keys:
            yield np.asarray(open_image(picture_path(self.folder, key)).convert("RGB"))

    @cached_property
    def digest(self) -> str:
        """16 hex digits that change with the pictures that were drawn."""
        digest = hashlib.sha256()
        for key in self.evaluation_set.keys:
            digest.update(bytes.fromhex(file_sha256(picture_path(self.folder, key))))
        return digest.hexdigest()[:16]


def kept_step(
    path: Path,
    compute: Callable[[], Arrays],
    read: Callable[[Arrays], Step],
    of: str,
    log: Callable[[str], None],
) -> Step:
    """What a step gives, from the cache where it was done before; a damaged cache is made again.

    Args:
        path: The .npz file of the cache.
        compute: Does the step.
        read: Arrays → what the step gives; it raises an error for arrays that the step cannot have given.
        of: Digits of the pictures that the step looks at, where they may change.
        log: Called with a sentence on a cache that is made again.
    """
    if path.exists():
        try:
            held = read_arrays(path)
            if str(held.pop(OF, "")) == of:
                with parsing(path, "what this step keeps"):
                    return read(held)
            why = "It does not belong to the pictures as they are now."
        except SemsynthError as error:
            why = str(error)
        log(f"{path} is made again: {why}")
    arrays = compute()
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, **arrays, **{OF: np.array(of)})  # type: ignore[arg-type]
    return read(arrays)
