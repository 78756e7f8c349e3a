"""Train, evaluate and set side by side the systems of docs/comparison.md.

    python tools/compare.py DATA                  every row, then table and sheet
    python tools/compare.py DATA --rows spade     one row, joined with those that are there
    python tools/compare.py DATA --join           no training: table and sheet of what is there

Each row is two ordinary commands, which are printed; both go on where they were stopped. The numbers in
docs/comparison.md, and the sheet beside it, are written here and nowhere else.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from study import RECIPES, ROOT, run_commands, write_page
from torch.utils.flop_counter import FlopCounterMode

from semsynth.evaluation.evaluation_set import Pixels
from semsynth.evaluation.figure import sheet_image
from semsynth.evaluation.report import REPORT_FILE, Report, Row
from semsynth.hub import load_model
from semsynth.labels import LabelSpace, read_label_map
from semsynth.labels.resize import resize_map
from semsynth.pipeline import Synthesizer

PAGE = ROOT / "docs/comparison.md"
SHEET = ROOT / "docs/images/comparison.jpg"
MAPS = sorted((ROOT / "src/semsynth/pretrained/landscape/examples").glob("*.png"))

ROWS = {
    "pix2pixhd": "pix2pixhd",
    "pix2pixhdpp": "pix2pixhdpp",
    "concat": "pix2pixhdpp",
    "spade": "pix2pixhdpp",
    "crn": "crn",
    "sims": "sims",
    "ccfpse": "ccfpse",
    "oasis": "oasis",
}
"""Each row's name, and the recipe that recipes/comparison/NAME.toml is a variant of."""

WITH_PHOTOGRAPHS = {"sims"}
"""Their pictures hold pieces of the data set's photographs, and stay out of the sheet that is passed on."""

SIDE, SHOWN, ENLARGED = 64, 6, 2


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes:
        millions: of parameters of all its networks that draw.
        gmac: billions of multiplications of its convolutions and matrix products for one picture.
        seconds: for one picture, the median over the example label maps.
    """

    millions: float
    gmac: float
    seconds: float


def commands(name: str, data: Path, runs: Path) -> list[list[str]]:
    """The two commands of a row."""
    files = [RECIPES / f"{ROWS[name]}-siftflow.toml"]
    files += [RECIPES / "comparison/64px.toml", RECIPES / f"comparison/{name}.toml"]
    recipes = [str(path.relative_to(ROOT)) for path in files]
    run = runs / name
    protocol = str((RECIPES / "comparison/protocol.toml").relative_to(ROOT))
    train = ["train", *recipes, "--data.root", str(data), "-o", str(run)]
    report = ["--protocol", protocol, "--name", name, "-o", str(runs / "reports" / name)]
    return [train, ["evaluate", str(run / "model"), str(data), *report]]


def drawn(folder: Path) -> tuple[list[Pixels], Cost]:
    """What a model makes of the example label maps, and what that costs."""
    model = load_model(folder)
    synthesizer = Synthesizer(model)
    pictures, times = [], []
    synthesizer(MAPS[-1], seed=0, size=(SIDE, SIDE))  # the first picture prepares what all of them need
    for path in MAPS:
        start = time.perf_counter()
        result = synthesizer(path, seed=0, size=(SIDE, SIDE))
        times.append(time.perf_counter() - start)
        pictures.append(np.asarray(result.pictures()[0]))
    millions, gmac = arithmetic(folder)
    return pictures, Cost(millions, gmac, median(times))


def arithmetic(folder: Path) -> tuple[float, float]:
    """Millions of parameters, and billions of multiplications a picture, labels taken as dense planes."""
    generator = load_model(folder).generator.eval()
    generator.label_mode = "dense"
    labels = torch.from_numpy(
        resize_map(read_label_map(MAPS[0], LabelSpace.named("siftflow")).ids, (SIDE, SIDE))
    )
    style = None if generator.style_dim is None else torch.zeros(1, generator.style_dim)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        generator(labels[None].long(), style=style)
    return sum(p.numel() for p in generator.parameters()) / 1e6, counter.get_total_flops() / 2e9


def numbers(rows: dict[str, Row], real: Row, costs: dict[str, Cost], runs: Path) -> str:
    """The table in the shape of the paper's, with what each method costs."""
    head = ["method", "mIoU", "accu", "Fréchet Lite2", "over floor", "kernel Lite2 x 1000"]
    head += ["parameters, M", "GMAC", "ms a picture"]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, row in [*rows.items(), ("real photographs", real)]:
        kernel = f"{1000 * row.lite2_kernel['mean']:.0f}" if row.lite2_kernel else "-"
        frechet = "-" if row.lite2_frechet is None else f"{row.lite2_frechet:.1f}"
        distances = [frechet, "1.00x" if row is real else _over(row, real), kernel]
        cost = costs.get(name)
        cells = (
            [f"{cost.millions:.1f}", f"{cost.gmac:.2f}", f"{1000 * cost.seconds:.0f}"] if cost else ["-"] * 3
        )
        scores = [f"{100 * row.miou:.1f}", f"{100 * row.pixel_accuracy:.1f}"]
        lines.append("| " + " | ".join([name, *scores, *distances, *cells]) + " |")
    seen, batch = budget(rows, runs)
    count = torch.get_num_threads()
    threads = "one processor thread" if count == 1 else f"{count} processor threads"
    lines.append(
        f"\nEvery method saw {seen:,} pictures of {SIDE} pixels, {batch} a step. Scores are over the "
        f"{real.pictures} label maps of the split val, times on {threads}, one label map "
        "after another."
    )
    return "\n".join(lines)


