"""Nobody who reaches the port keeps others out, with the key or without."""

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from semsynth.app.connections import timed_protocol
from tests.app import siege
from tests.app.conftest import Served, free_port

pytestmark = pytest.mark.skipif(not Path("/proc").exists(), reason="reads the memory of a process from /proc")
resource = pytest.importorskip("resource")


@pytest.fixture
def few_descriptors(tmp_path: Path) -> Iterator[Served]:
    """A server that may have 150 descriptors; usual are 1024."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    served = Served(free_port(), tmp_path)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, before[1]))  # which the server inherits
    try:
        served.start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    siege.keep_alive_median(served, 1)  # once the model is there
    yield served
    served.stop()


def alone(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a thread: while a browser of other tests is open, this one has a running loop already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


def test_half_open_connections_and_slow_uploads_keep_nobody_out(few_descriptors: Served) -> None:
    waits = siege.under_attack(
        few_descriptors,
        lambda: siege.half_open(few_descriptors, 200, 6),
        lambda: siege.slow_uploads(few_descriptors, 20, 6),
    )
    assert len(waits) > 3
    assert max(waits) < 1, waits
    log = few_descriptors.log.read_text()
    assert len(log) < 5000, log[:5000]


def test_strangers_who_are_answered_keep_nobody_out(few_descriptors: Served) -> None:
    """A path that needs no key must not make a connection worth more than a new one."""
    held = []
    for _ in range(60):
        one = socket.create_connection(("127.0.0.1", few_descriptors.port), timeout=1)
        with contextlib.suppress(OSError):
            one.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            one.recv(4000)
        held.append(one)

    def repeat() -> None:
        for _ in range(30):
            for one in held:
                with contextlib.suppress(OSError):
                    one.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            time.sleep(0.1)

    waits = siege.under_attack(few_descriptors, repeat)
    for one in held:
        one.close()
    assert waits
    assert max(waits) < 1, waits


def test_a_map_of_40_megapixels_costs_little(few_descriptors: Served) -> None:
    assert few_descriptors.process is not None
    pid = few_descriptors.process.pid
    siege.keep_alive_median(few_descriptors)
    before, seconds = siege.resident(pid), list[float]()
    peak = [before]

    def watch() -> None:
        while not seconds:
            peak[0] = max(peak[0], siege.resident(pid))
            time.sleep(0.01)

    siege.under_attack(few_descriptors, lambda: siege.large_maps(few_descriptors, 1, seconds), watch)
    assert peak[0] - before < 300
    assert siege.resident(pid) - before < 50


def test_answers_are_not_held_back(few_descriptors: Served) -> None:
    assert siege.keep_alive_median(few_descriptors) < 0.03  # with Nagle's algorithm at least 0.04


def test_requests_must_arrive_in_time() -> None:
    """Half a header, half a body, a byte now and then: each is closed when its time is over."""

    async def answer(scope: object, receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass

    async def use() -> list[float]:
        import uvicorn

        config = uvicorn.Config(answer, lifespan="off", log_level="critical")  # type: ignore[arg-type]
        config.load()
        state = uvicorn.server.ServerState()
        kind = timed_protocol(header=0.4, body=0.8)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: kind(config=config, server_state=state, app_state={}), "127.0.0.1", 0
        )
        port = server.sockets[0].getsockname()[1]
        starts = (b"GET / HTTP/1.1\r\nX: ", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n")
        lasted = []
        for start in starts:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(start)
            began = time.monotonic()
            ended = asyncio.ensure_future(reader.read())
            while not ended.done() and time.monotonic() - began < 5:
                writer.write(b"x")
                await asyncio.sleep(0.1)
            ended.cancel()
            lasted.append(time.monotonic() - began)
            writer.close()
        server.close()
        return lasted

    header, body = alone(use())
    assert 0.3 < header < 2
    assert 0.7 < body < 3


def test_a_worker_that_hangs_is_started_again() -> None:
    from semsynth.app.worker import Worker, WorkerBroke
    from tests.app.stand_in import StandIn
    from tests.app.test_worker import job

    async def use() -> None:
        worker = Worker(StandIn, job_seconds=3)
        try:
            before = await worker.paint(lambda: job(3))
            assert worker._process is not None
            os.kill(worker._process.pid or 0, signal.SIGSTOP)
            with pytest.raises(WorkerBroke, match="within 3 seconds"):
                await worker.paint(lambda: job(3))
            assert (await worker.paint(lambda: job(3))).data == before.data
        finally:
            await worker.close()

    alone(use())


def test_the_reason_for_too_many_pages_arrives(served: Served) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.client import connect

    address = served.url.replace("http", "ws") + "/api/paint"
    opened = []
    try:
        for _ in range(64):
            opened.append(connect(address, additional_headers=siege.KEY, proxy=None))
        late = connect(address, additional_headers=siege.KEY, proxy=None)
        opened.append(late)
        with pytest.raises(ConnectionClosed, match="pages are open already"):
            late.recv(timeout=10)
    finally:
        for one in opened:
            one.close()


def test_the_listening_socket_is_a_tcp_socket() -> None:
    from semsynth.app.connections import listen

    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
