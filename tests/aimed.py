"""Kill a training run at every kind of write, and go on: nothing may be lost, nor differ from a whole run.

The parent has imported everything and computed nothing, so that a fork of it trains at once. Curves are not
drawn, which would take most of the time; that they are written is enough.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # an optimiser imports it, else every child would

from semsynth.files.writing import write_atomically
from semsynth.training import loop
from semsynth.training.checkpoints import load_newest
from semsynth.training.log import read_log
from tests.hooks import Watch
from tests.training.tiny import paint, tiny_recipe

CHANGES: dict[str, Any] = {
    "run__images": 12,
    "run__batch_size": 4,
    "run__checkpoint_images": 4,
    "run__log_images": 8,  # lines over two checkpoints: what was counted must be kept
    "run__sample_images": 8,
    "run__workers": 0,
}
LANES = 2
"""Runs at a time."""


def fork(data: Path, run: Path, stop: int, note: Path) -> int:
    """Train in a child until it is done or dies at an event; its exit status, 137 where it was killed."""
    child = os.fork()
    if child == 0:
        code = 1
        with note.with_suffix(".err").open("w") as errors:
            os.dup2(errors.fileno(), 2)
            try:
                watch = Watch(run, stop)
                watch.start()
                said: list[str] = []
                loop.train(tiny_recipe(data, **CHANGES), run, device="cpu", log=said.append)
                watch.stop, watch.folder = -1, "/nowhere"
                note.write_text(json.dumps({"events": watch.events, "unseen": watch.unseen, "said": said}))
                code = 0
            except BaseException as error:  # whatever it is, the parent must hear of it
                print(f"{type(error).__name__}: {error}", file=sys.stderr)
            finally:
                errors.flush()
                os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def leftovers(run: Path) -> list[str]:
    """What no finished run has."""
    found = (path.relative_to(run).as_posix() for path in run.rglob("*"))
    return sorted(name for name in found if name.endswith((".part", ".old", ".damaged", ".tmp")))


def facts(run: Path) -> dict[str, Any]:
    """Everything that two equal runs have in common, by name."""
    complaints: list[str] = []
    found: dict[str, Any] = {"checkpoint": load_newest(run / "checkpoints", complaints.append)}
    found["checkpoints"] = sorted(path.name.partition("-")[0] for path in (run / "checkpoints").iterdir())
    for path in sorted(run.rglob("*")):
        name = path.relative_to(run).as_posix()
        if path.is_file() and name.partition("/")[0] in ("model", "samples", "cache", "config.json"):
            found[name] = path.read_bytes()
    times = ("images_per_second", "peak_memory_gib")
    lines = read_log(run / "log.jsonl", log=complaints.append)
    found["log"] = [{k: v for k, v in line.items() if k not in times} for line in lines]
    found["complaints"], found["leftovers"] = complaints, leftovers(run)
    return found


def choose(events: list[str], times: int, rng: random.Random) -> list[int]:
    """Numbers of events: of every kind the first and the last, then others at random; or all."""
    first, last = {}, {}
    for number, event in enumerate(events):
        first.setdefault(event, number)
        last[event] = number
    chosen = list(dict.fromkeys([*first.values(), *last.values()]))
    rng.shuffle(chosen)
    rest = [number for number in range(len(events)) if number not in set(chosen)]
    rng.shuffle(rest)
    return sorted((chosen + rest)[:times])


def aimed(folder: Path, times: int, rng: random.Random) -> bool:
    """Kill at `times` events, each followed by one start that ends the run; compare."""
    from tests.faults import difference

    torch.set_num_threads(1)
    loop.plot_curves = lambda log, path: write_atomically(path, b"curves")  # type: ignore[assignment]
    data, whole, note = paint(folder / "data"), folder / "whole", folder / "note.json"
    # The run that is compared with is itself begun twice: its second start must change nothing.
    found: dict[str, Any] = {}
    for _ in range(2):
        if fork(data, whole, -1, note):
            print(f"FAIL: {note.with_suffix('.err').read_text()}")
            return False
        found = found or json.loads(note.read_text()) | {"facts": facts(whole)}
    events, wanted = found["events"], found["facts"]
    good = not found["unseen"] and not difference(wanted, facts(whole)) and not wanted["leftovers"]
    print(f"{len(events)} events of {len(set(events))} kinds; {'ok' if good else 'FAIL'}", flush=True)
    began = time.perf_counter()
    chosen = choose(events, times, rng)
    children = []
    for lane in range(LANES):
        child = os.fork()
        if child == 0:
            place = folder / str(lane)
            place.mkdir()
            fine = [strike(data, place, number, events[number], wanted) for number in chosen[lane::LANES]]
            os._exit(0 if all(fine) else 1)
        children.append(child)
    ends = [os.waitpid(child, 0)[1] for child in children]
    good &= not any(ends)
    kinds = len({events[number] for number in chosen})
    print(f"{len(chosen)} kills at {kinds} kinds of events in {time.perf_counter() - began:.0f} s")
    return good


def strike(data: Path, place: Path, number: int, event: str, wanted: dict[str, Any]) -> bool:
    """Kill a run at an event, let it go on to its end, and compare it with the whole one."""
    from tests.faults import difference

    run, note = place / "run", place / "note.json"
    shutil.rmtree(run, ignore_errors=True)
    killed = fork(data, run, number, note)
    ended = fork(data, run, -1, note) if killed == -signal.SIGKILL else killed
    if ended or killed != -signal.SIGKILL:
        unlike: str | None = f"ended with {killed}, then {ended}: {note.with_suffix('.err').read_text()}"
    else:
        unlike = difference(wanted, facts(run))
    print(f"{number:5} {event}: {f'FAIL: {unlike}' if unlike else 'ok'}", flush=True)
    return not unlike
