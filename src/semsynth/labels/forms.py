"""The forms in which people have label sets, brought to one.

Every function here turns what somebody else's program wrote into the plain data that `LabelSpace.from_dict`
builds a label set from: a list of classes `{"id", "name", "color", "group"}` in order of their ids.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from semsynth.errors import SemsynthError

MAX_CLASSES = 4096
"""Most classes of a label set."""
MAX_NAME = 200
"""Longest name of a class or label set, in characters."""

EXAMPLE = '{"classes": ["sky", {"name": "sea", "color": [38, 96, 160]}]}'
VOID_NAMES = frozenset({"void", "unlabeled", "unlabelled", "ignore", "ignored", "__ignore__", "_ignore_"})
"""What other tools call pixels without a label."""

SETTINGS = ("name", "note", "void_id", "file_values", "classes")
"""What a label set in our own form may have."""

_LISTS = ("classes", "categories", "id2label", "label2id", "labels", "names")
_NOT_VOID = ("void", "void_label", "ignore", "ignore_index", "ignore_label", "ignore_id", "ignore_value")


def class_entries(data: Any) -> list[dict[str, Any]]:
    """The classes of a label set in any of the forms that are read, in order of their ids.

    A list of names or of objects; a dict from numbers to names ("id2label"), from names to numbers, to
    colours or to objects; or a dict that has one of these as "classes", "categories", "id2label",
    "label2id", "labels" or "names".

    Returns:
        `{"id": int, "name": str}` and, where given, "color" and "group".

    Raises:
        SemsynthError: It is none of these, or the ids are not 0, 1, 2, ... without gaps.
    """
    if isinstance(data, Mapping):
        wrong = next((name for name in _NOT_VOID if name in data), None)
        if wrong is not None and any(name in data for name in _LISTS):
            raise SemsynthError(f'A label set has no "{wrong}"; "void_id" is the id that means not labelled.')
        data = next((data[name] for name in _LISTS if name in data), data)
    if not isinstance(data, (list, tuple, Mapping)) or not data:
        raise SemsynthError(f"A label set needs classes, such as {EXAMPLE}; found {_shown(data)}.")
    if len(data) > MAX_CLASSES:
        raise SemsynthError(f"A label set has at most {MAX_CLASSES:,} classes; found {len(data):,}.")
    pairs = data.items() if isinstance(data, Mapping) else enumerate(data)
    read = _from_pair if isinstance(data, Mapping) else _from_item
    return in_order([read(key, value) for key, value in pairs])


def in_order(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Sort classes by their ids.

    Raises:
        SemsynthError: The ids are not 0, 1, 2, ... without gaps.
    """
    for position, entry in enumerate(entries):
        entry.setdefault("id", position)
    entries.sort(key=lambda entry: int(entry["id"]))
    ids = [entry["id"] for entry in entries]
    if ids == list(range(len(ids))):
        return entries
    twice = next((number for number, after in itertools.pairwise(ids) if number == after), None)
    if twice is not None:
        raise SemsynthError(f"Two classes have the id {twice}; every class has an id of its own.")
    listed = ", ".join(map(str, ids[:8])) + (", ..." if len(ids) > 8 else "")
    if ids == list(range(1, len(ids) + 1)):
        advice = 'put a class with the id 0 before them, such as "unlabelled" with "void_id": 0'
    else:
        advice = (
            f'number the classes 0 to {len(ids) - 1}, and say in "file_values" which value of a map stands '
            f'for which, as in {{"{ids[-1]}": {len(ids) - 1}}}'
        )
    raise SemsynthError(
        f"The ids of the classes are {listed}; they must be 0, 1, 2, ... without gaps: {advice}."
    )


def _from_item(position: int, value: Any) -> dict[str, Any]:
    """A class in a list: a name or an object."""
    if isinstance(value, str):
        return {"name": checked_name(value)}
    if not isinstance(value, Mapping):
        raise SemsynthError(
            f"Class {position} is {_shown(value)}; a name is wanted, or an object as in {EXAMPLE}."
        )
    return _from_object(value, f"Class {position}")


def _from_pair(key: Any, value: Any) -> dict[str, Any]:
    """A class in a dict: number to name, name to number, to colour or to object."""
    number = _number(key)
    if number is not None and isinstance(value, str):
        return {"id": number, "name": checked_name(value)}
    if number is not None and isinstance(value, Mapping):
        return _from_object({"id": number, **value}, f"Class {number}")
    if number is None and isinstance(value, Mapping):
        return _from_object({"name": key, **value}, f"Class {key!r}")
    if number is None and isinstance(value, (str, list, tuple)):
        return {"name": checked_name(key), "color": color(value)}
    if number is None and not isinstance(value, bool) and _number(value) is not None:
        return {"id": _number(value), "name": checked_name(key)}
    raise SemsynthError(
        f"The classes have the entry {_shown(key)}: {_shown(value)}; a number and a name are wanted, as in "
        f'{{"0": "sky", "1": "sea"}} or {{"sky": 0, "sea": 1}}.'
    )


def _from_object(value: Mapping[Any, Any], what: str) -> dict[str, Any]:
    name = next((value[key] for key in ("name", "title", "label", "readable") if key in value), None)
    if not isinstance(name, str):
        raise SemsynthError(f'{what} has no "name"; a class looks like this: {EXAMPLE}.')
    entry: dict[str, Any] = {"name": checked_name(name)}
    if value.get("id") is not None:
        entry["id"] = whole(value["id"], f"The id of class {name!r}")
    drawn = next((value[key] for key in ("color", "colour") if value.get(key) is not None), None)
    if drawn is not None:
        entry["color"] = color(drawn)
    if value.get("group") is not None:
        entry["group"] = checked_name(value["group"])
    return entry


