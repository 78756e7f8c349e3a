"""Label sets: which ids a label map may hold, what they are called, and the colour each is drawn in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically

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
        found = [entry.id for entry in self.classes]
        if not found or found != list(range(len(found))):
            raise SemsynthError(
                f"Label set {self.name!r}: ids must be 0, 1, 2, ... in order; found {found[:20]}."
            )
        if self.void_id is not None and self.void_id < 0:
            raise SemsynthError(f"Label set {self.name!r}: void_id is {self.void_id}; it must be 0 or more.")
        wrong = sorted(i for i in self.file_values.values() if not 0 <= i < len(found) and i != self.void_id)
        if wrong or any(value < 0 for value in self.file_values):
            raise SemsynthError(
                f"Label set {self.name!r}: file_values leads to ids it does not have: {wrong}."
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

    def to_ids(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Turn values as files hold them into ids; values `file_values` does not name stay as they are."""
        if not self.file_values or values.size == 0:
            return values
        table = np.arange(max(self.file_values) + 1)
        table[list(self.file_values)] = list(self.file_values.values())
        named = (values >= 0) & (values < len(table))
        ids: NDArray[np.int64] = np.where(named, table[np.where(named, values, 0)], values)
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
            raise SemsynthError("the label map holds nothing but void; there is nothing to draw")
        return _grow(ids, void) if void.any() else ids

    @classmethod
    def named(cls, name: str) -> "LabelSpace":
        """One of the label sets of the package (see NAMED)."""
        if name not in NAMED:
            raise SemsynthError(
                f"There is no label set {name!r}; there are {', '.join(NAMED)}, or give a JSON file."
            )
        text = resources.files("semsynth").joinpath("labelsets", f"{name}.json").read_text(encoding="utf-8")
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_file(cls, path: str | Path) -> "LabelSpace":
        """Read a labels.json (see `from_dict`)."""
        path = Path(path)
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise SemsynthError(f"{path} cannot be read: {error.strerror}.") from None
        except ValueError as error:
            raise SemsynthError(f"{path} is not valid JSON: {error}.") from None
        if isinstance(data, dict):
            data.setdefault("name", path.stem)
        try:
            return cls.from_dict(data)
        except SemsynthError as error:
            raise SemsynthError(f"{path}: {error}") from None

    @classmethod
    def from_dict(cls, data: Any) -> "LabelSpace":
        """Build a label set from plain data.

        Args:
            data: A dict with `classes`, and where wanted `void_id`, `file_values`, `name`, `note`. A class is
                a name, or `{"name": ..., "color": [r, g, b], "group": ...}`.
        """
        try:
            entries = [{"name": e} if isinstance(e, str) else dict(e) for e in data["classes"]]
            spare = published_palette(len(entries))
            void = data.get("void_id")
            classes = tuple(
                LabelClass(
                    id=int(e.get("id", i)),
                    name=str(e["name"]),
                    color=_color(e.get("color", spare[i])),
                    group=str(e.get("group", "void" if i == void else "things")),
                )
                for i, e in enumerate(entries)
            )
            values = {int(k): int(v) for k, v in (data.get("file_values") or {}).items()}
            return cls(
                str(data.get("name", "own")), classes, None if void is None else int(void), values,
                str(data.get("note", "")),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            what = f"{type(error).__name__}: {error}"
            raise SemsynthError(
                f'A label set needs "classes", a list of names or of objects; {what}.'
            ) from None

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


def _color(value: Any) -> tuple[int, int, int]:
    red, green, blue = (int(part) for part in value)
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"colour {list(value)} is not three numbers 0..255")
    return red, green, blue


def _grow(ids: NDArray[np.int64], void: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Let the labels of (..., H, W) grow into void, one step at a time, until it is gone."""
    rim = [(0, 0)] * (ids.ndim - 2) + [(1, 1)] * 2  # neither known nor missing, so that no step needs a check
    values, known, missing = (np.pad(part, rim) for part in (ids, ~void, void))
    shape, row = values.shape, values.shape[-1]
    values, known, missing = values.ravel(), known.ravel(), missing.ravel()
    steps = np.array([-row, row, -1, 1])
    edge = np.flatnonzero(missing)
    while edge.size:
        around = edge[:, None] + steps  # (n, 4)
        labelled = known[around]
        reached = labelled.any(axis=1)
        edge, source = edge[reached], around[reached, labelled[reached].argmax(axis=1)]
        values[edge] = values[source]
        known[edge], missing[edge] = True, False
        near = np.unique(edge[:, None] + steps)
        edge = near[missing[near]]
    return np.ascontiguousarray(values.reshape(shape)[..., 1:-1, 1:-1])


def published_palette(count: int) -> NDArray[np.uint8]:
    """The palette the published releases draw label maps with, for sets that have none.

    The bits of id + 1 are dealt to red, green and blue, highest colour bit first.

    Returns:
        (count, 3) uint8, distinct for the first 255.
    """
    colors = np.zeros((count, 3), dtype=np.int64)
    rest = np.arange(1, count + 1)
    for shift in range(7, 0, -1):
        for channel in range(3):
            colors[:, channel] |= ((rest >> channel) & 1) << shift
        rest >>= 3
    return colors.astype(np.uint8)
