"""``semsynth compare REPORT... -o FOLDER``: reports in one table and one sheet."""

import argparse
from pathlib import Path

from semsynth.cli.options import AddParser, add_output, refuse_existing


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Join reports of semsynth evaluate. Reports under one protocol share a sheet: label map, "
        "photograph, and every method side by side.",
    )
    parser.add_argument("reports", nargs="+", type=Path, metavar="REPORT", help="folders that evaluate wrote")
    add_output(parser, "FOLDER")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Write table.md and the sheets; print the table."""
    from semsynth.evaluation.figure import write_sheet
    from semsynth.evaluation.report import Report
    from semsynth.evaluation.table import table
    from semsynth.files.writing import write_atomically

    reports = [Report.load(folder) for folder in args.reports]
    text = table(reports)
    groups: dict[str, list[int]] = {}
    for place, report in enumerate(reports):
        groups.setdefault(report.protocol["name"], []).append(place)
    folders = {name: args.output / name if len(groups) > 1 else args.output for name in groups}
    sheets = [folder / name for folder in folders.values() for name in ("sheet.png", "sheet.html")]
    refuse_existing([args.output / "table.md", *sheets], args)
    args.output.mkdir(parents=True, exist_ok=True)
    write_atomically(args.output / "table.md", text.encode())
    for name, places in groups.items():
        folder = folders[name]
        folder.mkdir(exist_ok=True)
        chosen = [args.reports[i] for i in places], [reports[i] for i in places]
        write_sheet(folder, *chosen, f"Comparison on {name}", text)
    print(text)
    print(f"{args.output}: table.md, sheet.png, sheet.html")
    return 0
