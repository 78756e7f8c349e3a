"""Label sets: which ids a label map may hold, what they are called, and the colour each is drawn in."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_json, read_text
from semsynth.files.writing import write_atomically
from semsynth.labels.colors import published_palette
from semsynth.labels.fill import fill_from_nearest
from semsynth.labels.forms import (
    SETTINGS,
    checked_name,
    class_entries,
    classes_csv_form,
    labelmap_form,
    whole,
)

MAX_VALUE = 65_535
"""Largest void_id: the largest value of a 16-bit file."""

NAMED = (
    "ade20k",
    "ade20k-shifted",
    "camvid",
    "cityscapes",
    "cityscapes-19",
    "coco-stuff",
    "facades",
    "facades-cmp",
    "siftflow",
)
"""The label sets that come with the package, as `LabelSpace.named` knows them."""

GROUPS = (
    "sky", "water", "land", "plants", "roads", "buildings",
    "indoors", "people", "animals", "vehicles", "things", "void",
)  # fmt: skip
"""A painter's groups, in the order a palette shows them."""


@dataclass(frozen=True)
class LabelClass:
    """One class: its id, name, drawing colour and painter's group."""

    id: int
    name: str
    color: tuple[int, int, int]
    group: str = "things"


@dataclass(frozen=True)
class LabelSpace:
    """The classes of a data set, with ids 0..K-1.

    Attributes:
        name: What the set is called.
        classes: One entry per channel of the network, `classes[i].id == i`.
        void_id: The id that means "not labelled", or None. Within 0..K-1 it has a channel of its own; above,
            it has none: an evaluation leaves such pixels out, networks get maps after `fill_void`.
        file_values: Which id a value in a file stands for, where that is not the value itself.
        note: Where ids, names and colours come from.
    """

    name: str
    classes: tuple[LabelClass, ...]
    void_id: int | None = None
    file_values: Mapping[int, int] = field(default_factory=dict, hash=False)
    note: str = ""

    def __post_init__(self) -> None:
        ids = [entry.id for entry in self.classes]
        if not ids or ids != list(range(len(ids))):
            raise SemsynthError(
                f"Label set {self.name!r}: ids must be 0, 1, 2, ... in order; found {ids[:20]}."
            )
        if self.void_id is not None and self.void_id < 0:
            raise SemsynthError(f"Label set {self.name!r}: void_id is {self.void_id}; it must be 0 or more.")
        if self.void_id is not None and self.void_id > MAX_VALUE:
            raise SemsynthError(
                f"Label set {self.name!r}: void_id is {self.void_id}; at most {MAX_VALUE} is possible."
            )
        wrong = sorted({i for i in self.file_values.values() if not 0 <= i < len(ids) and i != self.void_id})
        if wrong:
            raise SemsynthError(
                f"Label set {self.name!r}: file_values leads to the ids {str(wrong[:8])[1:-1]}; there are "
                f"{self.allowed()}."
            )

    @property
    def num_classes(self) -> int:
        """K, the channels of a network for this set (with void, where void has one)."""
        return len(self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in id order."""
        return tuple(entry.name for entry in self.classes)

    @cached_property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Ids by painter's group, in the order of GROUPS; groups of a user's own come last."""
        order = [*GROUPS, *sorted({entry.group for entry in self.classes} - set(GROUPS))]
        members = {group: tuple(e.id for e in self.classes if e.group == group) for group in order}
        return {group: ids for group, ids in members.items() if ids}

    def palette(self) -> NDArray[np.uint8]:
        """Colours in id order, (K, 3) uint8."""
        return np.array([entry.color for entry in self.classes], dtype=np.uint8)

    def colorize(self, ids: ArrayLike) -> NDArray[np.uint8]:
        """Draw ids (H, W) as a picture (H, W, 3) uint8; a void without a channel is black."""
        colors = self.palette()
        table = np.zeros((max(self.num_classes, (self.void_id or 0) + 1), 3), dtype=np.uint8)
        table[: len(colors)] = colors
        picture: NDArray[np.uint8] = table[np.asarray(ids)]
        return picture

    def allowed(self) -> str:
        """The ids a label map may hold, in words."""
        last = self.num_classes - 1
        outside = self.void_id is not None and self.void_id > last
        return f"0..{last}" + (f" and {self.void_id} (void)" if outside else "")

    def unknown(self, values: NDArray[np.int64]) -> NDArray[np.bool_]:
        """True where a value is no id of this set."""
        outside = (values < 0) | (values >= self.num_classes)
        if self.void_id is not None:
            outside &= values != self.void_id
        return outside

    def to_ids(self, values: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        """Turn values as files hold them into ids; values `file_values` does not name stay as they are."""
        if not self.file_values or values.size == 0:
            return values.astype(np.int64, copy=False)
        keys = np.array(sorted(self.file_values), dtype=np.int64)
        meant = np.array([self.file_values[int(key)] for key in keys], dtype=np.int64)
        if values.dtype in (np.uint8, np.uint16):
            table = np.arange(np.iinfo(values.dtype).max + 1)
            within = (keys >= 0) & (keys < len(table))
            table[keys[within]] = meant[within]
            short: NDArray[np.int64] = table[values]
            return short
        wide = values.astype(np.int64, copy=False)
        place = np.searchsorted(keys, wide).clip(max=len(keys) - 1)
        ids: NDArray[np.int64] = np.where(keys[place] == wide, meant[place], wide)
        return ids

    def fill_void(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give void that has no channel the class of a nearest labelled pixel.

        Distances are steps along rows and columns.

        Args:
            ids: (..., H, W); they are returned as they are where void has a channel.

        Raises:
            SemsynthError: A map holds nothing but such void.
        """
        if self.void_id is None or self.void_id < self.num_classes:
            return ids
        void = ids == self.void_id
        if void.all(axis=(-2, -1)).any():
            raise SemsynthError("The label map holds nothing but void; there is nothing to draw.")
        return fill_from_nearest(ids, void) if void.any() else ids

    @classmethod
    def named(cls, name: str) -> "LabelSpace":
        """One of the label sets of the package (see NAMED)."""
        if name not in NAMED:
            raise SemsynthError(
                f"There is no label set {name!r}; there are {', '.join(NAMED)}, or give a JSON file."
            )
        file = resources.files("semsynth.labels").joinpath("sets", f"{name}.json")
        return cls.from_dict(json.loads(file.read_text(encoding="utf-8")))

    @classmethod
    def from_file(cls, path: str | Path) -> "LabelSpace":
        """Read a label set file: labels.json (see `from_dict`), labelmap.txt or _classes.csv."""
        path = Path(path)
        ending = path.suffix.lower()
        if ending == ".csv":
            return cls.from_classes_csv(path)
        if ending in (".txt", ".names"):
            return cls.from_labelmap(path)
        return cls._named_by(path, read_json(path))

    @classmethod
    def from_labelmap(cls, path: str | Path) -> "LabelSpace":
        """Read a labelmap.txt, as CVAT and Pascal VOC write it: "name:r,g,b:parts:actions" a line.

        The ids count the lines from 0. A file that holds a name a line is read too.
        """
        return cls._named_by(path, read_text(path), labelmap_form)

    @classmethod
    def from_classes_csv(cls, path: str | Path) -> "LabelSpace":
        """Read a _classes.csv, as Roboflow writes it: a header, then "pixel value, class" a line."""
        return cls._named_by(path, read_text(path), classes_csv_form)

    @classmethod
    def _named_by(
        cls, path: str | Path, content: Any, form: Callable[[Any], Any] = lambda data: data
    ) -> "LabelSpace":
        """Build a label set that is called after its file where it has no name, as are its errors."""
        try:
            return cls.from_dict(form(content), name=Path(path).stem)
        except SemsynthError as error:
            raise SemsynthError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, data: Any, *, name: str = "own") -> "LabelSpace":
        """Build a label set from plain data.

        Args:
            data: A dict with `classes`, and where wanted `void_id`, `file_values`, `name`, `note`. A class is
                a name, or `{"name": ..., "color": [r, g, b], "group": ...}`. The other forms that `classes`,
                or all of the data, may have are those of `class_entries`.
            name: What to call the set where the data does not.

        Raises:
            SemsynthError: What is wrong, and what is wanted.
        """
        entries = class_entries(data)
        settings = data if isinstance(data, Mapping) and any(key in data for key in SETTINGS) else {}
        void = settings.get("void_id")
        if void is not None:
            void = whole(void, "void_id", 0, MAX_VALUE)
        given = settings.get("file_values") or {}
        if not isinstance(given, Mapping) or len(given) > MAX_VALUE:
            raise SemsynthError(
                'file_values says which id a value of a file stands for, as in {"255": 0}; found '
                f"{type(given).__name__}."
            )
        values = {
            whole(key, "A value in file_values"): whole(value, "An id in file_values", 0, MAX_VALUE)
            for key, value in given.items()
        }
        spare = published_palette(len(entries)).tolist()
        classes = tuple(
            LabelClass(i, e["name"], e.get("color") or tuple(spare[i]), e.get("group") or _group(i, void))
            for i, e in enumerate(entries)
        )
        called, note = settings.get("name"), settings.get("note")
        return cls(
            checked_name(name if called is None else str(called)), classes, void, values, str(note or "")
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data that `from_dict` reads back."""
        classes = [
            {"id": e.id, "name": e.name, "color": list(e.color), "group": e.group} for e in self.classes
        ]
        return {
            "format": 1,
            "name": self.name,
            "note": self.note,
            "void_id": self.void_id,
            "file_values": {str(k): v for k, v in self.file_values.items()},
            "classes": classes,
        }

    def save(self, path: str | Path) -> None:
        """Write a labels.json, one class a line."""
        data = self.to_dict()
        rows = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in data.pop("classes"))
        head = "".join(f"  {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)},\n" for k, v in data.items())
        write_atomically(path, f'{{\n{head}  "classes": [\n{rows}\n  ]\n}}\n'.encode())


def _group(number: int, void: int | None) -> str:
    return "void" if number == void else "things"
