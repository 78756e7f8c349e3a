"""What a run leaves to be read and looked at: log.jsonl, curves.png, environment.txt."""

import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from semsynth.errors import SemsynthError


class Log:
    """Losses averaged between lines of a JSON-lines file.

    Args:
        path: the file; lines of a later time than `images_seen`, left by a run that was killed after its last
            checkpoint, are dropped.
        images_seen: pictures at the start.
        tensorboard: write TensorBoard events beside it too.
    """

    def __init__(self, path: Path, images_seen: int, *, tensorboard: bool = False) -> None:
        self.path = path
        self._events = _open_events(path.parent / "events", images_seen) if tensorboard else None
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._since, self._images = time.perf_counter(), images_seen
        lines = [line for line in read_log(path) if line["images"] <= images_seen]
        temporary = path.with_suffix(".tmp")
        temporary.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        temporary.replace(path)

    def add(self, terms: dict[str, Tensor]) -> None:
        """Count one step's terms."""
        for name, value in terms.items():
            self._sums[name] = (
                self._sums.get(name, torch.zeros((), dtype=torch.float32)) + value.detach().float().cpu()
            )
            self._counts[name] = self._counts.get(name, 0) + 1

    def write(self, images_seen: int, **more: Any) -> dict[str, Any]:
        """Write the averages since the last line, with speed and peak memory, and start anew."""
        now = time.perf_counter()
        line = {"images": images_seen, **more}
        line |= {name: float(total) / self._counts[name] for name, total in self._sums.items()}
        line["images_per_second"] = (images_seen - self._images) / max(now - self._since, 1e-9)
        line["peak_memory_gib"] = peak_memory() / 2**30
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self._events is not None:
            for name, value in line.items():
                self._events.add_scalar(name, value, images_seen)
            self._events.flush()
        self._sums, self._counts = {}, {}
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
            "run.tensorboard needs the extra of that name: pip install 'semsynth[tensorboard]'"
        ) from error
    return SummaryWriter(folder, purge_step=images_seen + 1)


def read_log(path: Path) -> list[dict[str, Any]]:
    """The lines of a log; a last line cut short by a kill is left out."""
    if not path.exists():
        return []
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except json.JSONDecodeError:
            continue
    return lines


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
    """Draw the loss terms over pictures seen as a PNG.

    Returns:
        whether it was drawn: matplotlib is an extra.
    """
    try:
        import matplotlib
    except ImportError:
        return False
    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = read_log(log)
    skipped = {"images", "peak_memory_gib", "size"}
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
    temporary = path.with_suffix(".tmp.png")
    figure.savefig(temporary, dpi=90)
    pyplot.close(figure)
    temporary.replace(path)
    return True
