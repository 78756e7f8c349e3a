"""One training step of SPADE, ours against a plain float32 loop of the published form.

    python benchmarks/training.py [--json] [--data ../shared/data]

The same networks (128 pixels, width 32, hidden 64, two discriminators of width 32, hinge loss and feature
matching), the same batch of 16; a process a loop, so that each has its own heap and its own peak of memory;
the steps alternated, medians quoted: wall clock, and beside it processor time, which other work on the
machine disturbs less. The plain loop stacks fakes and photographs, draws the fakes anew for the
discriminator's step, and lets the generator's step compute the discriminator's gradients too, as the
published code does. Ours is what `semsynth train` runs on this processor with `reuse_fake`. Real label maps
are used where the folder holds them: SIFT Flow for 36 labels, COCO-Stuff with instance edges for 184; else
random blobs.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from published import discriminate, draw, label_planes
from semsynth.data.sample import Batch
from semsynth.device import keep_heap, training_dtype
from semsynth.ops import native, processor
from semsynth.training.objective import build_networks, build_objective, objective_settings
from semsynth.training.objectives.base import Networks, Step
from semsynth.training.settings import Recipe

PRECISION = training_dtype("auto", torch.device("cpu"))
SIZE, BATCH = 128, 16
# Channels of the label map, classes, with instances, where real maps lie.
CASES: dict[str, dict[str, Any]] = {
    "labels36": {"classes": 36, "instances": False, "maps": "siftflow/val/labels/*.png"},
    "labels184": {"classes": 183, "instances": True, "maps": "coco_stuff_sample/train_label/*.png"},
}
RECIPE = Recipe(
    generator={"width": 32, "hidden": 64},
    discriminator={"width": 32},
    objective={"perceptual": 0, "reuse_fake": True},
)


def read_maps(pattern: str, data: Path, classes: int) -> tuple[np.ndarray, str]:
    """BATCH label maps of SIZE pixels, and what they are; a folder of fewer is repeated mirrored."""
    files = sorted(data.glob(pattern))
    if files:
        files = files[:: max(1, len(files) // BATCH)][:BATCH]
        maps = [np.array(Image.open(file).resize((SIZE, SIZE), Image.Resampling.NEAREST)) for file in files]
        maps = (maps + [m[:, ::-1] for m in maps])[:BATCH]
        # Beyond the classes is "unlabelled", the last class.
        return np.minimum(np.stack(maps).astype(np.int64), classes - 1), f"real maps, {pattern}"
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:SIZE, :SIZE]
    centres = rng.uniform(0, SIZE, (BATCH, 24, 2))
    distance = np.hypot(y - centres[..., 0, None, None], x - centres[..., 1, None, None])
    return rng.integers(0, classes, (BATCH, 24))[
        np.arange(BATCH)[:, None, None], distance.argmin(1)
    ], "synthetic blobs"


def make_batch(case: dict[str, Any], data: Path) -> tuple[Batch, str]:
    maps, source = read_maps(case["maps"], data, case["classes"])
    labels = torch.from_numpy(maps)
    images = torch.rand(BATCH, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 2 - 1
    instances = labels.clone() if case["instances"] else None
    return Batch(images, labels, instances, tuple(map(str, range(BATCH)))), source


def plain_step(networks: Networks, batch: Batch, classes: int) -> Callable[[], None]:
    """The published loop."""
    generator, discriminator = networks.generator, networks.discriminator
    assert discriminator is not None
    adam_g = torch.optim.Adam(generator.parameters(), 1e-4, (0.0, 0.9))
    adam_d = torch.optim.Adam(discriminator.parameters(), 4e-4, (0.0, 0.9))
    weight = objective_settings(RECIPE)["feature_matching"]

    def step() -> None:
        planes = label_planes(batch.labels, classes, batch.instances)
        prediction = discriminate(discriminator, planes, draw(generator, planes), batch.images)  # type: ignore[arg-type]
        halves = [[layer.chunk(2) for layer in scale] for scale in prediction]
        loss = torch.stack([-scale[-1][0].mean() for scale in halves]).mean()
        for scale in halves:
            for fake, real in scale[:-1]:
                loss = loss + weight * F.l1_loss(fake, real.detach()) / len(halves)
        adam_g.zero_grad()
        loss.backward()
        adam_g.step()

        planes = label_planes(batch.labels, classes, batch.instances)
        with torch.no_grad():
            fake = draw(generator, planes)  # type: ignore[arg-type]
        prediction = discriminate(discriminator, planes, fake, batch.images)  # type: ignore[arg-type]
        scores = [scale[-1].chunk(2) for scale in prediction]
        losses = [F.relu(1 + fake).mean() + F.relu(1 - real).mean() for fake, real in scores]
        adam_d.zero_grad()
        torch.stack(losses).mean().backward()
        adam_d.step()

    return step


def our_step(networks: Networks, batch: Batch) -> Callable[[], None]:
    """What `semsynth.training.loop` does between reading a batch and logging."""
    objective = build_objective(RECIPE)
    sides = {"generator": networks.generator, "discriminator": networks.discriminator}
    adams = {
        side: torch.optim.Adam(module.parameters(), 1e-4, (0.0, 0.9), fused=True)
        for side, module in sides.items()
        if module is not None
    }
    for module in sides.values():
        module.to(memory_format=torch.channels_last)  # type: ignore[union-attr, call-overload]
    images = batch.images.contiguous(memory_format=torch.channels_last)
    batch = Batch(images, batch.labels, batch.instances, batch.keys)

    def step() -> None:
        work = Step(batch, torch.Generator().manual_seed(0), 0, BATCH)
        for side, adam in adams.items():
            networks.discriminator.requires_grad_(side == "discriminator")  # type: ignore[union-attr]
            adam.zero_grad(set_to_none=True)
            with torch.autocast("cpu", PRECISION, enabled=torch.float32 != PRECISION):
                if side == "generator":
                    result = objective.generator_loss(work, networks)
                losses = (
                    result.losses
                    if side == "generator"
                    else objective.discriminator_loss(work, networks, result)
                )
            torch.stack([value.float() for value in losses.values()]).sum().backward()
            adam.step()

    return step


def build(which: str, case: dict[str, Any], data: Path) -> tuple[Callable[[], None], str]:
    """A step of the "plain" loop or of "ours", and what its label maps are."""
    batch, source = make_batch(case, data)
    networks = build_networks(RECIPE, case["classes"], case["instances"])
    for module in networks.modules().values():
        module.train()
    if which == "plain":
        return plain_step(networks, batch, case["classes"]), source
    keep_heap()
    return our_step(networks, batch), source


def work(which: str, case: dict[str, Any], data: Path) -> None:
    """Take a step for every line that comes in, and answer what it took, as JSON."""
    step, source = build(which, case, data)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        step()
        taken = {"wall": time.perf_counter() - wall, "processor": time.process_time() - processor}
        print(json.dumps(taken | {"peak_mib": peak_memory(), "batch": source}), flush=True)


def peak_memory() -> float | None:
    """MiB this process has held at most; None where the system does not tell.

    Linux says it of the process itself; `ru_maxrss` is inherited from the process that started it.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        status = ""
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    if found is not None:
        return int(found[1]) / 1024
    try:
        import resource
    except ImportError:  # on Windows
        return None
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def ask(loop: subprocess.Popen[str]) -> dict[str, Any]:
    """Let a loop take one step; what it answered."""
    assert loop.stdin is not None
    assert loop.stdout is not None
    loop.stdin.write("step\n")
    loop.stdin.flush()
    answer: dict[str, Any] = json.loads(loop.stdout.readline())
    return answer


