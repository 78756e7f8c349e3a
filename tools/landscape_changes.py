"""What each part of the landscape model's recipe does: train without it, evaluate, and set side by side.

    python tools/landscape_changes.py DATA                   every row, then the table of docs/landscape.md
    python tools/landscape_changes.py DATA --rows no-color   one row, joined with those that are there
    python tools/landscape_changes.py DATA --join            no training: the table of what is there

Each row is three ordinary commands, which are printed and go on where they were stopped: train, fit the
distribution of styles that seeds draw from (not OASIS, which has no style encoder), evaluate.
"""

import argparse
from pathlib import Path

from study import RECIPES, ROOT, run_commands, write_page

from semsynth.evaluation.report import REPORT_FILE

PAGE = ROOT / "docs/landscape.md"
CHANGES = RECIPES / "landscape-changes"
ROWS = ["recipe", *sorted(path.stem for path in CHANGES.glob("*.toml") if path.stem != "64px")]

WITHOUT_ENCODER = {"oasis"}


def commands(name: str, data: Path, runs: Path) -> list[list[str]]:
    """The commands of a row."""
    base = RECIPES / ("oasis-siftflow.toml" if name == "oasis" else "landscape.toml")
    files = [base, CHANGES / "64px.toml", *([] if name == "recipe" else [CHANGES / f"{name}.toml"])]
    protocol = str((RECIPES / "comparison/protocol.toml").relative_to(ROOT))
    run = runs / name
    train = [*(str(path.relative_to(ROOT)) for path in files), "--data.root", str(data), "-o", str(run)]
    report = ["--protocol", protocol, "--name", name, "-o", str(runs / "reports" / name)]
    if name in WITHOUT_ENCODER:
        return [["train", *train], ["evaluate", str(run / "model"), str(data), *report]]
    packed = str(run / "packed")
    pack = ["model", "pack", str(run / "model"), "-o", packed, "--prior", str(data / "train/images")]
    return [["train", *train], pack, ["evaluate", packed, str(data), *report]]


def join(runs: Path) -> None:
    """The table of the rows that have been evaluated."""
    names = [name for name in ROWS if (runs / "reports" / name / REPORT_FILE).is_file()]
    if not names:
        raise SystemExit(f"{runs} holds no reports yet; train and evaluate a row first")
    run_commands([["compare", *(str(runs / "reports" / name) for name in names), "-o", str(runs / "all")]])
    table = (runs / "all/table.md").read_text(encoding="utf-8")
    rows = "\n".join(line for line in table.splitlines() if line.startswith("|"))
    rows = rows.replace("\n| styles |", "\n\n| styles |")  # the second table
    write_page(PAGE, "landscape_changes", rows.replace("siftflow-64: ", ""))


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the SIFT Flow photographs")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=ROWS, metavar="ROW", help="which rows")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs/landscape-changes", metavar="FOLDER", help="of the runs"
    )
    parser.add_argument("--join", action="store_true", help="join what is there; train and evaluate nothing")
    args = parser.parse_args()
    for name in [] if args.join else args.rows:
        run_commands(commands(name, args.data.resolve(), args.runs.resolve()))
    join(args.runs.resolve())


if __name__ == "__main__":
    main()
