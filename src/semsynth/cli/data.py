"""`semsynth data`: check a data set, look at it, and prepare what it lacks."""

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from semsynth.cli import print_json
from semsynth.cli.options import (
    AddParser,
    add_label_set,
    add_output,
    add_overwrite,
    add_palette,
    label_space_of,
    refuse_existing,
)
from semsynth.cli.terminal import progress
from semsynth.data import FORMATS, FileDataset, load_dataset, recognise
from semsynth.data.ade20k import write_outdoor_list
from semsynth.data.check import check, own_label_space
from semsynth.data.coco_instances import draw_instance_maps
from semsynth.data.preview import write_preview
from semsynth.data.report import CheckReport, SplitReport
from semsynth.errors import SemsynthError
from semsynth.labels import NAMED, LabelSpace

LISTED = 10
"""How many files of a kind are listed before the rest is counted."""


def add_parser(add: AddParser) -> None:
    """Add the verb and its own verbs."""
    verbs = add().add_subparsers(dest="data_verb", required=True, metavar="VERB")

    checker = verbs.add_parser("check", help="read every file and say what was found")
    checker.add_argument("root", type=Path, help="folder of the data set")
    _add_reading(checker)
    checker.add_argument("--json", action="store_true", help="print the report as JSON")
    checker.add_argument(
        "--write-labels", type=Path, metavar="FILE", help="write the label set (guessed if need be) to FILE"
    )
    add_overwrite(checker)
    checker.set_defaults(func=run_check)

    previewer = verbs.add_parser("preview", help="write a contact sheet of photographs with their maps")
    previewer.add_argument("root", type=Path, help="folder of the data set")
    add_output(previewer, "OUT", "PNG file to write")
    _add_reading(previewer)
    previewer.add_argument("--count", type=int, default=12, help="how many samples (default 12)")
    previewer.add_argument("--seed", type=int, default=0, help="which samples are drawn (default 0)")
    previewer.set_defaults(func=run_preview)

    drawer = verbs.add_parser("instances", help="draw COCO's instance maps from its annotations")
    drawer.add_argument("root", type=Path, help="folder of the COCO-Stuff download")
    drawer.add_argument("--split", choices=("train", "val"), default="train")
    drawer.set_defaults(func=run_instances)

    lister = verbs.add_parser("outdoor-list", help="write the names of ADE20K's outdoor photographs")
    lister.add_argument("root", type=Path, help="folder that holds sceneCategories.txt")
    add_output(lister, "OUT", "text file to write")
    lister.set_defaults(func=run_outdoor_list)


