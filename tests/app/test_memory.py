"""What the model process of the page holds, measured in a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "benchmarks" / "memory.py"


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured as Linux counts it")
def test_the_model_process_stays_small() -> None:
    done = subprocess.run([sys.executable, str(TOOL)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    *rows, modules = done.stdout.splitlines()[1:]
    assert modules == "Imported without need: nothing"
    rss = {row[:18].strip(): int(row[18:].split()[2]) for row in rows}
    # PyTorch's own share depends on its build.
    assert rss["50 strokes"] - rss["import torch"] <= 420, done.stdout
