"""Load and abuse of the painting application: ``python benchmarks/app_load.py [--model FOLDER]``.

Starts a server, lets many clients paint on it, then sends it thousands of malformed requests and messages,
bombs, and paths for names, and prints what came of it. Exits with 1 where a stroke was refused, a last
picture was lost, memory grew, an answer was a 500 or no sentence, or the log holds a traceback.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx
import numpy as np
from websockets.asyncio.client import connect

from semsynth.app.protocol import PaintJob, Reply
from semsynth.app.settings import SeedStyle, Settings
from semsynth.ops import processor

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
import app_abuse  # noqa: E402
from tests.app import siege  # noqa: E402
from tests.app.client import pack_request, unpack_reply  # noqa: E402
from tests.app.conftest import TOKEN, Served, free_port  # noqa: E402

KEY = {"Authorization": f"Bearer {TOKEN}"}


def memory(process: "subprocess.Popen[bytes]") -> float:
    """Resident megabytes of a process and its children."""
    pids = [process.pid]
    total = 0
    for pid in pids:
        try:
            lists = Path(f"/proc/{pid}/task").glob("*/children")  # each thread lists those it started
            children = [child for path in lists for child in path.read_text().split()]
            total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except OSError:
            continue
        pids.extend(int(child) for child in children)
    return total / 1e6


async def paint(served: Served, seed: int, until: float, side: int, counts: Counter[str]) -> None:
    """One client: sends thirty strokes a second, then insists on the picture of its last one."""
    rng = np.random.default_rng(seed)
    labels = np.full((side, side), 28, np.uint8)
    number = 0
    async with connect(
        served.url.replace("http", "ws") + "/api/paint", additional_headers=KEY, proxy=None, max_size=None
    ) as socket:

        async def read() -> None:
            async for message in socket:
                reply = unpack_reply(message)
                counts[reply.kind.name.lower()] += 1
                if reply.number == number and time.monotonic() > until and reply.kind is Reply.PICTURE:
                    counts["last pictures"] += 1
                    return

        reader = asyncio.create_task(read())
        while time.monotonic() < until:
            y, x = rng.integers(0, side - 8, 2)
            labels[y : y + 8, x : x + 8] = rng.integers(1, 33)
            number += 1
            await socket.send(
                pack_request(PaintJob(labels, Settings(style=SeedStyle(seed=seed)), number=number))
            )
            await asyncio.sleep(1 / 30)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        number += 1
        await socket.send(pack_request(PaintJob(labels, Settings(style=SeedStyle(seed=seed)), number=number)))
        await asyncio.wait_for(reader, 120)


async def load(served: Served, clients: int, seconds: float, side: int) -> tuple[Counter[str], list[float]]:
    """Many clients at once; gives what came of it, and the memory in megabytes, ten times on the way."""
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds
    tasks = [asyncio.create_task(paint(served, seed, until, side, counts)) for seed in range(clients)]
    assert served.process is not None
    sizes = []
    for _ in range(10):
        await asyncio.sleep(seconds / 10)
        sizes.append(memory(served.process))
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            counts[f"failed: {type(result).__name__}"] += 1
    return counts, sizes


def abuse(served: Served, count: int) -> Counter[str]:
    """Malformed requests: by the description of the API, on the socket, and the rest of them by chance."""
    third = count // 3
    found = asyncio.run(app_abuse.on_the_socket(served.url, KEY, third))
    try:
        found += app_abuse.by_description(served.url, KEY, third)
    except ImportError as error:
        print(f"  {error.name} is missing: nothing was invented from the description of the API")
    return found + asyncio.run(app_abuse.by_chance(served.url, KEY, count - found.total()))


def main() -> int:
    """Run all and report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="stand-in", help="model folder or name (default: one without a network)"
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--side", type=int, default=64, help="side of the maps in pixels")
    parser.add_argument("--malformed", type=int, default=10_000)
    parser.add_argument("--siege", type=float, default=20, help="seconds of half-open connections")
    args = parser.parse_args()
    bad: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        served = Served(free_port(), Path(folder), model=args.model)
        served.start()
        try:
            httpx.get(f"{served.url}/api/model", headers=KEY, timeout=300, trust_env=False).raise_for_status()
            bad += report_load(args, served)
            bad += report_abuse(args, served)
            bad += report_siege(args, served)
        finally:
            served.stop()
        log = served.log.read_text()
    if "Traceback" in log:
        bad.append(f"the log holds a traceback: {log[-2000:]}")
    for sentence in bad:
        print(f"FAILED: {sentence}")
    return int(bool(bad))


def report_load(args: argparse.Namespace, served: Served) -> list[str]:
    """Let clients paint; gives what was wrong."""
    print(f"processor: {processor.level()}; {args.clients} clients, {args.seconds:.0f} s", flush=True)
    painted, sizes = asyncio.run(load(served, args.clients, args.seconds, args.side))
    print(f"  {dict(painted)}\n  memory in MB: {' '.join(f'{size:.0f}' for size in sizes)}", flush=True)
    wrong = [name for name in painted if name == "error" or name.startswith("failed")]
    if painted["last pictures"] != args.clients:
        wrong.append("a last picture was lost")
    if sizes[-1] > 1.1 * sizes[1]:
        wrong.append("memory grows")
    return wrong


def report_siege(args: argparse.Namespace, served: Served) -> list[str]:
    """Hold half-open connections and slow uploads open, and send large maps, beside an honest client."""
    assert served.process is not None
    before, took = siege.resident(served.process.pid), list[float]()
    waits = siege.under_attack(
        served,
        lambda: siege.half_open(served, 200, args.siege),
        lambda: siege.slow_uploads(served, 30, args.siege),
        lambda: siege.large_maps(served, 10, took),
    )
    after = siege.resident(served.process.pid)
    print(
        f"200 half-open connections, 30 slow uploads, 10 maps of 40 megapixels, {args.siege:.0f} s\n"
        f"  {len(waits)} honest requests: median {np.median(waits):.2f} s, longest {max(waits):.2f} s\n"
        f"  a map of 40 megapixels: median {np.median(took):.2f} s, longest {max(took):.2f} s\n"
        f"  memory of the server in MB: {before:.0f} before, {after:.0f} after\n"
        f"  an answer on an open connection: {siege.keep_alive_median(served) * 1e3:.1f} ms"
    )
    wrong = ["an honest client waited for more than a second"] if max(waits) > 1 else []
    return wrong + (["large maps leave memory taken"] if after - before > 50 else [])


def report_abuse(args: argparse.Namespace, served: Served) -> list[str]:
    """Send what is malformed; gives what was wrong."""
    assert served.process is not None
    before, start = memory(served.process), time.monotonic()
    refused = abuse(served, args.malformed)
    total = sum(count for name, count in refused.items() if name.startswith(("HTTP", "socket")))
    print(
        f"{total} malformed, {time.monotonic() - start:.0f} s\n  {dict(sorted(refused.items()))}", flush=True
    )
    wrong = [name for name in refused if name.startswith("HTTP 5") or name == "tracebacks told"]
    for what, status, sentence in app_abuse.refusals(served.url, KEY):
        print(f"  {what}: {status}, {sentence}")
        if not 400 <= status < 500 or not sentence.endswith("."):
            wrong.append(f"not refused with a sentence: {what}")
    print(f"  memory in MB: {before:.0f} before, {memory(served.process):.0f} after")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
