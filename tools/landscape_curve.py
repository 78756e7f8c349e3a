"""How the landscape model's scores grew: a table in its card and a plot in the handbook, from reports.

    semsynth model pack RUN/model -o SNAPSHOT --prior DATA/train/images
    semsynth evaluate SNAPSHOT DATA --protocol siftflow --name 03000 -o runs/curve/03000    now and then
    python tools/landscape_curve.py runs/curve/*                                            in the end

A report's name is the number of pictures of 256 pixels that its snapshot had seen.
"""

import argparse
from pathlib import Path

from matplotlib import pyplot
from matplotlib.ticker import MaxNLocator
from study import ROOT, write_page

from semsynth.evaluation.report import Report

CARD = ROOT / "src/semsynth/pretrained/landscape/README.md"
FIGURE = ROOT / "docs/images/landscape-curve.png"
COLUMNS = {
    "pixel accuracy": "of photographs' own",
    "mIoU": "of photographs' own",
    "Fréchet": "over its floor",
    "diversity": "of photographs of one scene",
    "nearer than to others": "%",
}
WANTED = {"pixel accuracy": 0.99, "mIoU": 0.95, "Fréchet": 1.8, "diversity": 0.5, "nearer than to others": 90}


def scores(report: Report) -> dict[str, float | None]:
    """The columns of one snapshot."""
    (row,), real = report.methods, report.real
    assert row.lite2_frechet_half is not None
    assert real.lite2_frechet_half is not None
    of_scenes = real.diversity
    return {
        "pixel accuracy": row.pixel_accuracy / real.pixel_accuracy,
        "mIoU": row.miou / real.miou,
        "Fréchet": row.lite2_frechet_half / real.lite2_frechet_half,
        "diversity": row.diversity / of_scenes if row.diversity and of_scenes else None,
        "nearer than to others": None if row.style_nearness is None else 100 * row.style_nearness,
    }


def table(found: dict[int, dict[str, float | None]]) -> str:
    """A line a snapshot."""
    head = ["pictures of 256 pixels", *(f"{name}, {unit}" for name, unit in COLUMNS.items())]
    lines = ["| " + " | ".join(head) + " |", "|" + " ---: |" * len(head)]
    for seen, values in found.items():
        cells = [
            "-" if value is None else f"{value:.0f}" if name.startswith("nearer") else f"{value:.3f}"
            for name, value in values.items()
        ]
        lines.append("| " + " | ".join([f"{seen:,}", *cells]) + " |")
    return "\n".join(lines)


def plot(found: dict[int, dict[str, float | None]]) -> None:
    """A panel a column, and what is wanted of it."""
    figure, panels = pyplot.subplots(1, len(COLUMNS), figsize=(11, 2.6), dpi=110)
    for axes, name in zip(panels, COLUMNS, strict=True):
        points = [(seen, value) for seen, row in found.items() if (value := row[name]) is not None]
        axes.plot(*zip(*points, strict=True), marker="o", ms=3, color="#c2410c")
        axes.axhline(WANTED[name], color="#888888", lw=0.8, ls="--")
        axes.set_title(f"{name}\n{COLUMNS[name]}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.xaxis.set_major_locator(MaxNLocator(3))
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3, lw=0.5)
    figure.supxlabel("pictures of 256 pixels seen; dashed: wanted", fontsize=8)
    figure.tight_layout()
    figure.savefig(FIGURE)


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("reports", nargs="+", type=Path, metavar="REPORT", help="folders that evaluate wrote")
    reports = [Report.load(folder) for folder in parser.parse_args().reports]
    found = {int(report.methods[0].name): scores(report) for report in reports}
    found = dict(sorted(found.items()))
    plot(found)
    write_page(CARD, "landscape_curve", table(found))
    print(table(found))


if __name__ == "__main__":
    main()
