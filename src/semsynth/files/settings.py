"""Settings: a table of TOML or JSON as the keyword arguments of a class, checked against its signature.

Beside its type, an annotation may hold the range of numbers that is allowed; allowed words are a `Literal`.
"""

import dataclasses
import difflib
import inspect
import math
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from semsynth.errors import SemsynthError
from semsynth.files.reading import shown

Built = TypeVar("Built")


@dataclass(frozen=True)
class Range:
    """The finite numbers that a setting may be."""

    least: float
    most: float


Positive = Annotated[int, Range(1, 2**53)]
Natural = Annotated[int, Range(0, 2**53)]
NonNegative = Annotated[float, Range(0.0, math.inf)]


@dataclass(frozen=True)
class Keyword:
    """A keyword argument, as help shows it.

    Attributes:
        name: Of the argument.
        kind: Its type, in words.
        default: Its default, as TOML writes it; empty where there is none.
        text: Its entry in the docstring.
    """

    name: str
    kind: str
    default: str
    text: str


def fill(builder: type[Built], table: Mapping[str, Any], where: object, section: str = "") -> Built:
    """Call a class with the values of a table.

    Args:
        builder: The class.
        table: Values as TOML or JSON give them; tables in it fill dataclasses.
        where: What to name in errors.
        section: The table's name, likewise.

    Raises:
        SemsynthError: An unknown or a missing key, or a value that is not allowed.
    """
    values = read_keywords(builder, table, where, section)
    missing = _parameters(builder).keys() - defaults(builder).keys() - values.keys()
    if missing:
        raise SemsynthError(
            f"{where} lacks {', '.join(f'{section}.{name}'.lstrip('.') for name in sorted(missing))}."
        )
    try:
        return builder(**values)
    except SemsynthError as error:
        raise SemsynthError(f"{where}: {error}") from None


def check(settings: Any) -> None:
    """Refuse a dataclass whose values its annotations do not allow: for its `__post_init__`.

    Raises:
        SemsynthError: A value that is not allowed.
    """
    for name, hint in _hints(type(settings)).items():
        if name != "return":
            _convert(getattr(settings, name), hint, "", name)


def read_keywords(
    builder: Any, table: Mapping[str, Any], where: object, section: str, owner: str = ""
) -> dict[str, Any]:
    """The values of a table as keyword arguments of a class, each of the annotated type.

    Args:
        builder: The class.
        table: See `fill`; so are `where` and `section`.
        where: What to name in errors.
        section: The table's name, likewise.
        owner: Whose settings they are, as a sentence about an unknown one ends: " of the method oasis".

    Raises:
        SemsynthError: An unknown key, or a value that is not allowed.
    """
    check_keywords(builder, table, where, section, owner)
    hints = _hints(builder)
    return {
        key: _convert(value, hints[key], where, f"{section}.{key}".lstrip("."))
        for key, value in table.items()
    }


def check_keywords(
    builder: Any, table: Mapping[str, Any], where: object, section: str, owner: str = ""
) -> None:
    """Refuse keywords that a class does not take, naming the nearest that it does; see `read_keywords`."""
    known = list(_parameters(builder))
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            hint = f"; did you mean {near[0]}? Known are" if near else "; known are"
            name = f"{section}.{key}".lstrip(".")
            raise SemsynthError(f"{where}: there is no setting {name}{owner}{hint} {', '.join(known)}.")


def defaults(builder: Any) -> dict[str, Any]:
    """The keyword arguments that a class has a default for, with it."""
    return {
        name: parameter.default
        for name, parameter in _parameters(builder).items()
        if parameter.default is not inspect.Parameter.empty
    }


def describe(builder: Any, changed: Mapping[str, Any] | None = None) -> list[Keyword]:
    """The keyword arguments of a class, with their entries in its docstring or in those of its bases.

    Args:
        builder: The class.
        changed: Values that take the place of its defaults.
    """
    texts: dict[str, str] = {}
    for base in reversed(builder.__mro__):
        texts |= _entries(base.__doc__ or "")
    hints = _hints(builder)
    return [
        Keyword(name, _kind(hints[name]), _toml((changed or {}).get(name, p.default)), texts.get(name, ""))
        for name, p in _parameters(builder).items()
    ]


def _parameters(builder: Any) -> dict[str, inspect.Parameter]:
    return {name: p for name, p in inspect.signature(builder).parameters.items() if name != "self"}


def _hints(builder: Any) -> dict[str, Any]:
    return typing.get_type_hints(builder.__init__, include_extras=True)


def _convert(value: Any, hint: Any, where: object, name: str) -> Any:
    """A value as its class takes it: lists become tuples, whole numbers floats, tables dataclasses."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _within(_convert(value, parts[0], where, name), parts[1], where, name)
    if origin is Literal:
        if value not in parts:
            raise _refused(value, f"allowed are {', '.join(parts)}", where, name)
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return fill(typing.cast(type[Any], hint), value, where, name)
    if origin is types.UnionType:  # X | None
        inner = next(part for part in parts if part is not type(None))
        return None if value is None else _convert(value, inner, where, name)
    if origin in (tuple, list) and isinstance(value, list | tuple):
        return origin(_convert(item, parts[0], where, name) for item in value)
    if origin is dict and isinstance(value, Mapping):
        return {key: _convert(item, parts[1], where, f"{name}.{key}") for key, item in value.items()}
    if hint is float and type(value) in (int, float):
        if not math.isfinite(value):
            raise _refused(value, "it must be a finite number", where, name)
        return float(value)
    if hint is Any or type(value) is hint:
        return value
    wanted = hint.__name__ if isinstance(hint, type) and not parts else str(hint)
    raise _refused(value, f"it must be of type {wanted}", where, name)


def _within(value: Any, allowed: Range, where: object, name: str) -> Any:
    """Refuse a number outside a range."""
    if not allowed.least <= value <= allowed.most:
        bound = f"at most {allowed.most:g}" if value > allowed.most else f"at least {allowed.least:g}"
        raise _refused(value, f"it must be {bound}", where, name)
    return value


def _refused(value: Any, wanted: str, where: object, name: str) -> SemsynthError:
    return SemsynthError(f"{f'{where}: ' if where else ''}{name} is {shown(value)}; {wanted}.")


def _entries(docstring: str) -> dict[str, str]:
    """The entries of a docstring's Args or Attributes: name → text in one line."""
    block = re.search(r"\n( *)(?:Args|Attributes):\n((?:\1 +.*\n|\n)+)", f"{docstring}\n")
    if block is None:
        return {}
    entries = re.findall(rf"^{block[1]}    (\w+): (.*(?:\n{block[1]}     +.*)*)", block[2], re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _kind(hint: Any) -> str:
    """A type in words: "int", "hinge|ls", "[float, ...]"."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _kind(inner[0])
    if origin is Literal:
        return "|".join(inner)
    if origin is types.UnionType:
        return _kind(inner[0])
    if origin is dict:
        return "table"
    if inner:  # a tuple or a sequence
        kinds = ["..." if arg is ... else _kind(arg) for arg in inner]
        return f"[{', '.join(kinds)}]"
    return {str: "text"}.get(hint, getattr(hint, "__name__", ""))


def _toml(value: Any) -> str:
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if value is inspect.Parameter.empty or repr(value) == "<factory>":
        return ""
    return "none" if value is None else str(value)
