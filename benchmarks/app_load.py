"""Load and abuse of the painting application: ``python benchmarks/app_load.py [--model FOLDER]``.

Starts a server, lets many clients paint on it, then sends it thousands of malformed requests and messages,
and prints what came of it. Exits with 1 where a picture was lost, an answer was a 500, or the log holds a
traceback.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import httpx
import numpy as np
from websockets.asyncio.client import connect

from semsynth.app.look import SeedLook, Settings
from semsynth.app.protocol import PaintRequest, Reply, pack_request, unpack_reply

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
from tests.app.conftest import TOKEN, Served, free_port  # noqa: E402

KEY = {"Authorization": f"Bearer {TOKEN}"}
PATHS = (
    "/api/model", "/api/labels", "/api/styles", "/api/styles/0/thumbnail", "/api/examples/0", "/api/photos",
    "/api/synthesize", "/api/maps/read", "/api/maps/write", "/api/projects", "/api/projects/read",
    "/api/projects/write", "/api/projects/x", "/api/projects/..%2f..%2fetc", "/static/../server.py",
    "/api/paint", "/",
)  # fmt: skip


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
            await socket.send(pack_request(PaintRequest(number, labels, Settings(look=SeedLook(seed=seed)))))
            await asyncio.sleep(1 / 30)
        await asyncio.sleep(max(0.0, until - time.monotonic()))
        number += 1
        await socket.send(pack_request(PaintRequest(number, labels, Settings(look=SeedLook(seed=seed)))))
        await asyncio.wait_for(reader, 120)


async def load(served: Served, clients: int, seconds: float, side: int) -> Counter[str]:
    """Many clients at once; prints the memory four times on the way."""
    counts: Counter[str] = Counter()
    until = time.monotonic() + seconds
    tasks = [asyncio.create_task(paint(served, seed, until, side, counts)) for seed in range(clients)]
    assert served.process is not None
    for _ in range(4):
        await asyncio.sleep(seconds / 4)
        print(f"  memory {memory(served.process):.0f} MB", flush=True)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, BaseException):
            counts[f"failed: {type(result).__name__}"] += 1
    return counts


def junk(rng: random.Random) -> bytes:
    """Bytes that are nothing, or nearly something."""
    kind = rng.randrange(5)
    if kind == 0:
        return rng.randbytes(rng.randrange(200))
    if kind == 1:
        return b"\x89PNG\r\n\x1a\n" + rng.randbytes(100)
    if kind == 2:
        return b"PK\x03\x04" + rng.randbytes(100)
    if kind == 3:
        return b"[" * rng.randrange(3000)
    good = bytearray(
        pack_request(PaintRequest(1, np.zeros((16, 16), np.uint8), Settings(look=SeedLook(seed=1))))
    )
    for _ in range(rng.randrange(1, 9)):
        good[rng.randrange(len(good))] = rng.randrange(256)
    return bytes(good[: rng.randrange(len(good))] if rng.random() < 0.5 else good)


async def abuse(served: Served, count: int) -> Counter[str]:
    """Malformed requests by HTTP, malformed messages on the socket, half and half."""
    rng = random.Random(0)
    counts: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=served.url, timeout=60, trust_env=False, headers=KEY) as client:
        for _ in range(count // 2):
            path, data = rng.choice(PATHS), junk(rng)
            method = rng.choice(("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"))
            if rng.random() < 0.5:
                field = rng.choice(("map", "photo", "project", "settings", "labels", "x"))
                sizes = {
                    k: rng.choice(("64", "-1", "99999999", "x")) for k in ("width", "height", "seed", "scale")
                }
                request = client.build_request(method, path, files={field: data}, data=sizes)
            else:
                headers = {
                    "Content-Type": rng.choice(("application/json", "multipart/form-data", "text/plain"))
                }
                request = client.build_request(method, path, content=data, headers=headers)
            answer = await client.send(request)
            counts[f"HTTP {answer.status_code}"] += 1
            assert "Traceback" not in answer.text
    await _abuse_socket(served, (junk(rng) for _ in range(count // 2)), counts)
    return counts


async def _abuse_socket(served: Served, messages: Iterable[bytes], counts: Counter[str]) -> None:
    address = served.url.replace("http", "ws") + "/api/paint"
    async with connect(address, additional_headers=KEY, proxy=None, max_size=None) as socket:
        for message in messages:
            await socket.send(message)
            reply = unpack_reply(await asyncio.wait_for(socket.recv(), 60))
            counts[f"socket {reply.kind.name.lower()}"] += 1


def main() -> int:
    """Run both and judge."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument(
        "--model", default="stand-in", help="model folder or name (default: one without a network)"
    )
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--side", type=int, default=64, help="side of the maps in pixels")
    parser.add_argument("--malformed", type=int, default=10_000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        served = Served(free_port(), Path(folder), model=args.model)
        served.start()
        try:
            httpx.get(f"{served.url}/api/model", headers=KEY, timeout=300, trust_env=False).raise_for_status()
            print(f"{args.clients} clients, {args.seconds:.0f} s", flush=True)
            painted = asyncio.run(load(served, args.clients, args.seconds, args.side))
            print(" ", dict(painted), flush=True)
            print(f"{args.malformed} malformed", flush=True)
            refused = asyncio.run(abuse(served, args.malformed))
            print(" ", dict(refused))
        finally:
            served.stop()
        log = served.log.read_text()
    bad = [
        painted["last pictures"] != args.clients and "a last picture was lost",
        painted["error"] and "a stroke was refused",
        refused["HTTP 500"] and "the server broke",
        "Traceback" in log and f"the log holds a traceback: {log[-2000:]}",
    ]
    for sentence in filter(None, bad):
        print(f"FAILED: {sentence}")
    return int(any(bad))


if __name__ == "__main__":
    sys.exit(main())