def measure(name: str, data: Path, steps: int, threads: int) -> dict[str, Any]:
    """Alternate the two loops after one step of each to warm up."""
    command = [sys.executable, __file__, "--data", str(data), "--threads", str(threads), "--work", name]
    loops = {
        which: subprocess.Popen([*command, which], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for which in ("plain", "ours")
    }
    answers: dict[str, list[dict[str, Any]]] = {which: [] for which in loops}
    for _ in range(steps + 1):
        for which, loop in loops.items():
            answers[which].append(answer := ask(loop))
            print(f"  {which}: {answer['wall']:.2f} s", file=sys.stderr)
    for loop in loops.values():
        loop.communicate()
    middle = {
        which: {key: statistics.median(answer[key] for answer in taken[1:]) for key in ("wall", "processor")}
        for which, taken in answers.items()
    }
    plain, ours = middle["plain"], middle["ours"]
    return {
        "ratio": plain["wall"] / ours["wall"],
        "processor_ratio": plain["processor"] / ours["processor"],
        "plain_s": plain["wall"],
        "ours_s": ours["wall"],
        "ours_processor_s": ours["processor"],
        "ours_ms_per_image": ours["wall"] / BATCH * 1000,
        "batch": answers["ours"][-1]["batch"],
        **{f"{which}_peak_mib": taken[-1]["peak_mib"] for which, taken in answers.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--steps", type=int, default=5, help="measured steps of each loop")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.work:
        name, which = args.work
        work(which, CASES[name], args.data)
        return
    cases: dict[str, Any] = {}
    if not args.json:
        print(f"processor: {processor.level()}, {args.threads} threads; ours in {PRECISION}")
    for name in args.case or CASES:
        cases[name] = measure(name, args.data, args.steps, args.threads)
        if not args.json:
            print(name, {k: round(v, 2) if isinstance(v, float) else v for k, v in cases[name].items()})
    if args.json:
        report = {"cpu": processor.level(), "precision": str(PRECISION).removeprefix("torch.")}
        report |= {"kernels": native.describe(), "torch": torch.__version__, "cases": cases}
        print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
