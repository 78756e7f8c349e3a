"""How fast the engine draws: ``python benchmarks/inference.py [--json] [--labels FOLDER] [--network NAME]``.

The network is the published one at full size with healthy random weights: He's scale, and the running
statistics of real batches. The baseline is that network as published (`published.py`): eager, float32,
one-hot planes, every modulation a pair of dense convolutions. Everything runs in one process with the C
library's own allocator settings, on the same maps; the variants take turns, and of every variant and map the
median of the rounds counts, then the mean over maps. A dense network takes as long for every map, so a round
times it on one.

    float32, bfloat16       our engine, a new label map every time: nothing is kept
    ..._restyle             the same map in another style (the variant whose stem is a style)
    ..._fallback            public PyTorch operations only, as without the native kernels
    stroke4                 a round stroke of radius 4 pixels at a random place, drawn exactly
    landscape               our engine with the landscape recipe's smaller network
    openvino, onnxruntime,  rivals: the dense network in other runtimes (`rivals.py`), in float32,
    ncnn, compile           where they are installed; compile is torch.compile
    openvino_bf16, compile_bf16  the same in bfloat16

The last and the strokes are in bfloat16 where this processor has its arithmetic, else in float32. Elsewhere,
cases in bfloat16 are not measured. Errors are also stated against that network in float64: the engine's, and
the dense float32 network's own. SEMSYNTH_CPU=avx2 measures as on a lesser processor.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from inference_cases import (
    Case,
    Draw,
    OneMapARound,
    Strokes,
    dense,
    engine,
    exact,
    fallback,
    from_scratch,
    restyled,
)
from inference_networks import NETWORKS, LabelMap, landscape, network, read_maps
from rivals import RIVALS, rival
from semsynth.device import choose_precision
from semsynth.hub import PRETRAINED
from semsynth.ops import native, processor

EXAMPLES = PRETRAINED / "landscape" / "examples"
DATA = Path(__file__).parents[2] / "shared" / "data"


def build(names: list[str], name: str, maps: list[LabelMap]) -> dict[str, Case]:
    """The cases asked for that can be run here."""
    generator = network(name, maps)
    cases: dict[str, Case] = {"baseline": OneMapARound(dense(generator), maps)}
    for precision in PRECISIONS:
        if precision in names:
            found = engine(generator, precision)
            cases[precision] = Case(lambda here, found=found: from_scratch(found, here), maps)  # type: ignore[misc]
        if f"{precision}_restyle" in names:
            cases[f"{precision}_restyle"] = restyled(name, maps, precision)
        if f"{precision}_fallback" in names:
            cases[f"{precision}_fallback"] = Case(fallback(generator, precision), maps)
    best = choose_precision("auto", torch.device("cpu"))
    if "stroke4" in names:
        cases["stroke4"] = Strokes(generator, maps, best)
    for other in [*RIVALS, "openvino_bf16", "compile_bf16"]:
        precision = "bfloat16" if other.endswith("_bf16") else "float32"
        found = rival(other.removesuffix("_bf16"), generator, maps[0], precision) if other in names else None
        if found is not None:
            cases[other] = OneMapARound(found, maps)
    if "landscape" in names:
        small, examples = landscape()
        found = engine(small, best)
        style = torch.randn(1, small.style_dim or 1, generator=torch.Generator().manual_seed(0))
        cases["landscape"] = Case(lambda here: from_scratch(found, here, style), examples)
    return cases


def choose_maps(folder: Path, name: str) -> tuple[list[LabelMap], str]:
    """The maps of a folder; those that come with the package where it has none."""
    maps = read_maps(folder, name)
    if maps:
        return maps, str(folder)
    return read_maps(EXAMPLES, name), "the example maps of the package"


def compare(cases: dict[str, Case], exact: Draw) -> dict[str, float]:
    """Largest differences over all maps, and PSNR of bfloat16 (mean over maps, range 2).

    Args:
        cases: those that were measured.
        exact: the network in float64.

    Returns:
        the errors of the engine, of the dense network in float32 and of each rival, by its name, against
        `exact`; the engine's difference from the dense network; the PSNR.
    """
    rivals = [name for name in RIVALS if name in cases]
    if not {"float32", "bfloat16", *rivals} & cases.keys():
        return {}
    found: dict[str, float] = {}
    psnr = []

    def largest(key: str, a: Tensor, b: Tensor) -> None:
        found[key] = max(found.get(key, 0.0), float((a - b).abs().max()))

    for here in cases["baseline"].maps:
        expected, wanted = cases["baseline"].draw(here), exact(here)
        largest("dense_error_float64", expected, wanted)
        if "float32" in cases:
            drawn = cases["float32"].draw(here)
            largest("float32_max_abs_diff", drawn, expected)
            largest("error_float64", drawn, wanted)
        for name in rivals:
            largest(name, cases[name].draw(here), wanted)
        if "bfloat16" in cases:
            error = (cases["bfloat16"].draw(here) - expected).double().square().mean()
            psnr.append(float(10 * (4 / error).log10()))
    if psnr:
        found |= {"bfloat16_psnr": statistics.mean(psnr), "bfloat16_psnr_least": min(psnr)}
    return found


def measure(cases: dict[str, Case], rounds: int) -> dict[str, Any]:
    """All variants in turns, after a picture each to warm up."""
    for case in cases.values():
        for here in case.maps[: 1 if isinstance(case, OneMapARound) else 2]:
            case.draw(here)
    for turn in range(rounds):
        for case in cases.values():
            case.turn(turn)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    baseline = cases["baseline"].ms()
    report: dict[str, Any] = {"cases": {}, "rivals": {}}
    for name, case in cases.items():
        if name != "baseline":
            kind = "rivals" if name in RIVALS else "cases"
            report[kind][name] = {"ratio": baseline / case.ms(), "ms": case.ms()}
    if "landscape" in cases:
        report["landscape_pictures_per_second"] = 1000 / cases["landscape"].ms()
    return report | {"baseline_ms": baseline}


PRECISIONS = ("float32", "bfloat16")
BFLOAT16 = ["bfloat16", "bfloat16_restyle", "bfloat16_fallback", "compile_bf16", "openvino_bf16"]
ALL = ["float32", "float32_restyle", "float32_fallback", *BFLOAT16, "stroke4", "landscape", *RIVALS]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--labels", type=Path, help="folder of label maps (PNG)")
    parser.add_argument("--network", choices=list(NETWORKS), default="coco-stuff")
    parser.add_argument("--case", choices=ALL, action="append", help="only this one; repeatable")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--maps", type=int, help="at most so many")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    maps, source = choose_maps(args.labels or DATA / NETWORKS[args.network].sample, args.network)
    maps = maps[: args.maps]  # of which the network has its running statistics
    names = args.case or ALL
    missing = [name for name in names if name in BFLOAT16 and not processor.has_bfloat16()]
    cases = build([name for name in names if name not in missing], args.network, maps)
    report = {"cpu": processor.level(), "kernels": native.describe(), "torch": torch.__version__}
    report |= {"maps": len(maps), "maps_from": source, "threads": args.threads}
    report |= measure(cases, args.rounds)
    errors = compare(cases, exact(network(args.network, maps)))
    for name in RIVALS:
        if name in report["rivals"]:
            report["rivals"][name]["error_float64"] = errors.pop(name)
        elif name in names:
            report["rivals"][name] = None  # not installed
    report |= errors
    report["not_on_this_processor"] = missing
    if args.json:
        print(json.dumps(report, indent=1))
    else:
        show(report)


def show(report: dict[str, Any]) -> None:
    """A table for people."""
    print(f"processor: {report['cpu']}, {report['threads']} threads")
    print(f"{report['maps']} maps of {report['maps_from']}")
    print(f"{'dense, float32':20} {report['baseline_ms']:8.1f} ms")
    for name, found in (report["cases"] | report["rivals"]).items():
        if found is None:
            print(f"{name:20} not installed")
            continue
        error = f"   error {found['error_float64']:.3g}" if "error_float64" in found else ""
        print(f"{name:20} {found['ms']:8.1f} ms {found['ratio']:6.1f} x{error}")
    for name in report["not_on_this_processor"]:
        print(f"{name:20} not on this processor")
    for name in ("float32_max_abs_diff", "error_float64", "dense_error_float64", "bfloat16_psnr"):
        if name in report:
            print(f"{name:20} {report[name]:8.3g}")


if __name__ == "__main__":
    main()
