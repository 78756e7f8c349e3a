"""The page's modules that need no page, in Node's own test runner."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNITS = sorted(Path(__file__).with_name("unit").glob("*.test.js"))
OLDEST = (20, 19)
"""The first release of Node that takes a .js file with imports for a module."""


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name.partition(".")[0])
def test_modules(file: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: the page's modules were not tested by themselves")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.match(r"v(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < OLDEST:
        pytest.skip(f"node {version.strip()} is older than {OLDEST[0]}.{OLDEST[1]}")
    done = subprocess.run([node, "--test", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
