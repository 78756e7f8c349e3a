"""What large maps cost, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.labels import LabelSpace

SPACE = LabelSpace.named("siftflow")

CODE = """
import resource, sys, time
from semsynth.labels import LabelSpace, read_label_map
from semsynth.errors import SemsynthError
path, what = sys.argv[1:]
space = LabelSpace.named("siftflow")
before = resource.getrusage(resource.RUSAGE_SELF)
try:
    if what == "guess":
        from semsynth.data.guess import guess_label_space  # which imports PyTorch

        guess_label_space([path])
    else:
        reading = read_label_map(path, space, size=(256, 256) if what == "size" else None)
        reading.counts()
except SemsynthError as error:
    assert "not drawn in" in str(error), error
after = resource.getrusage(resource.RUSAGE_SELF)
seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
# ru_maxrss would count what the parent process held when it started this one.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(int(peak.split()[1]) // 1024, seconds)
"""


def drawn(side: int, kind: str) -> Image.Image:
    rng = np.random.default_rng(0)
    ids = rng.integers(0, 34, (side // 100 + 1, side // 100 + 1)).astype(np.uint8)
    ids = ids.repeat(100, axis=0).repeat(100, axis=1)[:side, :side]
    image = Image.fromarray(SPACE.colorize(ids))
    return image.reduce(2).resize((side, side), Image.Resampling.BILINEAR) if kind == "soft" else image


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured in Linux's units")
@pytest.mark.parametrize(
    ("side", "kind", "what", "most_mb", "most_seconds"),
    [
        (6324, "hard", "size", 300, 6),
        (6324, "soft", "size", 300, 6),
        pytest.param(8000, "hard", "full", 1000, 15, marks=pytest.mark.slow),
        pytest.param(6000, "soft", "full", 1000, 40, marks=pytest.mark.slow),
        pytest.param(6000, "hard", "guess", 1500, 30, marks=pytest.mark.slow),
    ],
)
def test_large_maps_cost_little(
    tmp_path: Path, side: int, kind: str, what: str, most_mb: int, most_seconds: float
) -> None:
    path = tmp_path / "map.png"
    drawn(side, kind).save(path, compress_level=1)
    run = [sys.executable, "-c", CODE, str(path), what]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    megabytes, seconds = done.stdout.split()
    assert (int(megabytes) <= most_mb, float(seconds) <= most_seconds) == (True, True), done.stdout
