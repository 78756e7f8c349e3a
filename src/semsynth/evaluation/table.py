"""Markdown tables in the shape of the paper's Table 1: methods down, data sets across.

Figures as other papers published them have a table of their own, each with the mark that says how we know it.
"""

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.evaluation.report import Report, Row, refuse_unlike_reports

PUBLISHED = Path(__file__).parent / "published.json"

MARKS = {"table": "", "leaderboard": "†", "recalled": "‡"}
"""How a figure is marked in a table, by where it was read."""


@cache
def document() -> dict[str, Any]:
    """The file: rows, what each mark means, and the note that belongs under every table of such figures."""
    contents: dict[str, Any] = json.loads(PUBLISHED.read_text(encoding="utf-8"))
    return contents


def published(column: str) -> list[dict[str, Any]]:
    """The published figures of "ade20k", "ade20k-outdoor", "cityscapes" or "coco-stuff", by year.

    Each has "method", "year", "miou" and "pixel_accuracy" in percent, as papers print them, "fid", "mark" (a
    key of `MARKS`), and "note": what keeps it from being compared. None was not reported.
    """
    rows = [row for row in document()["rows"] if column in row["figures"]]
    return [{key: row[key] for key in ("method", "year", "note")} | row["figures"][column] for row in rows]


def table(reports: Sequence[Report]) -> str:
    """One table of measured rows; the published figures of the same data sets in a table of their own below.

    Raises:
        SemsynthError: Two reports of one protocol were made under different choices.
    """
    groups: dict[str, list[Report]] = {}
    for report in reports:
        group = groups.setdefault(report.protocol["name"], [])
        for other in group:
            refuse_unlike_reports(other, report)
            if shared := {row.name for row in other.methods} & {row.name for row in report.methods}:
                raise SemsynthError(
                    f"Two reports are both called {min(shared)!r}, so a table could not tell them apart: "
                    "evaluate one of them with another --name."
                )
        group.append(report)
    sections = (_measured, _told_apart, _told_by_class, _styles, _remarks)
    parts = [part for part in (make(groups) for make in sections) if part]
    columns = dict.fromkeys(group[0].protocol["published"] for group in groups.values())
    return "\n".join([*parts, *(_published(column) for column in columns if column)])


def _measured(groups: dict[str, list[Report]]) -> str:
    """Measured scores; shares as percent."""
    names = list(dict.fromkeys(r.name for group in groups.values() for x in group for r in x.methods))
    columns = {name: _columns_in_use(group) for name, group in groups.items()}
    head = ["method", *(f"{group}: {column}" for group in groups for column in columns[group])]
    lines = []
    for name in [*names, None]:
        line = ["real photographs" if name is None else name]
        for group_name, group in groups.items():
            real = group[0].real
            rows = {row.name: row for report in group for row in report.methods}
            row = real if name is None else rows.get(name)
            cells = {} if row is None else _cells(row, real)
            line += [cells.get(column, "-") for column in columns[group_name]]
        lines.append(_line(line))
    return _table(head, lines)


TOLD = {
    "Lite2, %": ("lite2_two_sample", 100, 1),
    "CropNet, %": ("cropnet_two_sample", 100, 1),
    "kernel Lite2 x 1000": ("lite2_kernel_half", 1000, 2),
    "kernel CropNet x 1000": ("cropnet_kernel_half", 1000, 2),
}
"""Columns of the two-sample table: entry of a row or rung, factor, and digits."""


def _told_apart(groups: dict[str, list[Report]]) -> str:
    """How well pictures are told from photographs, beside the ladder; empty where it was not measured."""
    lines = []
    for name, group in groups.items():
        rows = {row.name: vars(row) for report in group for row in report.methods if row.lite2_two_sample}
        measured = [report for report in group if report.ladder]
        if not measured:
            continue
        rows |= {f"photographs, {rung}": entries for rung, entries in measured[0].ladder.items()}
        rows["two halves of the photographs"] = vars(measured[0].real)
        for label, entries in rows.items():
            lines.append(_line([f"{name}: {label}", *(_told(entries, *column) for column in TOLD.values())]))
    return _table(["told from photographs", *TOLD], lines)


def _told(entries: Mapping[str, Any], key: str, factor: float, digits: int) -> str:
    entry = entries.get(key)
    if not entry:
        return "-"
    deviation = f" ± {_number(entry.get('std'), factor, digits)}" if factor == 100 else ""
    return f"{_number(entry['mean'], factor, digits)}{deviation}"


SHOWN = 10
"""Classes of a method in the table; the report has all."""


def _told_by_class(groups: dict[str, list[Report]]) -> str:
    """Which classes give the pictures away, the most telling first; empty where it was not measured."""
    lines = []
    for name, group in groups.items():
        for row in (row for report in group for row in report.methods):
            classes = sorted((row.told_by_class or {}).items(), key=lambda item: (-item[1]["told"], item[0]))
            for label, entry in classes[:SHOWN]:
                values = [_number(entry[key], 100) for key in ("told", "gap", "area")]
                lines.append(_line([f"{name}: {row.name}, {label}", *values, f"{entry['maps']:.0f}"]))
    return _table(["classes", "told, %", "of the gap, %", "of the area, %", "maps"], lines)


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join([_line(head), _line(rule), *lines]) + "\n" if lines else ""