def budget(names: Iterable[str], runs: Path) -> tuple[int, int]:
    """How many pictures the methods have seen, and how many at once; it must be the same for all."""
    found = set()
    for name in names:
        latest = (runs / name / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1]
        settings = json.loads((runs / name / "config.json").read_text(encoding="utf-8"))
        found.add((json.loads(latest)["images"], settings["run"]["batch_size"]))
    if len(found) != 1:
        raise SystemExit(f"the rows saw unequal numbers of pictures (pictures, batch): {sorted(found)}")
    return found.pop()


def _over(row: Row, real: Row) -> str:
    if row.lite2_frechet_half is None or not real.lite2_frechet_half:
        return "-"
    return f"{row.lite2_frechet_half / real.lite2_frechet_half:.2f}x"


def sheet_of(pictures: dict[str, list[Pixels]]) -> Image.Image:
    """Our example label maps, and what each method makes of them."""
    space = LabelSpace.named("siftflow")
    rows = []
    for i in range(0, len(MAPS), len(MAPS) // SHOWN):
        ids = read_label_map(MAPS[i], space).ids
        shown = [space.colorize(resize_map(ids, (SIDE, SIDE))), *(made[i] for made in pictures.values())]
        rows.append([_enlarged(picture) for picture in shown])
    return sheet_image(["labels", *pictures], rows)


def _enlarged(picture: Pixels) -> Image.Image:
    side = ENLARGED * SIDE
    return Image.fromarray(picture).resize((side, side), Image.Resampling.BICUBIC)


def join(runs: Path) -> None:
    """Table and sheet of the rows that have been evaluated."""
    names = [name for name in ROWS if (runs / "reports" / name / REPORT_FILE).is_file()]
    if not names:
        raise SystemExit(f"{runs} holds no reports yet; train and evaluate a row first")
    folders = [str(runs / "reports" / name) for name in names]
    run_commands([["compare", *folders, "-o", str(runs / "all")]])
    reports = [Report.load(Path(folder)) for folder in folders]
    found = {name: drawn(runs / name / "model") for name in names}
    costs = {name: cost for name, (_, cost) in found.items()}
    rows = {report.methods[0].name: report.methods[0] for report in reports}
    pictures = {name: made for name, (made, _) in found.items()}
    sheet_of(pictures).save(runs / "all/examples.png")
    passed_on = {name: made for name, made in pictures.items() if name not in WITH_PHOTOGRAPHS}
    SHEET.parent.mkdir(exist_ok=True)
    sheet_of(passed_on).save(SHEET, quality=88)
    table = numbers(rows, reports[0].real, costs, runs)
    sheet = f"![our label maps, and what each method draws]({SHEET.relative_to(PAGE.parent)})"
    write_page(PAGE, "compare", f"{table}\n\n{sheet}")
    print(f"{PAGE.relative_to(ROOT)}, {SHEET.relative_to(ROOT)}, {runs / 'all'}")


def main() -> None:
    """See the top of this file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the SIFT Flow photographs")
    parser.add_argument(
        "--rows", nargs="+", choices=ROWS, default=list(ROWS), metavar="ROW", help="which rows"
    )
    parser.add_argument(
        "--runs", type=Path, default=Path("runs/compare"), metavar="FOLDER", help="of the runs"
    )
    parser.add_argument("--join", action="store_true", help="join what is there; train and evaluate nothing")
    args = parser.parse_args()
    runs = args.runs if args.runs.is_absolute() else ROOT / args.runs
    for name in [] if args.join else args.rows:
        run_commands(commands(name, args.data.resolve(), runs))
    join(runs)


if __name__ == "__main__":
    main()