def _add_reading(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--format", choices=tuple(FORMATS), help="layout of the folder (default: recognised)")
    parser.add_argument("--split", help="one split only, such as train or val")
    add_label_set(parser, f"{', '.join(NAMED)}, or a labels.json")
    add_palette(parser)
    parser.add_argument(
        "--orient",
        action=argparse.BooleanOptionalAction,
        help="turn photographs as their cameras were held (default: where the size of the label map says so)",
    )


def _reading(args: argparse.Namespace) -> dict[str, Any]:
    """How the files are read, as `load_dataset` takes it."""
    return {"palette": args.palette, "orient": args.orient}


def run_check(args: argparse.Namespace) -> int:
    """Check a data set; exit code 0 where every file can be used, else 1."""
    if args.write_labels is not None:
        refuse_existing([args.write_labels], args)
    with progress() as bar:
        tasks = {}

        def show(split: str, done: int, total: int) -> None:
            if split not in tasks:
                tasks[split] = bar.add_task(f"Reading {split}", total=total)
            bar.update(tasks[split], completed=done)

        splits = (args.split,) if args.split else None
        result = check(
            args.root,
            format=args.format,
            splits=splits,
            label_space=label_space_of(args.label_set),
            report=show,
            **_reading(args),
        )
    if args.write_labels is not None:
        result.label_space.save(args.write_labels)
    if args.json:
        print_json(result.to_dict())
    else:
        _print(result, Console(highlight=False, emoji=False))
        if args.write_labels is not None:
            print(f"Wrote {args.write_labels}.")
    return 0 if result.usable else 1


def _print(result: CheckReport, console: Console) -> None:
    guessed = ", guessed from the maps" if result.guessed else ""
    name = escape(result.label_space.name)
    console.print(f"[bold]{escape(str(result.root))}[/]: format {result.format}, label set {name}{guessed}")
    for part in result.splits:
        console.print(f"\n[bold]{escape(part.split)}[/]: {part.samples} samples, {_tally(part.sizes)}")
        console.print(f"maps {_tally(part.map_modes)}; photographs {_tally(part.photo_modes)}")
        for line in part.usage:
            console.print(line, style="yellow", markup=False, soft_wrap=True)
        for note, files in part.notes.items():
            console.print(f"{note} ({files} files)", style="yellow", markup=False)
        _list(console, f"{len(part.problems)} files cannot be used:", part.problems, "red")
        _list(console, f"{len(part.unmatched)} pictures belong to no sample:", part.unmatched, "yellow")
        turned = f"{len(part.turned)} photographs may lie turned against their maps:"
        _list(console, turned, part.turned, "yellow")
        _list(console, f"{len(part.left_out)} samples are left out as mostly void:", part.left_out, "yellow")
        _list(console, f"{len(part.mostly_void)} samples are mostly void:", part.mostly_void, "yellow")
    console.print(_class_table(result.label_space, result.splits))
    for line in result.advice():
        console.print(line, markup=False)


def _tally(counts: Counter[str]) -> str:
    parts = [f"{name} ({count})" for name, count in counts.most_common(4)]
    rest = len(counts) - len(parts)
    return ", ".join(parts) + (f" and {rest} more" if rest else "") if parts else "nothing readable"


def _list(console: Console, title: str, lines: list[str], style: str) -> None:
    if not lines:
        return
    console.print(title, style=style)
    for line in lines[:LISTED]:
        console.print(f"  {line}", markup=False, soft_wrap=True)
    if len(lines) > LISTED:
        console.print(f"  ... and {len(lines) - LISTED} more; --json lists all")


def _class_table(space: LabelSpace, splits: list[SplitReport]) -> Table:
    table = Table("id", "", "class", "group", title_justify="left")
    for part in splits:
        table.add_column(escape(f"{part.split}: pixels"), justify="right")
        table.add_column("samples", justify="right")
    ids = sorted({number for part in splits for number in part.pixels})
    for number in ids:
        inside = number < space.num_classes
        entry = space.classes[number] if inside else None
        red, green, blue = entry.color if entry else (0, 0, 0)
        row = [str(number), f"[on rgb({red},{green},{blue})]   [/]"]
        row += [escape(entry.name), escape(entry.group)] if entry else ["void", "void"]
        for part in splits:
            total = max(1, part.pixels.total())
            row += [f"{100 * part.pixels[number] / total:.3f} %", str(part.samples_with[number])]
        table.add_row(*row)
    return table


def run_preview(args: argparse.Namespace) -> int:
    """Write a contact sheet."""
    if args.count < 1 or args.seed < 0:
        raise SemsynthError(f"--count is {args.count} and --seed {args.seed}; from 1 and 0 up are possible.")
    refuse_existing([args.output], args)
    name = args.format or recognise(args.root)
    space = label_space_of(args.label_set)
    if space is None:
        space, _ = own_label_space(args.root, name)
    splits = (args.split,) if args.split else ("train", "val", "all")
    data = _first_split(name, args.root, splits, label_space=space, **_reading(args))
    problems = write_preview(data, args.output, count=args.count, seed=args.seed)
    for line in problems:
        print(line, file=sys.stderr)
    print(f"Wrote {args.output}.")
    return 1 if problems else 0


def _first_split(name: str, root: Path, splits: Sequence[str], **options: Any) -> FileDataset:
    """The first of these splits that is there."""
    errors = []
    for split in splits:
        try:
            return load_dataset(name, root=root, split=split, **options)
        except SemsynthError as error:
            errors.append(error)
    raise errors[0]


def run_instances(args: argparse.Namespace) -> int:
    """Draw COCO's instance maps."""
    with progress() as bar:
        task = bar.add_task(f"Drawing {args.split}", total=None)
        out = draw_instance_maps(
            args.root,
            args.split,
            report=lambda done, total: bar.update(task, completed=done, total=total),
        )
    print(f"Wrote the instance maps to {out}.")
    return 0


def run_outdoor_list(args: argparse.Namespace) -> int:
    """Write ADE20K's outdoor list."""
    refuse_existing([args.output], args)
    count = write_outdoor_list(args.root, args.output)
    print(f"Wrote {count} names to {args.output}. The choice of scenes is ours; no paper published its list.")
    return 0