def _styles(groups: dict[str, list[Report]]) -> str:
    """What styles are worth, for the methods that have them; empty where none has."""
    lines = []
    for name, group in groups.items():
        rows = [row for report in group for row in report.methods if row.diversity is not None]
        reals = [report.real for report in group if report.real.diversity is not None]
        for row in [*rows, *reals[:1]]:
            values = [
                _number(value, digits=3) for value in (row.diversity, row.style_colour, row.style_texture)
            ]
            lines.append(_line([f"{name}: {row.name}", *values, _number(row.style_nearness, 100)]))
    head = ["styles", "diversity", "to a photograph's colours", "to its texture", "nearer than to others"]
    return _table(head, lines)


def _columns_in_use(group: Sequence[Report]) -> list[str]:
    rows = [row for report in group for row in (*report.methods, report.real)]
    filled = [_cells(row, group[0].real) for row in rows]
    return [
        column
        for column in filled[0]
        if (all if column.startswith("two-sample") else any)(cells[column] != "-" for cells in filled)
    ]


def _cells(row: Row, real: Row) -> dict[str, str]:
    """The scores of a row by the names of their columns."""
    floor = real.lite2_frechet_half
    ratio = row.lite2_frechet_half / floor if row.lite2_frechet_half is not None and floor else None
    return {
        "mIoU": _number(row.miou, 100),
        "accu": _number(row.pixel_accuracy, 100),
        "accu, void counted": _number(row.void_counted["pixel_accuracy"], 100),
        "FID": _number(row.fid),
        "KID x 1000": _number(row.kid["mean"] if row.kid else None, 1000, 2),
        "Fréchet Lite2": _number(row.lite2_frechet, digits=2),
        "over floor": "-" if ratio is None else f"{ratio:.2f}x",
        "kernel Lite2 x 1000": _number(row.lite2_kernel["mean"] if row.lite2_kernel else None, 1000, 2),
        "two-sample Lite2": _number(row.lite2_two_sample["mean"] if row.lite2_two_sample else None, 100),
        "two-sample CropNet": _number(
            row.cropnet_two_sample["mean"] if row.cropnet_two_sample else None, 100
        ),
    }


IMAGENET = ("efficientnet", "vgg", "inception")
"""What the names of networks begin with that were trained on ImageNet."""


def _remarks(groups: dict[str, list[Report]]) -> str:
    """What has to stand beside the numbers: protocol, evaluator, warnings."""
    lines = []
    for name, group in groups.items():
        protocol, evaluator = group[0].protocol, group[0].networks["evaluator"]
        lines.append(
            f"{name}: {group[0].real.pictures} pictures of {protocol['split']} at {protocol['height']} x "
            f"{protocol['width']}; evaluator {evaluator['network']} ({evaluator['weights']}); "
            f'mean over classes by the rule "{protocol["absent"]}"; void {protocol["void"]} where nothing '
            "else is said. Real photographs are the evaluator's ceiling. "
            '"Over floor" compares at half of the count with photographs against photographs.'
        )
        lines += [
            f"{row.name} was trained against {', '.join(row.loss_networks) or 'no network'}."
            for report in group
            for row in report.methods
            if row.loss_networks is not None
        ]
        losses = {entry for report in group for row in report.methods for entry in row.loss_networks or ()}
        if any(entry.startswith(IMAGENET) for entry in losses):
            lines.append(
                "A network of the losses was trained on ImageNet, and so was Lite2: it may flatter these "
                "pictures. CropNet was trained from nothing on other photographs."
            )
        lines += [f"Note: {' '.join(protocol['note'].split())}"] if protocol["note"] else []
        warnings = {warning: None for report in group for warning in report.warnings}
        lines += [f"Warning: {warning}" for warning in warnings]
    return "\n\n".join(lines) + "\n"


def _published(column: str) -> str:
    """Figures other papers print, marked by where they were read; never in one table with ours."""
    lines = [f"Published figures, {column} (not measured here):\n"]
    lines += ["| method | year | mIoU | accu | FID |", "| --- | ---: | ---: | ---: | ---: |"]
    rows = published(column)
    for row in rows:
        values = [_number(row[key]) for key in ("miou", "pixel_accuracy", "fid")]
        marked = (v if v == "-" else v + MARKS[row["mark"]] for v in values)
        lines.append(_line([row["method"], str(row["year"]), *marked]))
    used = {row["mark"] for row in rows}
    meanings = [f"{MARKS[m]} {text}" for m, text in document()["marks"].items() if m in used and MARKS[m]]
    legend = f"{'; '.join(meanings)}. " if meanings else ""
    return "\n".join([*lines, "", f"{legend}{document()['note']}", ""])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _number(value: float | None, factor: float = 1.0, digits: int = 1) -> str:
    return "-" if value is None else f"{value * factor:.{digits}f}"
