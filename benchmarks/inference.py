"""How fast the engine draws: ``python benchmarks/inference.py [--json] [--labels FOLDER] [--network NAME]``.

The network is the published one at full size with healthy random weights: He's scale, and the running
statistics of real batches. The baseline is that network as published (`published.py`): eager, float32,
one-hot planes, every modulation a pair of dense convolutions. Everything runs in one process with the C
library's own allocator settings, on the same maps; the variants take turns, and of every variant and map the
median of the rounds counts, then the mean over maps. The dense network takes as long for every map, so a
round times it on one.

    float32, bfloat16       our engine, a new label map every time: nothing is kept
    bfloat16_restyle        the same map in another style (the variant whose stem is a style)
    bfloat16_fallback       public PyTorch operations only, as without the native kernels
    stroke4                 a round stroke of radius 4 pixels at a random place, drawn exactly
    compile_bf16            rival: the dense network under torch.compile, bfloat16, channels last, frozen
    openvino_bf16           rival: the dense network in OpenVINO, where it is installed
    landscape               our engine, bfloat16, with the landscape recipe's smaller network
"""

import argparse
import copy
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn

from inference_networks import NETWORKS, LabelMap, landscape, network, read_maps
from published import draw, label_planes
from semsynth.inference.engine import SpadeEngine, engine_for
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import native

DATA = Path(__file__).parents[2] / "shared" / "data"
Draw = Callable[[LabelMap], Tensor]


@dataclass
class Case:
    """One variant: what draws a map, and the milliseconds it took, a list per map."""

    draw: Draw
    maps: list[LabelMap]
    prepare: Draw | None = None
    times: dict[int, list[float]] = field(default_factory=dict)

    def ms(self) -> float:
        """Median over the rounds, mean over the maps."""
        return statistics.mean(statistics.median(times) for times in self.times.values())

    def run(self, index: int) -> None:
        """Draw a map and note how long it took."""
        here = self.maps[index]
        if self.prepare is not None:
            self.prepare(here)
        began = time.perf_counter()
        self.draw(here)
        self.times.setdefault(index, []).append((time.perf_counter() - began) * 1000)


@torch.inference_mode()
def from_scratch(engine: SpadeEngine, here: LabelMap, style: Tensor | None = None) -> Tensor:
    """Draw with nothing kept from an earlier map."""
    pyramid = engine.generator.pyramid(here.labels, here.instances)
    return engine.draw(engine.tables(pyramid), style)


def dense(generator: SpadeGenerator) -> Draw:
    """The network as published."""

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        return draw(generator, label_planes(here.labels, generator.num_classes, here.instances))

    return run


def engine(generator: SpadeGenerator, precision: str) -> SpadeEngine:
    """Our engine on weights of its own."""
    found = engine_for(copy.deepcopy(generator), precision)  # type: ignore[arg-type]
    assert isinstance(found, SpadeEngine)
    return found


@contextmanager
def public_operations() -> Iterator[None]:
    """What SEMSYNTH_NATIVE=0 does."""
    with patch.object(native, "available", return_value=False):
        yield


def fallback(generator: SpadeGenerator) -> Draw:
    with public_operations():
        found = engine(generator, "bfloat16")

    def run(here: LabelMap) -> Tensor:
        with public_operations():
            return from_scratch(found, here)

    return run


def restyled(name: str, maps: list[LabelMap]) -> Case:
    """The style changes, the map stays: its tables are kept."""
    found = engine(network(name, maps, style=True), "bfloat16")
    styles = torch.Generator().manual_seed(0)

    def run(here: LabelMap) -> Tensor:
        style = torch.randn(1, found.generator.style_dim or 1, generator=styles)
        return found(here.labels, style=style, instances=here.instances)

    return Case(run, maps, prepare=run)


def compiled(generator: SpadeGenerator) -> Draw:
    """torch.compile at its best: bfloat16, channels last, weights frozen."""
    import torch._inductor.config as inductor

    inductor.freezing = True
    twin = copy.deepcopy(generator).bfloat16().to(memory_format=torch.channels_last)
    quick = torch.compile(_Dense(twin))

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        planes = label_planes(here.labels, twin.num_classes, here.instances).bfloat16()
        return quick(planes.contiguous(memory_format=torch.channels_last)).float()  # type: ignore[no-any-return]

    return run


class _Dense(nn.Module):
    def __init__(self, generator: SpadeGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, planes: Tensor) -> Tensor:
        return draw(self.generator, planes)


