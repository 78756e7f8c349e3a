"""The logs of a run: loss terms, log.jsonl, curves.png, environment.txt."""

import importlib
import io
import json
import math
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes
from semsynth.files.writing import write_atomically

_LONGEST = 2**30  # bytes of a log


class LossTerms:
    """Loss terms summed between two lines of the log.

    The terms of a step stay on the device until `read`, so that no step waits for it.
    """

    def __init__(self) -> None:
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._unread: list[tuple[int, tuple[str, ...], Tensor]] = []

    def add(self, images_seen: int, terms: dict[str, Tensor]) -> None:
        """Add the scalar terms of one step; `images_seen` counts the pictures before it."""
        self._unread.append((images_seen, tuple(terms), torch.stack([v.float() for v in terms.values()])))

    def read(self) -> None:
        """Copy what was added to the CPU and sum it up.

        Raises:
            SemsynthError: A term is not a finite number. It names the step.
        """
        if not self._unread:
            return
        values = iter(torch.cat([vector for *_, vector in self._unread]).tolist())
        for images_seen, names, _ in self._unread:
            step = {name: next(values) for name in names}
            if not all(map(math.isfinite, step.values())):
                shown = ", ".join(f"{name} {value:.4g}" for name, value in step.items())
                raise SemsynthError(
                    f"The loss is not a finite number after {images_seen} pictures ({shown}); the last "
                    "checkpoint is intact. Lower the learning rates, or take precision float32, and start "
                    "the same command again."
                )
            for name, value in step.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
                self._counts[name] = self._counts.get(name, 0) + 1
        self._unread.clear()

    def means(self) -> dict[str, float]:
        """The mean of each term since the last call."""
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self._sums, self._counts = {}, {}
        return means

    def state_dict(self) -> dict[str, Any]:
        """The sums since the last line. Call `read` first."""
        return {"sums": dict(self._sums), "counts": dict(self._counts)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from the sums of `state_dict`."""
        self._sums, self._counts = dict(state["sums"]), dict(state["counts"])


class MetricsLog:
    """The lines of a JSON-lines file, with speed and peak memory, and TensorBoard events beside them.

    Lines after the pictures seen at the start, left by a run that was killed after its last checkpoint, are
    dropped, and so are damaged ones.
    """

    def __init__(
        self,
        path: Path,
        images_seen: int,
        *,
        tensorboard: bool = False,
        log: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.path = path
        self._events = _open_events(path.parent / "events", images_seen) if tensorboard else None
        self._since, self._images = time.perf_counter(), images_seen
        keep_lines(path, images_seen, "images", log)

    def write(self, images_seen: int, **more: Any) -> dict[str, Any]:
        """Write a line of these values, with speed since the last line and peak memory."""
        now = time.perf_counter()
        line = {"images": images_seen, **more}
        line["images_per_second"] = (images_seen - self._images) / max(now - self._since, 1e-9)
        line["peak_memory_gib"] = peak_memory() / 2**30
        append_line(self.path, line)
        if self._events is not None:
            for name, value in line.items():
                self._events.add_scalar(name, value, images_seen)
            self._events.flush()
        self._since, self._images = now, images_seen
        return line

    def show(self, name: str, picture: Path, images_seen: int) -> None:
        """Put a picture among the TensorBoard events, where they are written."""
        if self._events is not None:
            pixels = np.asarray(Image.open(picture))
            self._events.add_image(name, pixels, images_seen, dataformats="HWC")


def _open_events(folder: Path, images_seen: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise SemsynthError(
            "run.tensorboard needs the extra of that name: pip install 'semsynth[tensorboard]'."
        ) from error
    return SummaryWriter(folder, purge_step=images_seen + 1)


def append_line(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a JSON-lines file, and have it on the disk.

    Raises:
        SemsynthError: The disk is full, or the file cannot be written.
    """
    try:
        with path.open("ab") as file:
            file.write((json.dumps(line) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise SemsynthError(
            f"{path} cannot be written: {error.strerror or error}. Checkpoints written before are intact; "
            "the same command goes on."
        ) from None


def keep_lines(path: Path, until: int, count: str, log: Callable[[str], None]) -> None:
    """Drop the lines of a log whose entry `count` is above `until`, and those that cannot be read."""
    try:
        kept = [line for line in read_log(path, count, log) if line[count] <= until]
    except SemsynthError as error:
        log(f"{error} A new log is begun.")
        kept = []
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in kept).encode())


def read_log(
    path: Path, count: str = "images", log: Callable[[str], None] = lambda _: None
) -> list[dict[str, Any]]:
    """The lines of a log, each with a whole number `count`; those that are damaged are left out.

    `log` is told how many were, but for a last one cut short by a kill.

    Raises:
        SemsynthError: The file cannot be read at all.
    """
    if not path.exists():
        return []
    lines = [_line(text, count) for text in read_bytes(path, _LONGEST).split(b"\n")]
    if damaged := sum(line is None for line in lines[:-1]):
        log(f"{path} has {damaged} damaged lines, which are left out.")
    return [line for line in lines if line is not None]


def _line(text: bytes, count: str) -> dict[str, Any] | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return line if isinstance(line, dict) and type(line.get(count)) is int else None


def peak_memory() -> int:
    """Most memory this process has held, in bytes: on the card where there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        return 0
    peak: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def describe_environment(device: torch.device) -> str:
    """Versions and hardware, as text."""
    lines = [
        f"python {platform.python_version()}",
        f"torch {torch.__version__}",
        f"platform {platform.platform()}",
        f"device {device}" + (f" {torch.cuda.get_device_name(device)}" if device.type == "cuda" else ""),
        f"threads {torch.get_num_threads()}",
        f"command {' '.join(sys.argv)}",
    ]
    return "\n".join(lines) + "\n"


def plot_curves(log: Path, path: Path) -> bool:
    """Draw the loss terms over pictures seen as a PNG; whether it was: matplotlib is an extra."""
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = read_log(log)
    skipped = {"images", "peak_memory_gib", "size"}
    lines = [{k: v for k, v in line.items() if isinstance(v, int | float)} for line in lines]
    names = sorted({name for line in lines for name in line if name not in skipped})
    if not names:
        return False
    columns = 3
    rows = -(-len(names) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(12, 2.6 * rows), squeeze=False, layout="constrained"
    )
    for axis, name in zip(axes.flat, names):
        points = [(line["images"], line[name]) for line in lines if name in line]
        axis.plot(*zip(*points), linewidth=1)
        axis.set_title(name, fontsize=9)
        axis.tick_params(labelsize=7)
        axis.grid(alpha=0.3)
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    picture = io.BytesIO()
    figure.savefig(picture, dpi=90, format="png")
    pyplot.close(figure)
    write_atomically(path, picture.getvalue())
    return True
