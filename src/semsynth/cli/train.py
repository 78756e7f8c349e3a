"""`semsynth train RECIPE`: train a model, or go on training it."""

import argparse
import itertools
import shlex
from pathlib import Path
from typing import Any

from semsynth.cli.options import AddParser
from semsynth.cli.terminal import progress
from semsynth.errors import SemsynthError
from semsynth.files.recipes import recipe_names


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Train a model from a recipe. Every setting can be overridden: --data.root DIR, "
        "--run.images 20000, --optimizer.lr_generator 1e-4. A run folder with checkpoints is continued.",
        epilog=f"shipped recipes: {', '.join(recipe_names())}",
        usage="%(prog)s RECIPE [VARIANT ...] [-o FOLDER] [--device NAME] [--print] [--SECTION.KEY VALUE ...]",
        add_help=False,  # the settings it lists depend on the other arguments
    )
    parser.add_argument(
        "-h",
        "--help",
        action="store_true",
        help="show this, and all settings of the method of RECIPE or --method",
    )
    parser.add_argument(  # one argument: an empty second one would be filled with the value of a setting
        "recipes",
        nargs="*",
        type=Path,
        metavar="RECIPE",
        help="TOML file, or name of a shipped recipe (listed below); further ones are variants, which give "
        "only what they change, such as ablations/kernel-1",
    )
    parser.add_argument("-o", "--output", type=Path, help="run folder (default: runs/<names of the files>)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument("--print", action="store_true", help="print the settings in force and stop")
    parser.set_defaults(func=run, takes_settings=True, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Carry out the verb."""
    if args.help:
        _print_help(args)
        raise SystemExit(0)
    if not args.recipes:
        args.parser.error("the following arguments are required: RECIPE")
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from semsynth.training.loop import train
    from semsynth.training.recipe import load_recipe
    from semsynth.training.resume import DataChangedError

    first, *variants = args.recipes
    recipe = load_recipe(first, read_settings(args.settings), variants=variants)
    if args.print:
        print(recipe.to_json(), end="")
        return 0
    if not recipe.data.root:
        raise SemsynthError(f"{first} names no folder of data; add --data.root FOLDER.")
    folder = args.output or Path("runs") / "-".join(path.stem for path in args.recipes)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[line]}"), TimeRemainingColumn())
    with progress(*columns, transient=False, speed_estimate_period=600) as bar:
        console, task = bar.console, bar.add_task("train", total=recipe.total_images(), line="")
        shown: dict[str, Any] = {}

        def report(seen: int, total: int, line: dict[str, Any]) -> None:
            bar.update(task, completed=seen, total=total, line=_summary(line))
            if line and line is not shown.get("line") and not console.is_terminal:
                console.print(f"{seen}/{total} {_summary(line)}")
            shown["line"] = line

        try:
            model = train(recipe, folder, device=args.device, report=report, log=console.print)
        except DataChangedError as error:
            raise SemsynthError(f"{error} {_begin_from(folder, args)}") from None
    print(f"{folder}: the model is in {model}, samples are in {folder / 'samples'}")
    return 0


def _print_help(args: argparse.Namespace) -> None:
    """Print the help, with the settings of the method that the arguments name."""
    from semsynth.training.objective import describe_settings
    from semsynth.training.recipe import load_recipe

    chosen = [s.partition("=")[2] for s in read_settings(args.settings) if s.startswith("method=")]
    if args.recipes and not chosen:
        first, *variants = args.recipes
        chosen = [load_recipe(first, variants=variants).method]
    method = chosen[-1] if chosen else "spade"
    for section, keywords in describe_settings(method).items():
        group = args.parser.add_argument_group(f"settings of [{section}], method {method}")
        for keyword in keywords:
            default = f" (default: {keyword.default})" if keyword.default else ""
            text = f"{keyword.text}{default}".replace("%", "%%")
            if section == "stages":  # tables of the file; as a flag, all of them are one list
                group.add_argument(keyword.name, metavar=f"{keyword.name} {keyword.kind.upper()}", help=text)
            else:
                name = f"--{section}.{keyword.name}"
                group.add_argument(name, metavar=keyword.kind.upper(), help=text)
    args.parser.print_help()


def _begin_from(folder: Path, args: argparse.Namespace) -> str:
    """The command that begins a new run with the weights of this one."""
    number = next(n for n in itertools.count(2) if not Path(f"{folder}-{n}").exists())
    settings = [s for s in read_settings(args.settings) if not s.startswith("run.start_from=")]
    device = [] if args.device == "auto" else ["--device", args.device]
    begin = ["-o", f"{folder}-{number}", *device, f"--run.start_from={folder}"]
    words = ["semsynth", "train", *map(str, args.recipes), *begin, *(f"--{setting}" for setting in settings)]
    return f"That is: {shlex.join(words)}"


def read_settings(arguments: list[str]) -> list[str]:
    """Turn `--section.key value` and `--section.key=value` into "section.key=value".

    Raises:
        SemsynthError: an argument that is no setting, or one without a value.
    """
    settings = []
    rest = iter(arguments)
    for argument in rest:
        name, separator, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or ("." not in name and name not in ("method", "stages")):
            raise SemsynthError(f"{argument!r} is no setting; settings look like --section.key value.")
        if not separator:
            following = next(rest, None)
            if following is None:
                raise SemsynthError(f"{argument} needs a value.")
            value = following
        settings.append(f"{name}={value}")
    return settings


def _summary(line: dict[str, Any]) -> str:
    if not line:
        return ""
    terms = [f"{name.partition('/')[2]} {value:.2f}" for name, value in line.items() if "/" in name]
    return f"{line['images_per_second']:.1f} img/s  {'  '.join(terms)}"
