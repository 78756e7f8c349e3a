"""Drawing time against resolution and against the share of distinct windows, the dense network beside it.

    python benchmarks/inference_curves.py resolution [--figure docs/images/time-resolution.png]
    python benchmarks/inference_curves.py share [--figure docs/images/time-share.png]

The network and its baselines are those of `inference.py`; every point is a picture from scratch, the fastest
of its turns. For the second curve, a growing part of a real map's pixels is given random classes, until
hardly any window occurs twice.
"""

import argparse
import copy
import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference import DATA
from inference_cases import Draw, dense, engine, from_scratch
from inference_networks import NETWORKS, LabelMap, network, read_maps
from published import draw, label_planes
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import processor

SIZES = [256, 384, 512, 768, 1024]
NOISE = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]
COLORS = {"dense": "#888888", "engine": "#c2410c"}


def dense_bfloat16(generator: SpadeGenerator) -> Draw:
    """The network as published, but bfloat16 and channels last."""
    twin = copy.deepcopy(generator).bfloat16().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        planes = label_planes(here.labels, twin.num_classes, here.instances).bfloat16()
        return draw(twin, planes.contiguous(memory_format=torch.channels_last)).float()

    return run


def variants(generator: SpadeGenerator) -> dict[str, Draw]:
    """Both networks in both precisions; in float32 alone where there is no bfloat16 arithmetic."""
    found: dict[str, Draw] = {"dense float32": dense(generator)}
    precisions = ["float32"]
    if processor.has_bfloat16():
        found["dense bfloat16"] = dense_bfloat16(generator)
        precisions.append("bfloat16")
    for precision in precisions:
        ours = engine(generator, precision)
        found[f"engine {precision}"] = lambda here, ours=ours: from_scratch(ours, here)  # type: ignore[misc]
    return found


def noisy(here: LabelMap, part: float, classes: int) -> LabelMap:
    """Give a part of the pixels random classes."""
    random = torch.Generator().manual_seed(0)
    labels = here.labels.clone()
    chosen = torch.rand(labels.shape, generator=random) < part
    labels[chosen] = torch.randint(0, classes, labels.shape, generator=random)[chosen]
    return LabelMap(labels, here.instances)


def fastest(run: Draw, here: LabelMap, turns: int) -> float:
    """Milliseconds of the fastest turn but the first."""
    times = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        run(here)
        times.append((time.perf_counter() - began) * 1000)
    return min(times[1:])


def measure(curve: str) -> list[dict[str, Any]]:
    """One point a line: where it lies, and the milliseconds of every variant."""
    folder = DATA / NETWORKS["coco-stuff"].sample
    maps = read_maps(folder, "coco-stuff")
    generator = network("coco-stuff", maps)
    drawn = variants(generator)
    points = []
    for step in SIZES if curve == "resolution" else NOISE:
        if curve == "resolution":
            here = read_maps(folder, "coco-stuff", (int(step), int(step)))[1]
        else:
            here = noisy(maps[1], step, NETWORKS["coco-stuff"].classes)
        plan = generator.pyramid(here.labels, here.instances).full.plan(3)
        point: dict[str, Any] = {"step": step, "share": plan.share}
        for name, run in drawn.items():
            turns = 1 if name == "dense float32" or step in SIZES[2:] else 3
            point[name] = fastest(run, here, turns)
        points.append(point)
        print(json.dumps({key: round(value, 4) for key, value in point.items()}))
    return points


def plot(curve: str, points: list[dict[str, Any]], path: Path) -> None:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6.4, 4), dpi=110)
    by_size = curve == "resolution"
    places = [point["step"] if by_size else 100 * point["share"] for point in points]
    for name in points[0]:
        kind, _, precision = name.partition(" ")
        if precision:
            style = "-" if precision == "bfloat16" else "--"
            axes.plot(
                places, [p[name] for p in points], style, marker="o", ms=3, color=COLORS[kind], label=name
            )
    axes.set_yscale("log")
    axes.set_xlabel("pixels a side" if by_size else "distinct 5x5 windows at full size, % of the pixels")
    axes.set_ylabel("milliseconds a picture")
    if by_size:
        axes.set_xticks(places)
    axes.grid(alpha=0.3, which="both", lw=0.5)
    axes.legend(frameon=False)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("curve", choices=["resolution", "share"])
    parser.add_argument("--figure", type=Path, help="where to draw it (PNG)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    print(json.dumps({"cpu": processor.level(), "threads": args.threads}))
    points = measure(args.curve)
    if args.figure:
        plot(args.curve, points, args.figure)


if __name__ == "__main__":
    main()
