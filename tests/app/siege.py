"""Attacks on a running server, and an honest client meanwhile, for ``benchmarks/app_load.py`` and the tests.

Bounded in count and time, and only ever sent to this machine's own loopback address.
"""

import contextlib
import io
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from semsynth.labels import LabelSpace
from tests.app.conftest import ROOT, TOKEN, Served

KEY = {"Authorization": f"Bearer {TOKEN}"}


def half_open(served: Served, count: int, seconds: float) -> None:
    """Open connections that send half a header, and hold them; open the closed ones again."""
    until, held = time.monotonic() + seconds, []
    while time.monotonic() < until:
        for _ in range(count):
            with contextlib.suppress(OSError):
                one = socket.create_connection(("127.0.0.1", served.port), timeout=1)
                one.sendall(b"GET /api/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
                held.append(one)
        time.sleep(min(2.0, max(0.0, until - time.monotonic())))
        for one in held[:-count]:
            one.close()
        held = held[-count:]
    for one in held:
        one.close()


def slow_uploads(served: Served, count: int, seconds: float) -> None:
    """Uploads with the key that promise 10 MB and send a byte a second."""
    head = (
        f"POST /api/maps/read HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nAuthorization: Bearer {TOKEN}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 10000000\r\n\r\n"
    )
    held = []
    for _ in range(count):
        with contextlib.suppress(OSError):
            one = socket.create_connection(("127.0.0.1", served.port), timeout=1)
            one.sendall(head.encode())
            held.append(one)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for one in held:
            with contextlib.suppress(OSError):
                one.sendall(b"-")
        time.sleep(1)
    for one in held:
        one.close()


def large_map(side: int = 6324) -> bytes:
    """A colour map of 40 megapixels in about 100 kB."""
    color = tuple(int(value) for value in LabelSpace.named("siftflow").palette()[0])
    out = io.BytesIO()
    Image.new("RGB", (side, side), color).save(out, "PNG")
    return out.getvalue()


def large_maps(served: Served, count: int, seconds: list[float]) -> None:
    """Maps of 40 megapixels, one after the other; notes how long each took."""
    data = large_map()
    with httpx.Client(base_url=served.url, timeout=60, trust_env=False, headers=KEY) as client:
        for _ in range(count):
            start = time.monotonic()
            answer = client.post(
                "/api/maps/read", files={"map": data}, data={"width": "256", "height": "256"}
            )
            assert answer.status_code == 200, answer.text
            seconds.append(time.monotonic() - start)


@contextlib.contextmanager
def honest_client(served: Served) -> Iterator[list[float]]:
    """Somebody who asks for a small thing twice a second on new connections; gives how long each took."""
    waits: list[float] = []
    command = [sys.executable, "-m", "tests.app.siege", served.url]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdout is not None
        client.stdout.readline()  # it is ready
        try:
            yield waits
        finally:
            waits += map(float, client.communicate()[0].split())


def ask(url: str) -> None:
    """The honest client's process: asks until its input ends, then prints the seconds of every answer."""
    done = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    waits = []
    print("ready", flush=True)
    while not done.is_set():
        start = time.monotonic()
        try:
            answer = httpx.get(f"{url}/api/model", timeout=30, trust_env=False, headers=KEY)
            waits.append(time.monotonic() - start if answer.status_code == 200 else float("inf"))
        except httpx.HTTPError:
            waits.append(float("inf"))
        done.wait(0.5)
    print(*waits)


def resident(pid: int) -> float:
    """Resident megabytes of one process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1e3


def under_attack(served: Served, *attacks: Callable[[], None]) -> list[float]:
    """Run attacks side by side; gives how long the honest client waited for each of its answers."""
    threads = [threading.Thread(target=attack) for attack in attacks]
    with honest_client(served) as waits:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return waits


def keep_alive_median(served: Served, count: int = 30) -> float:
    """Median seconds of small answers on one connection."""
    with httpx.Client(base_url=served.url, timeout=120, trust_env=False, headers=KEY) as client:
        times = []
        for _ in range(count):
            start = time.perf_counter()
            client.get("/api/labels").raise_for_status()
            times.append(time.perf_counter() - start)
    return float(np.median(times))


if __name__ == "__main__":
    ask(sys.argv[1])
