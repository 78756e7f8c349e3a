"""What a verb is about to write must not stand there already, unless the user says so."""

import argparse
from collections.abc import Iterable
from pathlib import Path

from semsynth.errors import SemsynthError


def add_overwrite(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument("--overwrite", action="store_true", help="replace files that exist already")


def refuse_existing(paths: Iterable[Path], args: argparse.Namespace) -> None:
    """Refuse to begin where a file to be written exists, unless --overwrite was given.

    Args:
        paths: All files, or folders that are written as a whole.
        args: The parsed arguments.

    Raises:
        SemsynthError: Some exist.
    """
    if args.overwrite:
        return
    wanted = list(dict.fromkeys(paths))
    there = [path for path in wanted if path.exists() or path.is_symlink()]
    if not there:
        return
    if len(wanted) == 1:
        raise SemsynthError(
            f"{there[0]} exists already; choose another name, or add --overwrite to replace it."
        )
    raise SemsynthError(
        f"{len(there)} of the {len(wanted)} files to be written exist already, such as {there[0]}; choose "
        f"another folder, or add --overwrite to replace them."
    )
