"""The page's modules, checked by TypeScript."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.app.node import package


def test_modules_are_well_typed() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on this machine: the page's types were not checked")
    compiler = package("typescript") / "bin" / "tsc"
    settings = Path(__file__).with_name("tsconfig.json")
    done = subprocess.run(
        [node, str(compiler), "-p", str(settings)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
