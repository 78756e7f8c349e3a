"""Malformed requests and messages for ``app_load.py``: by chance, by the API's description, and bombs."""

import asyncio
import io
import random
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator

import httpx
import numpy as np
from websockets.asyncio.client import connect

from semsynth.app.protocol import PaintJob
from semsynth.app.settings import SeedStyle, Settings
from tests.app.client import pack_request, unpack_reply

PATHS = (
    "/api/model", "/api/labels", "/api/styles", "/api/styles/0/thumbnail", "/api/examples/0", "/api/photos",
    "/api/synthesize", "/api/maps/read", "/api/maps/write", "/api/projects", "/api/projects/read",
    "/api/projects/write", "/api/projects/x", "/api/projects/..%2f..%2fetc", "/static/../server.py",
    "/api/paint", "/",
)  # fmt: skip


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
        pack_request(PaintJob(np.zeros((16, 16), np.uint8), Settings(style=SeedStyle(seed=1)), number=1))
    )
    for _ in range(rng.randrange(1, 9)):
        good[rng.randrange(len(good))] = rng.randrange(256)
    return bytes(good[: rng.randrange(len(good))] if rng.random() < 0.5 else good)


async def by_chance(url: str, key: dict[str, str], count: int) -> Counter[str]:
    """Requests of any method to any path with any body."""
    rng = random.Random(0)
    counts: Counter[str] = Counter()
    async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False, headers=key) as client:
        for _ in range(count):
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
            if "Traceback" in answer.text:
                counts["tracebacks told"] += 1
    return counts


async def on_the_socket(url: str, key: dict[str, str], count: int) -> Counter[str]:
    """Messages that are none; every one must be answered."""
    rng = random.Random(1)
    counts: Counter[str] = Counter()
    messages: Iterable[bytes] = (junk(rng) for _ in range(count))
    address = url.replace("http", "ws") + "/api/paint"
    async with connect(address, additional_headers=key, proxy=None, max_size=None) as socket:
        for message in messages:
            await socket.send(message)
            reply = unpack_reply(await asyncio.wait_for(socket.recv(), 60))
            counts[f"socket {reply.kind.name.lower()}"] += 1
    return counts


def by_description(url: str, key: dict[str, str], count: int) -> Counter[str]:
    """Requests that schemathesis invents from the OpenAPI description: right ones and wrong ones."""
    import hypothesis
    import requests
    import schemathesis

    counts: Counter[str] = Counter()
    schema = schemathesis.openapi.from_url(f"{url}/api/openapi.json", headers=key)
    operations = [found.ok() for found in schema.get_all_operations()]
    session = requests.Session()
    session.trust_env = False
    session.headers.update(key)

    def send(case: schemathesis.Case) -> None:
        answer = case.call(session=session, timeout=60)
        counts[f"HTTP {answer.status_code}"] += 1
        if b"Traceback" in answer.content:
            counts["tracebacks told"] += 1

    for operation in operations:
        given_something = bool(operation.body) or any(True for _ in operation.iter_parameters())
        for mode in (
            schemathesis.GenerationMode if given_something else [schemathesis.GenerationMode.POSITIVE]
        ):
            strategy = operation.as_strategy(generation_mode=mode)
            settings = hypothesis.settings(
                max_examples=-(-count // (2 * len(operations))),
                deadline=None,
                database=None,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            try:
                settings(hypothesis.seed(0)(hypothesis.given(case=strategy)(send)))()
            except hypothesis.errors.Unsatisfiable:
                continue  # nothing about this operation can be wrong
    return counts


def bombs() -> Iterator[tuple[str, str, dict[str, bytes]]]:
    """Small files that would be large: (what it is, path, files to send)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(40_000_000), 9)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    size = {"width": b"64", "height": b"64"}
    yield "a PNG of 60,000x60,000 as a map", "/api/synthesize", {"map": png}
    yield "a PNG of 60,000x60,000 as a style", "/api/styles", {"photo": png}
    yield "a PNG of 60,000x60,000 as a photo", "/api/photos", {"photo": png, **size}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", b" " * (2 << 30 >> 3))
    yield "a project that unpacks to 256 MB", "/api/projects/read", {"project": out.getvalue()}


def refusals(url: str, key: dict[str, str]) -> list[tuple[str, int, str]]:
    """What the server says to bombs and to paths for names: (what, status, sentence)."""
    found = []
    with httpx.Client(base_url=url, timeout=60, trust_env=False, headers=key) as client:
        for what, path, files in bombs():
            fields = {name: data.decode() for name, data in files.items() if name in ("width", "height")}
            parts = {name: data for name, data in files.items() if name not in fields}
            answer = client.post(path, files=parts, data=fields)
            found.append((what, answer.status_code, answer.json().get("error", "")))
        body = {"label_set": "siftflow", "width": 16, "height": 16, "layers": [{"name": "a"}]}
        for name in ("..%5C..%5Cevil", "%2e%2e", "C%3Aevil", "a%00b"):
            answer = client.put(f"/api/projects/{name}", json=body)
            found.append((f"a project called {name}", answer.status_code, answer.json().get("error", "")))
    return found
