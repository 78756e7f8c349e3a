"""The worker process: slow ones tell, dead ones are started again, and what cannot be loaded is said."""

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from semsynth.app.engine import Engine, PhotoJob, work
from semsynth.app.errors import ApiError
from semsynth.app.limits import Limits
from semsynth.app.presence import AWAY
from semsynth.app.protocol import PaintJob, Reply
from semsynth.app.server import create_app
from semsynth.app.settings import Settings
from semsynth.app.worker import Worker, WorkerBroke
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from tests.app.client import pack_request, unpack_reply
from tests.app.stand_in import Fragile, Slow, StandIn

TOKEN = "t" * 40
WINDOW = LabelSpace.named("siftflow").names.index("window")


def job(value: int) -> PaintJob:
    return PaintJob(np.full((16, 16), value, np.uint8), Settings())


def with_worker(load: Callable[[], Any], use: Callable[[Worker], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        worker = Worker(load)
        try:
            await use(worker)
        finally:
            await worker.close()

    # In a thread of its own: while a browser of other tests is open, this one has a running loop already.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, run()).result()


def test_a_dead_worker_is_started_again() -> None:
    async def use(worker: Worker) -> None:
        before = await worker.paint(lambda: job(3))
        with pytest.raises(WorkerBroke, match="twice"):
            await worker.paint(lambda: job(WINDOW))
        after = await worker.paint(lambda: job(3))
        assert after.data == before.data

    with_worker(Fragile, use)


def _threads_wait_passively() -> StandIn:
    """A model that is loaded before PyTorch, in threads that leave the processor to the browser."""
    assert "torch" not in sys.modules  # or its threads have been asked already
    assert os.environ["OMP_WAIT_POLICY"] == "passive"
    return StandIn()


def test_threads_that_wait_leave_the_processor_to_the_browser() -> None:
    async def use(worker: Worker) -> None:
        await worker.describe()

    with_worker(_threads_wait_passively, use)


def test_who_leaves_in_the_middle_does_not_disturb_the_pipe() -> None:
    async def use(worker: Worker) -> None:
        await worker.describe()
        for value in range(1, 4):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(worker.paint(lambda value=value: job(value)), 0.05)  # type: ignore[misc]
        painted = await worker.paint(lambda: job(9))
        assert painted.data == StandIn().picture(job(9).labels, Settings().style).tobytes()

    with_worker(Slow, use)


def test_a_death_between_two_pictures_is_told_and_mended_at_once() -> None:
    async def use(worker: Worker) -> None:
        await worker.describe()
        told: list[str] = []
        back = asyncio.Event()

        def hear() -> None:
            told.append(worker.presence.away)
            if not worker.presence.away:
                back.set()

        worker.presence.listeners.add(hear)
        process = worker._process
        assert process is not None
        process.kill()
        await asyncio.wait_for(back.wait(), 60)  # nobody has asked for a picture
        assert told == [AWAY, ""]
        assert worker._process is not process
        await worker.paint(lambda: job(3))

    with_worker(StandIn, use)


def missing() -> StandIn:
    raise SemsynthError("There is no such model.")


def test_a_model_that_cannot_be_loaded_is_said() -> None:
    async def use(worker: Worker) -> None:
        with pytest.raises(SemsynthError, match="no such model"):
            await worker.describe()

    with_worker(missing, use)


def listening() -> StandIn:
    deaf = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    raise SemsynthError("deaf to Ctrl+C" if deaf else "listening to Ctrl+C")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be blocked here")
def test_the_worker_never_hears_an_interrupt() -> None:
    async def use(worker: Worker) -> None:
        with pytest.raises(SemsynthError, match="deaf to"):
            await worker.describe()
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])

    with_worker(listening, use)


def test_a_server_that_stops_while_the_model_loads_is_no_error() -> None:
    ours, theirs = multiprocessing.Pipe()
    ours.close()
    handler = signal.getsignal(signal.SIGINT)
    try:
        work(theirs, StandIn, 8)
        work(theirs, missing, 8)
    finally:
        signal.signal(signal.SIGINT, handler)


def test_as_many_photos_are_kept_as_the_limits_say() -> None:
    engine = Engine(StandIn())
    keys = [
        engine.run(PhotoJob(np.full((16, 16, 3), n, np.uint8), segment=True)).key  # type: ignore[union-attr]
        for n in range(Limits.max_photos + 1)
    ]
    for key, lost in ((keys[0], True), (keys[1], False)):
        style = Settings(photo=key)
        with pytest.raises(ApiError) if lost else contextlib.nullcontext():
            engine.run(PaintJob(np.zeros((16, 16), np.uint8), style))


def test_slow_pictures_are_announced(tmp_path: Path) -> None:
    app = create_app(Worker(Slow), token=TOKEN, folder=tmp_path)
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost"}
    with TestClient(app, headers=headers) as client, client.websocket_connect("/api/paint") as socket:
        kinds = []
        for number in (1, 2):
            labels = np.full((16, 16), 3, np.uint8)
            socket.send_bytes(pack_request(PaintJob(labels, Settings(), number=number)))
            while not kinds or kinds[-1] != (number, Reply.PICTURE):
                reply = unpack_reply(socket.receive_bytes())
                kinds.append((reply.number, reply.kind))
                if reply.kind is Reply.STARTED:
                    assert 0.3 < reply.seconds < 10
    assert kinds == [(1, Reply.PICTURE), (2, Reply.STARTED), (2, Reply.PICTURE)]


def _load_by_mark(mark: str) -> StandIn:
    if not Path(mark).exists():
        raise SemsynthError(f"There is no model {mark!r}.")
    return StandIn()


def test_a_model_that_is_gone_tells_clients_nothing_of_the_machine(tmp_path: Path) -> None:
    mark = tmp_path / "model"
    mark.touch()

    async def use(worker: Worker) -> None:
        await worker.paint(lambda: job(3))
        mark.unlink()
        assert worker._process is not None
        worker._process.kill()
        worker._process.join()
        with pytest.raises(WorkerBroke, match="cannot be started again") as told:
            await worker.paint(lambda: job(3))
        assert str(tmp_path) not in str(told.value)

    with_worker(partial(_load_by_mark, str(mark)), use)


def test_the_start_says_which_model_is_missing(tmp_path: Path) -> None:
    async def use(worker: Worker) -> None:
        with pytest.raises(SemsynthError, match=r"no model .*gone"):
            await worker.describe()

    with_worker(partial(_load_by_mark, str(tmp_path / "gone")), use)