def openvino(generator: SpadeGenerator, here: LabelMap) -> Draw | None:
    """OpenVINO on the dense network, allowed to compute in bfloat16; None where it is not installed."""
    try:
        import openvino as ov
    except ImportError:
        return None
    planes = label_planes(here.labels, generator.num_classes, here.instances)
    model = ov.convert_model(_Dense(copy.deepcopy(generator)), example_input=planes, input=[planes.shape])
    hints = {"INFERENCE_PRECISION_HINT": "bf16", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    ready = ov.Core().compile_model(model, "CPU", hints)

    def run(here: LabelMap) -> Tensor:
        planes = label_planes(here.labels, generator.num_classes, here.instances)
        return torch.from_numpy(next(iter(ready([planes.numpy()]).values())))

    return run


def strokes(generator: SpadeGenerator, maps: list[LabelMap]) -> Case | None:
    """Strokes of radius 4 at random places, one after the other; None without an incremental engine."""
    return None


def build(names: list[str], name: str, maps: list[LabelMap]) -> dict[str, Case]:
    """The cases asked for that can be run here."""
    generator = network(name, maps)
    cases = {"baseline": Case(dense(generator), maps)}
    for precision in ("float32", "bfloat16"):
        if precision in names:
            found = engine(generator, precision)
            cases[precision] = Case(lambda here, found=found: from_scratch(found, here), maps)  # type: ignore[misc]
    if "bfloat16_restyle" in names:
        cases["bfloat16_restyle"] = restyled(name, maps)
    if "bfloat16_fallback" in names:
        cases["bfloat16_fallback"] = Case(fallback(generator), maps)
    if "compile_bf16" in names:
        cases["compile_bf16"] = Case(compiled(generator), maps)
    optional = {
        "openvino_bf16": lambda: openvino(generator, maps[0]),
        "stroke4": lambda: strokes(generator, maps),
    }
    for case, make in optional.items():
        made = make() if case in names else None
        if made is not None:
            cases[case] = made if isinstance(made, Case) else Case(made, maps)  # type: ignore[arg-type]
    if "landscape" in names:
        small, examples = landscape()
        found = engine(small, "bfloat16")
        style = torch.randn(1, small.style_dim or 1, generator=torch.Generator().manual_seed(0))
        cases["landscape"] = Case(lambda here: from_scratch(found, here, style), examples)
    return cases


def compare(cases: dict[str, Case]) -> dict[str, float]:
    """Largest difference of float32 over all maps, and PSNR of bfloat16 (mean over maps, range 2)."""
    differences, psnr = [], []
    for here in cases["baseline"].maps:
        if not {"float32", "bfloat16"} & cases.keys():
            return {}
        expected = cases["baseline"].draw(here)
        if "float32" in cases:
            differences.append(float((cases["float32"].draw(here) - expected).abs().max()))
        if "bfloat16" in cases:
            error = (cases["bfloat16"].draw(here) - expected).double().square().mean()
            psnr.append(float(10 * (4 / error).log10()))
    found = {}
    if differences:
        found["float32_max_abs_diff"] = max(differences)
    if psnr:
        found |= {"bfloat16_psnr": statistics.mean(psnr), "bfloat16_psnr_least": min(psnr)}
    return found


def measure(cases: dict[str, Case], rounds: int) -> dict[str, Any]:
    """All variants in turns, after a picture each to warm up."""
    for case in cases.values():
        for index in range(min(2, len(case.maps))):
            case.draw(case.maps[index])
    for turn in range(rounds):
        for name, case in cases.items():
            for index in [turn % len(case.maps)] if name == "baseline" else range(len(case.maps)):
                case.run(index)
        print(f"round {turn + 1} of {rounds}", file=sys.stderr)
    every = [ms for times in cases["baseline"].times.values() for ms in times]
    baseline = statistics.median(every)
    report: dict[str, Any] = {"cases": {}}
    for name, case in cases.items():
        if name != "baseline":
            report["cases"][name] = {"ratio": baseline / case.ms(), "ms": case.ms()}
    return report | {"baseline_ms": baseline}


ALL = [
    "float32", "bfloat16", "bfloat16_restyle", "bfloat16_fallback", "stroke4", "compile_bf16",
    "openvino_bf16", "landscape",
]  # fmt: skip


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
    maps = read_maps(args.labels or DATA / NETWORKS[args.network].sample, args.network)[: args.maps]
    if not maps:
        parser.error(f"{args.labels or DATA} holds no label maps (PNG); give a folder with --labels")
    cases = build(args.case or ALL, args.network, maps)
    report = measure(cases, args.rounds) | compare(cases)
    report |= {"maps": len(maps), "kernels": native.describe(), "torch": torch.__version__}
    if args.json:
        print(json.dumps(report, indent=1))
        return
    print(f"{'dense, float32':20} {report['baseline_ms']:8.1f} ms")
    for name, found in report["cases"].items():
        print(f"{name:20} {found['ms']:8.1f} ms {found['ratio']:6.1f} x")
    for name in ("float32_max_abs_diff", "bfloat16_psnr"):
        if name in report:
            print(f"{name:20} {report[name]:8.3g}")


if __name__ == "__main__":
    main()