def checked_name(name: Any) -> str:
    """A name that can be shown anywhere.

    Raises:
        SemsynthError: It is no text, too long, or holds control characters.
    """
    if not isinstance(name, str):
        raise SemsynthError(f"A name is {_shown(name)}; text is wanted.")
    if len(name) > MAX_NAME:
        raise SemsynthError(
            f"The name {name[:20]!r}... has {len(name):,} characters; at most {MAX_NAME} are read."
        )
    for char in name:
        # Cc and Cs cannot be printed or stored; the others turn the direction of what follows them.
        if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or char in "\u202a\u202b\u202c\u202d\u202e":
            raise SemsynthError(f"The name {name!r} holds the control character {char!r}; remove it.")
    return name


def color(value: Any) -> tuple[int, int, int]:
    """A colour: [r, g, b], "#rrggbb", "#rgb" or "r,g,b".

    Raises:
        SemsynthError: It is none of these.
    """
    parts: Iterable[Any] = ()
    if isinstance(value, str):
        digits = value.strip().removeprefix("#")
        if re.fullmatch(r"[0-9a-fA-F]{6}([0-9a-fA-F]{2})?", digits):
            parts = [int(digits[i : i + 2], 16) for i in (0, 2, 4)]
        elif re.fullmatch(r"[0-9a-fA-F]{3}", digits):
            parts = [17 * int(digit, 16) for digit in digits]
        elif re.fullmatch(r"\s*\d{1,3}(\s*,\s*\d{1,3}){2}\s*", value):
            parts = [int(part) for part in value.split(",")]
    elif isinstance(value, (list, tuple)) and len(value) in (3, 4):  # a fourth is the opacity
        parts = [_number(part) for part in value[:3]]
    color = tuple(part for part in parts if part is not None and 0 <= part <= 255)
    if len(color) != 3:
        raise SemsynthError(
            f"The colour {_shown(value)} is none; three numbers 0..255 are wanted, as in [38, 96, 160], or "
            f'"#2660a0".'
        )
    return color


def whole(value: Any, what: str, low: int = -(2**31), high: int = 2**32 - 1) -> int:
    """A whole number, given as a number or as its digits.

    Raises:
        SemsynthError: It is none, or outside low..high.
    """
    number = _number(value)
    if number is None or not low <= number <= high:
        raise SemsynthError(f"{what} is {_shown(value)}; a whole number {low}..{high} is wanted.")
    return number


def _number(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*-?[0-9]{1,15}\s*", value) else None
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple, Mapping)):
        kind = "an object" if isinstance(value, Mapping) else "a list"
        return f"{kind} of {len(value):,}" if value else f"{kind} of nothing"
    shown = "null" if value is None else repr(value)
    return shown if len(shown) <= 40 else f"{shown[:40]}..."


def labelmap_form(text: str) -> dict[str, Any]:
    """The label set of a labelmap.txt: a line "name:r,g,b:parts:actions" per class, or a name a line.

    Lines that begin with "#" are comments. The ids count the lines from 0; a first class "__ignore__" is
    the void 255, without a number among the others.

    Raises:
        SemsynthError: A line is not of this form.
    """
    lines = [line.strip() for line in text.splitlines()]
    rows = [(number, line) for number, line in enumerate(lines, 1) if line and not line.startswith("#")]
    classes: list[dict[str, Any]] = []
    void = None
    for number, line in rows[: MAX_CLASSES + 1]:
        name, _, rest = line.partition(":")
        if name.strip() == "__ignore__":
            void = 255
            continue
        entry: dict[str, Any] = {"name": name.strip()}
        drawn = rest.partition(":")[0].strip()
        if drawn:
            try:
                entry["color"] = color(drawn)
            except SemsynthError as error:
                raise SemsynthError(
                    f"Line {number}: {error} A line is name:r,g,b::, as in sky:51,221,255::."
                ) from None
        classes.append(entry)
    if not classes:
        raise SemsynthError("It names no class; a line is name:r,g,b::, as in sky:51,221,255::.")
    return with_void({"classes": classes, "void_id": void})


def classes_csv_form(text: str) -> dict[str, Any]:
    """The label set of a _classes.csv: a header, then a line "pixel value, class" per class.

    Raises:
        SemsynthError: A line is not of this form, or the values are not 0, 1, 2, ...
    """
    classes: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        value, comma, name = (part.strip().strip('"') for part in line.partition(","))
        if not line.strip() or (number == 1 and _number(value) is None):
            continue  # the header
        if not comma or _number(value) is None or value in classes:
            raise SemsynthError(
                f"Line {number} is {line[:40]!r}; a pixel value and a class are wanted, as in 1, sky."
            )
        classes[value] = name
    if not classes:
        raise SemsynthError("It names no class; a line is a pixel value and a class, as in 1, sky.")
    return with_void({"classes": classes})


def with_void(form: dict[str, Any]) -> dict[str, Any]:
    """The same, a class that is called unlabelled, void or the like being what void is."""
    form["classes"] = class_entries(form)
    if form.get("void_id") is None:
        named = (entry["id"] for entry in form["classes"] if entry["name"].casefold() in VOID_NAMES)
        form["void_id"] = next(named, None)
    return form
