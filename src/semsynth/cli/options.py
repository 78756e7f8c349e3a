"""Options that several verbs have, and how their values are read."""

import argparse
import re
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth.errors import SemsynthError

if TYPE_CHECKING:
    from semsynth.labels import LabelSpace

AddParser = Callable[..., argparse.ArgumentParser]
"""Adds the parser of a verb, with its name and its line of help; it takes the keywords of a parser."""

_DIGITS = r"[0-9]{1,20}"
"""`str.isdigit` lets "²" through, which `int` does not read, and `int` reads no number of 5000 digits."""


def add_output(parser: argparse.ArgumentParser, metavar: str, text: str = "folder to write") -> None:
    """Add --output, which the verb needs, and --overwrite."""
    parser.add_argument("-o", "--output", type=Path, required=True, metavar=metavar, help=text)
    add_overwrite(parser)


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add --overwrite, for `refuse_existing`."""
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist already")


def refuse_existing(paths: Iterable[Path], args: argparse.Namespace) -> None:
    """Refuse to begin where a file to be written exists, or a folder, unless --overwrite was given.

    Raises:
        SemsynthError: Some exist.
    """
    wanted = list(dict.fromkeys(paths))
    there = [path for path in wanted if path.exists() or path.is_symlink()]
    if args.overwrite or not there:
        return
    if len(wanted) == 1:
        raise SemsynthError(
            f"{there[0]} exists already; choose another name, or add --overwrite to replace it."
        )
    raise SemsynthError(
        f"{len(there)} of the {len(wanted)} files to be written exist already, such as {there[0]}; choose "
        f"another folder, or add --overwrite to replace them."
    )


def add_label_set(parser: argparse.ArgumentParser, text: str = "") -> None:
    """Add --label-set; --labels, its former name, which is a label map where both are options."""
    parser.add_argument("--label-set", metavar="SET", help=text)
    parser.add_argument("--labels", dest="label_set", help=argparse.SUPPRESS)


def add_data_labels(parser: argparse.ArgumentParser) -> None:
    """Add --labels, the label set of a verb's data."""
    parser.add_argument(
        "--labels", metavar="SET", help="label set of DATA, or a labels.json (default: the one it has)"
    )


def label_space_of(name: str | None) -> "LabelSpace | None":
    """The label set of a name, or of a file; None without one."""
    from semsynth.labels import NAMED, LabelSpace

    if name is None:
        return None
    return LabelSpace.named(name) if name in NAMED else LabelSpace.from_file(name)


def add_segmenter(parser: argparse.ArgumentParser, text: str, default: str | None = None) -> None:
    """Add --segmenter, and --trust for one that is a program."""
    parser.add_argument("--segmenter", default=default, help=text)
    parser.add_argument("--trust", action="store_true", help="run a segmenter that is a program (.pt, .pt2)")


def add_palette(parser: argparse.ArgumentParser) -> None:
    """Add --palette; None, the default, is "auto" unless the layout of a data set has it otherwise."""
    parser.add_argument(
        "--palette",
        choices=("auto", "index", "color"),
        help="take indexed label maps for their indices or their colours (default: auto, colours where these "
        "are the label set's and the indices are not)",
    )


def add_style(parser: argparse.ArgumentParser, default: str) -> None:
    """Add --style and --style-seed, for `read_style`."""
    parser.add_argument(
        "--style",
        action="append",
        metavar="[CLASS=]STYLE",
        help=f"a style of the model (NAME or @NAME) or a photograph; of one class with CLASS=, such as "
        f"sky=dusk.jpg; may be repeated (default: {default})",
    )
    parser.add_argument(
        "--style-seed",
        action="append",
        metavar="CLASS=SEED",
        help="a random style for one class, such as tree=7; may be repeated",
    )


def read_style(args: argparse.Namespace, styles: Collection[str]) -> str | dict[str | int, str | int] | None:
    """What --style and --style-seed ask for: one style, or a dict by class; None for neither.

    Args:
        args: Of a verb with `add_style`.
        styles: The names of the model's styles.

    Raises:
        SemsynthError: A class, or all, have two styles; or something is neither a style nor a file.
    """
    chosen: dict[str | int, str | int] = {}

    def choose(name: str, choice: str | int) -> None:
        key = int(name) if re.fullmatch(_DIGITS, name) else name
        if key in chosen:
            raise SemsynthError(f"There are two styles for {'all' if name == 'rest' else name!r}; give one.")
        chosen[key] = choice

    for text in args.style or ():
        name, equals, style = ("rest", "", text) if Path(text).exists() else text.rpartition("=")
        style = style[1:] if style.startswith("@") and style[1:] in styles else style
        if style not in styles and not Path(style).exists():
            known = ", ".join(styles) or "none"
            raise SemsynthError(
                f"--style {text}: {style!r} is neither a photograph nor a style of this model ({known})."
            )
        choose(name if equals else "rest", style)
    for text in args.style_seed or ():
        name, _, seed = text.rpartition("=")
        if not name or not re.fullmatch(_DIGITS, seed):
            raise SemsynthError(f"--style-seed {text}: give CLASS=SEED, such as tree=7.")
        choose(name, int(seed))
    rest = chosen.get("rest")
    return rest if chosen.keys() == {"rest"} and isinstance(rest, str) else chosen or None


def natural(text: str) -> int:
    """A whole number from 0 up."""
    if not re.fullmatch(_DIGITS, text):
        raise argparse.ArgumentTypeError(f"{_short(text)} is no whole number from 0 up")
    return int(text)


def read_size(text: str) -> tuple[int, int]:
    """256x384 → (256, 384)."""
    sides = re.fullmatch(f"({_DIGITS})x({_DIGITS})", text, re.IGNORECASE)
    if sides is None:
        raise argparse.ArgumentTypeError(f"{_short(text)} is no size; give HEIGHTxWIDTH, such as 256x384")
    return int(sides[1]), int(sides[2])


def read_ratio(text: str) -> float:
    """A width through a height."""
    try:
        ratio = float(text)
    except ValueError:
        ratio = 0.0
    if not 0.01 <= ratio <= 100:
        raise argparse.ArgumentTypeError(f"{_short(text)} is no width / height; allowed are 0.01 to 100")
    return ratio


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
