"""Train a tiny model and be unkind to it: `python -m tests.faults resume`, `... kill` or `... aimed`.

resume  stop at a random step, go on; every tensor of the last checkpoint must equal, bit for bit, that of
        a run that was never stopped; with one process and with two.
kill    kill -9 at random moments, writes included, and go on each time; the newest checkpoint must always
        be readable, at most one interval may be lost, and the final weights must be equal.
aimed   kill -9 before, amid or after chosen writes, renames and deletions, and go on once; the finished run's
        weights, model folder, samples and log must equal those of a run that was never stopped.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from semsynth.training.checkpoints import load_newest
from tests.aimed import aimed
from tests.training.tiny import paint

INTERVAL, IMAGES = 8, 160

PROGRAM = f"""
import os, sys
from pathlib import Path
import torch
from semsynth.training.loop import train
from tests.training.tiny import tiny_recipe

torch.set_num_threads(1)
stop = int(sys.argv[3])

def report(seen, *_):
    if os.environ.get("RANK", "0") == "0":
        Path(sys.argv[2], "seen").write_text(str(seen))
    if stop and seen >= stop:
        os._exit(7)

recipe = tiny_recipe(
    Path(sys.argv[1]), run__images={IMAGES}, run__checkpoint_images={INTERVAL}, run__sample_images={IMAGES}
)
train(recipe, Path(sys.argv[2]), device="cpu", report=report)
"""


class Bench:
    """A data set, a program, and runs of it in a scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = paint(folder / "data")
        self.program = folder / "program.py"
        self.program.write_text(PROGRAM)

    def start(self, run: Path, stop: int = 0, processes: int = 1) -> subprocess.Popen[bytes]:
        """Start or continue a run, which ends itself hard after `stop` pictures."""
        run.mkdir(exist_ok=True)
        launcher = [sys.executable]
        if processes > 1:
            launcher += ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        environment = os.environ | {"PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
        command = [*launcher, str(self.program), str(self.data), str(run), str(stop)]
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def finish(self, run: Path, stop: int = 0, processes: int = 1) -> None:
        """Let a run come to its end, which must be the wanted one."""
        process = self.start(run, stop, processes)
        _, errors = process.communicate(timeout=600)
        if (process.returncode == 0) != (stop == 0):
            raise SystemExit(f"FAIL: the run ended with {process.returncode}\n{errors.decode()[-2000:]}")


def newest(run: Path, complaints: list[str]) -> dict | None:
    return load_newest(run / "checkpoints", warn=complaints.append)


def difference(one: object, other: object, name: str = "") -> str | None:
    """The path of the first tensor or value in which two states differ."""
    if isinstance(one, torch.Tensor):
        return None if torch.equal(one, other) else name  # type: ignore[arg-type]
    if isinstance(one, dict):
        if one.keys() != other.keys():  # type: ignore[union-attr]
            return name
        pairs = ((f"{name}/{key}", one[key], other[key]) for key in one)  # type: ignore[index]
    elif isinstance(one, list | tuple):
        pairs = ((f"{name}/{i}", a, b) for i, (a, b) in enumerate(zip(one, other, strict=True)))  # type: ignore[call-overload]
    else:
        return None if one == other else name
    return next((found for where, a, b in pairs if (found := difference(a, b, where))), None)


def compare(whole: Path, broken: Path, what: str) -> bool:
    complaints: list[str] = []
    found = difference(newest(whole, complaints), newest(broken, complaints))
    found = complaints[0] if complaints else found
    print(f"{what}: {'ok, every tensor equal' if not found else f'FAIL: {found}'}", flush=True)
    return not found


def resume(bench: Bench, times: int, rng: random.Random) -> bool:
    good = True
    for processes in (1, 2):
        whole = bench.folder / f"whole-{processes}"
        bench.finish(whole, processes=processes)
        for number in range(times):
            stop = rng.randrange(4, IMAGES - 4)
            run = bench.folder / f"stopped-{processes}-{number}"
            bench.finish(run, stop, processes)
            bench.finish(run, processes=processes)
            good &= compare(whole, run, f"{processes} process(es), stopped after {stop} pictures")
    return good


def kill(bench: Bench, times: int, rng: random.Random) -> bool:
    whole = bench.folder / "whole"
    began = time.perf_counter()
    bench.finish(whole)
    length = time.perf_counter() - began
    good, run, kills, rounds = True, bench.folder / "killed-0", 0, 0
    while kills < times:
        process = bench.start(run)
        try:
            process.wait(rng.uniform(0.3, 1.0) * length)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            complaints: list[str] = []
            state = newest(run, complaints)
            seen = int((run / "seen").read_text() or 0) if (run / "seen").exists() else 0
            kept = state["images_seen"] if state else 0
            lost = max(seen - kept, 0)
            if complaints or lost > INTERVAL + 4:  # 4: the step in which the checkpoint was being written
                print(f"FAIL: kill {kills}: lost {lost} pictures; {complaints}")
                good = False
            print(f"kill {kills}: after {seen} pictures, checkpoint at {kept}, lost {lost}", flush=True)
            continue
        good &= compare(whole, run, f"run {rounds}")  # it came to its end between kills
        rounds += 1
        run = bench.folder / f"killed-{rounds}"
    if (run / "seen").exists():
        bench.finish(run)
        good &= compare(whole, run, f"run {rounds}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("resume", "kill", "aimed"))
    parser.add_argument("--times", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        if args.what == "aimed":
            good = aimed(Path(folder), args.times, rng)
        else:
            good = (resume if args.what == "resume" else kill)(Bench(Path(folder)), args.times, rng)
    print("ok" if good else "FAIL")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
