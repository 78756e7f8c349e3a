"""The worker process: it alone holds the model, and does one thing at a time."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from semsynth.app.errors import ApiError
from semsynth.app.images import Frame, encode
from semsynth.app.limits import Limits
from semsynth.app.maps import write_map
from semsynth.app.painter import Description, Painter
from semsynth.app.photo_cache import Photo, PhotoCache
from semsynth.app.protocol import Format, PaintJob
from semsynth.editing import blend, change_mask, resize
from semsynth.errors import SemsynthError


@dataclass(frozen=True)
class PhotoJob:
    """A photograph to analyse: its style, and its labels, found (``segment``) or given.

    ``pixels`` are what of it is edited, at the size of its map: the ``frame`` of the ``file``. ``whole`` is
    all of it, where there is more: the style is that of all of it.
    """

    pixels: np.ndarray
    segment: bool = False
    labels: np.ndarray | None = None
    whole: np.ndarray | None = None
    file: bytes = b""
    frame: Frame = (0, 0, 0, 0)


@dataclass(frozen=True)
class PaintResult:
    """An encoded picture of ``width`` x ``height`` pixels that took ``seconds`` to make."""

    data: bytes
    width: int
    height: int
    seconds: float


@dataclass(frozen=True)
class PhotoAnalysis:
    """What a photograph was found to be; ``key`` names it in later paint jobs."""

    vector: list[float] = field(default_factory=list)
    labels: np.ndarray | None = None
    key: str | None = None


@dataclass(frozen=True)
class Failure:
    """A sentence for the client instead of a result; ``code`` as in :mod:`semsynth.app.errors`."""

    sentence: str
    blame_client: bool = True
    code: str = ""


class Engine:
    """A painter with the photographs that are being edited.

    Args:
        painter: The model.
        max_photos: How many photographs are kept.
    """

    def __init__(self, painter: Painter, max_photos: int = Limits.max_photos) -> None:
        self.painter = painter
        self.description: Description = painter.describe()
        self.photos = PhotoCache(max_photos)

    def run(self, job: PaintJob | PhotoJob) -> PaintResult | PhotoAnalysis:
        """Do one job.

        Raises:
            SemsynthError: It cannot be done, and the sentence says why.
        """
        return self._paint(job) if isinstance(job, PaintJob) else self._analyse(job)

    def _paint(self, job: PaintJob) -> PaintResult:
        start = time.perf_counter()
        (pixels, record), scale = self.painter.paint(job.labels, job.settings.style), job.scale
        if job.settings.photo is not None and not (job.settings.everywhere and scale):
            pixels, scale = self._retouch(job, job.settings.photo, pixels), 1
        elif not scale:
            raise SemsynthError("Scale 0 is that of the photograph that is edited, and none is.")
        record = replace(record, scale=job.scale, settings=job.settings.model_dump())
        label_map = b""
        if job.format is Format.PNG and job.settings.photo is None:
            label_map = write_map(job.labels, self.description.label_space, job.settings)
        data = encode(
            pixels, job.format, scale=scale, quality=job.quality, record=record, label_map=label_map
        )
        height, width = (scale * n for n in pixels.shape[:2])
        return PaintResult(data, width, height, time.perf_counter() - start)

    def _retouch(self, job: PaintJob, key: str, pixels: np.ndarray) -> np.ndarray:
        """Lay what was painted over the photograph, at the size asked for."""
        photo = self.photos.find(key, job.labels.shape)
        own = photo.at(job.scale)
        if job.scale != 1:
            pixels = resize(pixels, (own.shape[1], own.shape[0]))
        if job.settings.everywhere:
            return pixels
        mask = change_mask(photo.before(job.settings.repaint), job.labels, job.settings.feather)
        return blend(own, pixels, resize(mask, (own.shape[1], own.shape[0])))

    def _analyse(self, job: PhotoJob) -> PhotoAnalysis:
        whole = job.pixels if job.whole is None else job.whole
        vector = self.painter.encode(whole) if self.description.encodes else []
        labels = self.painter.segment(job.pixels) if job.segment else job.labels
        key = None if labels is None else self.photos.add(Photo(job.pixels, labels, job.file, job.frame))
        return PhotoAnalysis(vector, labels, key)


def work(connection: Connection, load: Callable[[], Painter], max_photos: int) -> None:
    """Run the worker process until the other end of its pipe is closed.

    It first sends a :class:`Description` (or a :class:`Failure`), then answers every job with its result or
    a :class:`Failure`.

    Args:
        connection: To the server.
        load: Loads the model; called here, so that only this process pays for it.
        max_photos: How many photographs are kept.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server is told, and closes the pipe
    # Before PyTorch is imported. The browser wants the processor too: threads that wait actively for one that
    # it has displaced double the time of a picture.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        engine = Engine(load(), max_photos)
    except SemsynthError as error:
        _send(connection, Failure(str(error)))
        return
    answer: object = engine.description
    while _send(connection, answer):
        try:
            job: Any = connection.recv()
        except (EOFError, OSError):
            return
        answer = _attempt(engine, job)


def _send(connection: Connection, answer: object) -> bool:
    """Whether anybody is left to hear it: the server may have been stopped in the meantime."""
    try:
        connection.send(answer)
    except OSError:
        return False
    return True


def _attempt(engine: Engine, job: PaintJob | PhotoJob) -> PaintResult | PhotoAnalysis | Failure:
    try:
        return engine.run(job)
    except ApiError as error:
        return Failure(str(error), code=error.code)
    except SemsynthError as error:
        return Failure(str(error))
    except Exception:
        import traceback

        traceback.print_exc()  # for the terminal; the client is told nothing of the machine
        return Failure("The model could not paint this; the terminal says why.", blame_client=False)
