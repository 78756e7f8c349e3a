"""Where the time of a picture goes, part by part and size by size: the dense network, and the engine.

    python benchmarks/inference_profile.py [--figure docs/images/profile.png] [--before FILE]

FILE is what the command printed with an earlier version; its engine in float32 is drawn beside.
The network is that of `inference.py` (COCO-Stuff). Every part is timed by a clock around the calls that
compute it; the sum falls short of a whole picture by what lies between the calls. Medians of several rounds.
"""

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

import published
from inference import DATA
from inference_cases import dense, engine, from_scratch
from inference_networks import NETWORKS, LabelMap, network, read_maps
from semsynth.inference.engine import Engine
from semsynth.inference.levels import MakeTable
from semsynth.ops import processor
from semsynth.ops.pyramid import LabelLevel

PARTS = {
    "dense float32": ("modulation", "convolutions"),
    "engine float32": ("windows", "tables", "convolutions"),
    "engine bfloat16": ("windows", "tables", "convolutions"),
}
MEANING = {
    "modulation": "of all SPADE layers: resizing the one-hot map, three convolutions, norm",
    "windows": "finding the distinct label windows",
    "tables": "gamma and beta of each",
    "convolutions": "those of the blocks; in the engine with norm, modulation and activation",
}
COLORS = {"modulation": "#a8a29e", "windows": "#fbbf24", "tables": "#ea580c", "convolutions": "#475569"}
Times = dict[tuple[str, int], float]


class Clock:
    """Sums the milliseconds of calls under (part, side in pixels)."""

    def __init__(self) -> None:
        self.times: Times = defaultdict(float)

    def around(self, call: Callable[..., Any], part: str, side: Callable[..., int]) -> Callable[..., Any]:
        """The same call, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            found = call(*args, **kwargs)
            self.times[part, side(*args)] += (time.perf_counter() - began) * 1000
            return found

        return timed


def profile_dense(run: Callable[[LabelMap], Any], here: LabelMap) -> Times:
    """The dense network: its SPADE layers, and its blocks without them."""
    clock = Clock()
    side = lambda _, x, __: x.shape[2]  # noqa: E731
    spade = clock.around(published._spade, "modulation", side)
    block = clock.around(published._block, "convolutions", side)
    with patch.object(published, "_spade", spade), patch.object(published, "_block", block):
        run(here)
    for part, size in list(clock.times):
        if part == "convolutions":
            clock.times[part, size] -= clock.times["modulation", size]
    return clock.times


def profile_engine(found: Engine, here: LabelMap) -> Times:
    """The engine: windows and tables of every size, and its blocks."""
    clock, backend = Clock(), found.backend
    plan = clock.around(LabelLevel.plan, "windows", lambda level, _: level.size[0])
    tables_for = backend.tables_for

    def timed(block: int) -> list[MakeTable]:
        side = found.sizes[block + 1][0]
        return [clock.around(make, "tables", lambda _: side) for make in tables_for(block)]

    repaint = clock.around(backend.repaint, "convolutions", lambda block, *_: found.sizes[block + 1][0])
    with (
        patch.object(LabelLevel, "plan", plan),
        patch.object(backend, "tables_for", timed),
        patch.object(backend, "repaint", repaint),
    ):
        from_scratch(found, here)
    return clock.times


def median(rounds: list[Times]) -> Times:
    return {key: statistics.median(times[key] for times in rounds) for key in rounds[0]}


def show(found: dict[str, Times], wholes: dict[str, float]) -> None:
    """A table for people, in Markdown."""
    for name, times in found.items():
        sides = sorted({side for _, side in times})
        print(f"\n| {name}, ms | {' | '.join(f'{side} x {side}' for side in sides)} | all |")
        print("|---" * (len(sides) + 2) + "|")
        for part in PARTS[name]:
            row = [times.get((part, side), 0.0) for side in sides]
            print(f"| {part} | {' | '.join(f'{value:.1f}' for value in row)} | {sum(row):.1f} |")
        print(f"\nA whole picture: {wholes[name]:.1f} ms")


def read_engine(printed: str) -> Times:
    """The engine's times in float32 of a printed table."""
    table = printed.partition("| engine float32, ms |")[2].partition("\n\n")[0].splitlines()
    sides = [int(cell.split(" x ")[0]) for cell in table[0].split("|")[:-2]]
    rows = [[cell.strip() for cell in line.split("|")[1:-2]] for line in table[2:]]
    return {(part, side): float(value) for part, *row in rows for side, value in zip(sides, row, strict=True)}


def plot(found: dict[str, Times], path: Path) -> None:
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(found), figsize=(9.6, 3.4), dpi=110)
    engines = [name for name in found if name.startswith("engine float32")]
    if len(engines) > 1:  # to one scale, to be compared
        panels[-1].sharey(panels[list(found).index(engines[0])])
    for axes, (name, times) in zip(panels, found.items(), strict=False):
        sides = sorted({side for _, side in times})
        below = [0.0] * len(sides)
        for part in PARTS[name.partition(",")[0]]:
            row = [times.get((part, side), 0.0) for side in sides]
            axes.bar([str(side) for side in sides], row, bottom=below, color=COLORS[part], label=part)
            below = [a + b for a, b in zip(below, row, strict=True)]
        axes.set_title(name, fontsize=10)
        axes.set_xlabel("pixels a side")
        axes.margins(y=0.3)  # workspace for the legend
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        axes.grid(axis="y", alpha=0.3, lw=0.5)
    panels[0].set_ylabel("milliseconds a picture")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--labels", type=Path, help="folder of label maps (PNG)")
    parser.add_argument("--figure", type=Path, help="where to draw it (PNG)")
    parser.add_argument("--before", type=Path, help="what this command printed with an earlier version")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    maps = read_maps(args.labels or DATA / NETWORKS["coco-stuff"].sample, "coco-stuff")
    here, generator = maps[1], network("coco-stuff", maps)
    plain = dense(generator)
    engines = {name: engine(generator, name.split()[1]) for name in PARTS if name.startswith("engine")}
    if not processor.has_bfloat16():
        del engines["engine bfloat16"]
    runs: dict[str, Callable[[], Times]] = {"dense float32": lambda: profile_dense(plain, here)}
    runs |= {name: lambda found=found: profile_engine(found, here) for name, found in engines.items()}  # type: ignore[misc]
    rounds: dict[str, list[Times]] = {name: [] for name in runs}
    wholes: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(args.rounds + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            times = run()
            if number:  # the first prepares
                rounds[name].append(times)
                wholes[name].append((time.perf_counter() - began) * 1000)
    found = {name: median(times) for name, times in rounds.items()}
    print(f"processor: {processor.level()}, {args.threads} threads")
    if "engine bfloat16" not in engines:
        print("engine bfloat16: not on this processor")
    print("\n".join(f"{part}: {meaning}" for part, meaning in MEANING.items()))
    show(found, {name: statistics.median(times) for name, times in wholes.items()})
    if args.figure and args.before:
        before = read_engine(args.before.read_text())
        found = {
            "dense float32": found["dense float32"],
            "engine float32, before": before,
            "engine float32, now": found["engine float32"],
        }
    if args.figure:
        plot(found, args.figure)


if __name__ == "__main__":
    main()
