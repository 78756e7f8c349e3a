"""The option that names a label set."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsynth.labels import LabelSpace


def add_label_set(parser: argparse.ArgumentParser, text: str) -> None:
    """Add --label-set; it was called --labels, which is a label map now."""
    parser.add_argument("--label-set", metavar="SET", help=text)
    parser.add_argument("--labels", dest="label_set", help=argparse.SUPPRESS)


def label_space_of(name: str | None) -> "LabelSpace | None":
    """The label set that `--label-set` names, or whose file it is; None without it."""
    from semsynth.labels import NAMED, LabelSpace

    if name is None:
        return None
    return LabelSpace.named(name) if name in NAMED else LabelSpace.from_file(name)
