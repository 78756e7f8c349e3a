"""The tests of the matrix unit, where there is none: with a library that emulates it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from semsynth.ops import amx

ROOT = Path(__file__).parents[2]
TESTS = ("test_engine.py", "test_strokes.py", "test_class_styles.py")


@pytest.mark.slow
@pytest.mark.skipif(amx.available(), reason="this processor has a matrix unit")
def test_the_matrix_unit(tmp_path: Path) -> None:
    build = runpy.run_path(str(ROOT / "hatch_build.py"))
    if build["compiler"]() is None:
        pytest.skip("no C++ compiler")
    library = tmp_path / "emulated.so"
    build["compile_library"](library, emulated=True)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "tests.emulated",
        "-q",
        "-rs",
        "-k",
        "(amx or bfloat16 or matrix) and not torch",
    ]
    tests = [f"tests/inference/{test}" for test in TESTS]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=os.environ | {"SEMSYNTH_LIBRARY": str(library)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert "no matrix unit" not in done.stdout
    assert "passed" in done.stdout
