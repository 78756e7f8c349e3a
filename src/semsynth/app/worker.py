"""The server's handle of the worker process: one job at a time, first come, first served."""

import asyncio
import logging
import multiprocessing
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import TypeVar

from semsynth.app.engine import Failure, PaintResult, PhotoAnalysis, PhotoJob, work
from semsynth.app.errors import ApiError
from semsynth.app.limits import Limits
from semsynth.app.painter import Description, Painter
from semsynth.app.presence import AWAY, GONE, Presence, when_ended
from semsynth.app.protocol import PaintJob
from semsynth.errors import SemsynthError

Job = PaintJob | PhotoJob
Result = TypeVar("Result", PaintResult, PhotoAnalysis)
JOB_SECONDS, START_SECONDS = 120.0, 600.0
log = logging.getLogger("semsynth.app")


class WorkerDied(Exception):
    """The worker process ended in the middle of a job."""


class WorkerBroke(Exception):
    """The worker failed through no fault of the client; the message may be shown."""


class Worker:
    """Starts the worker process, hands it jobs, and starts it again should it die.

    Args:
        load: Loads the model; runs in the worker, so it must be picklable.
        max_photos: How many photographs the worker keeps.
        job_seconds: How long a job may take before the worker is started again.
    """

    def __init__(
        self,
        load: Callable[[], Painter],
        max_photos: int = Limits.max_photos,
        job_seconds: float = JOB_SECONDS,
    ) -> None:
        self._load = load
        self._job_seconds = job_seconds
        self._max_photos = max_photos
        self._lock = asyncio.Lock()  # wakes its waiters in the order they came, so every client has its turn
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None
        self._description: Description | None = None
        self._closed = False
        self._tasks: set[asyncio.Task[object]] = set()
        self.presence = Presence()
        self.expected = 0.0
        """Seconds a picture took lately."""

    async def describe(self) -> Description:
        """Wait until the model is loaded, and tell what it is.

        Raises:
            SemsynthError: The model could not be loaded; the sentence names its files.
        """
        if self._description is None:
            async with self._lock:
                await self._ensure_running()
        assert self._description is not None
        return self._description

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._description is not None and not self.presence.away

    async def paint(self, take: Callable[[], PaintJob]) -> PaintResult:
        """Paint one picture when the worker's turn comes.

        Args:
            take: Called at that moment for the job, so that a client can hand over its newest one.
        """
        painted = await self._guarded(take, PaintResult)
        self.expected = painted.seconds if not self.expected else 0.8 * self.expected + 0.2 * painted.seconds
        return painted

    async def analyse_photo(self, job: PhotoJob) -> PhotoAnalysis:
        """Analyse a photograph when the worker's turn comes."""
        return await self._guarded(lambda: job, PhotoAnalysis)

    async def _guarded(self, take: Callable[[], Job], kind: type[Result]) -> Result:
        # A caller may go away at any time; the exchange on the pipe must be finished nevertheless.
        task = asyncio.create_task(self._exchange(take))
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        answer = await asyncio.shield(task)
        if isinstance(answer, Failure):
            raise _error(answer)
        if not isinstance(answer, kind):
            raise WorkerBroke("The worker gave an answer to another question.")
        return answer

    def _forget(self, task: "asyncio.Task[object]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # whoever waited for it has gone; nobody else is to hear of it

    async def _exchange(self, take: Callable[[], Job]) -> object:
        async with self._lock:
            await self._ensure_running()
            job = take()
            for _ in range(2):
                try:
                    return await self._within_time(job)
                except TimeoutError:
                    await self._end()
                    return Failure(
                        f"The model did not answer within {self._job_seconds:g} seconds; it is restarted.",
                        blame_client=False,
                    )
                except WorkerDied:
                    await self._end()
                    await self._ensure_running()
            return Failure("The worker stopped in the middle of this picture, twice.", blame_client=False)

    async def _within_time(self, job: Job) -> object:
        """Ask, and kill a worker that does not answer: one that is stopped or swaps holds up everybody."""
        asking = asyncio.create_task(asyncio.to_thread(self._ask, job))
        done, _ = await asyncio.wait({asking}, timeout=self._job_seconds)
        if done:
            return asking.result()
        if self._process is not None:
            self._process.kill()
        await asyncio.wait({asking})
        asking.exception()
        raise TimeoutError

    def _ask(self, job: Job) -> object:
        assert self._pipe is not None
        try:
            self._pipe.send(job)
            return self._pipe.recv()
        except (EOFError, OSError):
            raise WorkerDied from None

    async def _ensure_running(self) -> None:
        if self._process is not None:
            return
        if self._closed:
            raise WorkerBroke("The server is being stopped.")
        if self._description is not None:
            self.presence.tell(AWAY)
        answer = await asyncio.to_thread(self._start)
        if isinstance(answer, Failure):
            await self._end()
            if self._description is None:  # at the start: whoever started the server reads it
                raise SemsynthError(answer.sentence)
            log.error("The model cannot be loaded again: %s", answer.sentence)
            raise WorkerBroke(GONE)
        self._description = answer
        self.presence.tell("")
        self._watch()

    def _watch(self) -> None:
        if self._process is not None:
            when_ended(self._process, self._ended)

    def _ended(self, process: BaseProcess) -> None:
        if self._closed or self._process not in (process, None):  # another one is there already
            return
        self.presence.tell(AWAY)
        task = asyncio.create_task(self._revive(process))
        self._tasks.add(task)
        task.add_done_callback(self._forget)

    async def _revive(self, ended: BaseProcess) -> None:
        """Start the worker again at once, not only when somebody wants a picture."""
        pause = 1.0
        while not self._closed:
            async with self._lock:
                if self._process is ended:  # whose pipes close a little before it counts as dead
                    await self._end()
                try:
                    await self._ensure_running()
                    return self.presence.tell("")
                except (SemsynthError, WorkerBroke):
                    self.presence.tell(GONE)
            await asyncio.sleep(pause)
            pause = min(60.0, 2 * pause)

    def _start(self) -> Description | Failure:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        process = context.Process(
            target=work, args=(theirs, self._load, self._max_photos), name="semsynth-worker", daemon=True
        )
        try:
            with _deaf_to_interrupts():
                process.start()
            theirs.close()
            self._process = process
            if not self._pipe.poll(START_SECONDS):
                process.kill()
            answer = self._pipe.recv()
        except (EOFError, OSError):  # the latter also where the system has no more processes or descriptors
            return Failure("The worker could not be started; the terminal says why.")
        assert isinstance(answer, Description | Failure)
        return answer

    async def close(self) -> None:
        """End the worker process for good."""
        self._closed = True
        await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if self._pipe is not None:
            self._pipe.close()
        if process is not None:
            await asyncio.to_thread(process.join, 2.0)
            if process.is_alive():
                process.kill()
                await asyncio.to_thread(process.join, 2.0)


def _error(failure: Failure) -> Exception:
    if not failure.blame_client:
        return WorkerBroke(failure.sentence)
    return ApiError(failure.sentence, failure.code) if failure.code else SemsynthError(failure.sentence)


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """What is started in here never hears Ctrl+C, not even before its first line runs: the server ends it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
