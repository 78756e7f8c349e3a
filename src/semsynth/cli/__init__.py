"""The command line: one file a verb. Only this package parses arguments, prints, or decides exit codes.

A verb's module has `add_parser(add)`, see `options.AddParser`. It sets `func`: parsed arguments → exit code.
Modules are imported when their verb is used, torch inside the functions, so that `--help` answers at once.
"""

import argparse
import functools
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence

from semsynth import __version__
from semsynth.cli.terminal import plain, plain_streams
from semsynth.errors import SemsynthError
from semsynth.ops import processor

VERBS: dict[str, tuple[str, str]] = {
    "synthesize": ("semsynth.cli.synthesize", "synthesize images from label maps"),
    "demo": ("semsynth.cli.demo", "synthesize the example label maps in three styles each"),
    "edit": ("semsynth.cli.edit", "change a photograph by changing its label map"),
    "app": ("semsynth.cli.app", "paint label maps in the browser and see the image follow"),
    "train": ("semsynth.cli.train", "train a model by a recipe"),
    "evaluate": ("semsynth.cli.evaluate", "measure FID, mIoU and pixel accuracy"),
    "compare": ("semsynth.cli.compare", "set systems side by side: tables and figures"),
    "explain": ("semsynth.cli.explain", "show what a network's norms leave of its labels"),
    "segment": ("semsynth.cli.segment", "make label maps of photographs"),
    "segmenter": ("semsynth.cli.segmenter", "train and score a segmentation network"),
    "features": ("semsynth.cli.features", "train a feature network for evaluation"),
    "data": ("semsynth.cli.data", "check and preview a data set"),
    "model": ("semsynth.cli.model", "import published checkpoints, describe a model folder"),
    "info": ("semsynth.cli.info", "versions, device, and what is installed"),
}
"""Verb → module, and the line `--help` shows."""

REFUSED, INTERRUPTED = 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the arguments after the program's name; None takes the process's own.

    Returns:
        0 for success, 2 where something given cannot be used, 130 where the user interrupted.
    """
    _print_anything()
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((word for word in arguments if not word.startswith("-")), None)
    try:
        processor.limit()  # one that cannot be kept is refused before anything else
        parser = build_parser(verb)
        args, unknown = parser.parse_known_args(arguments)
        if getattr(args, "takes_settings", False):  # such as --data.root, checked against the recipe
            args.settings = unknown
        elif unknown:
            parser.error(f"unrecognized arguments: {' '.join(unknown)}")
        if args.verb is None:
            parser.print_help()
            return REFUSED
        with plain_streams():
            code: int = args.func(args)
        return code
    except SemsynthError as error:
        return _refuse(str(error))
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _refuse(f"{where}{error.strerror or error}")
    except KeyboardInterrupt:
        print("semsynth: interrupted", file=sys.stderr)
        return INTERRUPTED


def build_parser(verb: str | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs; only the options of `verb` are filled in."""
    parser = argparse.ArgumentParser(
        prog="semsynth",
        description="Semantic image synthesis: a label map goes in, a photograph comes out.",
        epilog="`semsynth VERB --help` shows a verb's options.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=16),
    )
    parser.add_argument("--version", action="version", version=f"semsynth {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", title="verbs")
    for name, (module, line) in VERBS.items():
        add = functools.partial(subparsers.add_parser, name, help=line)
        importlib.import_module(module).add_parser(add) if name == verb else add()
    return parser


def _print_anything() -> None:
    r"""Let the process's streams show what their encoding lacks, such as names not in UTF-8, as \xNN."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def print_json(value: object) -> None:
    """Print JSON, with escapes where the encoding of the output lacks a character."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text)


def _refuse(sentence: str) -> int:
    print(f"semsynth: {plain(sentence)}", file=sys.stderr)
    return REFUSED
