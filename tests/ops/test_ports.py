"""The same kernels for other processors, run by an emulator and by Node.

The tests of kernels, convolutions and of the engine's `cpu` backend run as they are, see `tests/ported.py`.
"""

import gzip
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "tests" / "native"
SYSROOT = Path("/usr/aarch64-linux-gnu")  # where Debian's cross compiler has the C library
TESTS = (
    "tests/ops/test_native.py",
    "tests/ops/test_convolve.py",
    "tests/inference/test_strokes.py::test_styles_and_strokes_mixed[cpu-style]",
    "tests/inference/test_cpu_backend.py::test_draws_what_the_generator_draws",
)
BUILD: dict[str, Any] = runpy.run_path(str(ROOT / "hatch_build.py"))


def zig(target: str) -> str:
    """The command of Zig's C++ compiler."""
    command = BUILD["zig"](target)
    if command is None:
        pytest.skip("needs Zig: pip install ziglang")
    return " ".join(command)


def program(name: str) -> str:
    if shutil.which(name) is None:
        pytest.skip(f"there is no {name}")
    return name


def library(command: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Build the library with a compiler."""
    monkeypatch.setenv("CXX", command)
    BUILD["compile_library"](file)
    return file


def run_tests(file: Path, host: list[str | Path]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.ported", "-p", "no:cacheprovider", "-q", "-rs", *TESTS],
        cwd=ROOT,
        env=os.environ
        | {"SEMSYNTH_CPU": "", "SEMSYNTH_LIBRARY": str(file), "SEMSYNTH_HOST": " ".join(map(str, host))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "1 skipped" in done.stdout  # as there is one level; nothing else
    assert "passed" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
def test_neon(compiler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    emulator = program("qemu-aarch64")
    if not (SYSROOT / "lib").is_dir():
        pytest.skip(f"the C library for 64-bit ARM is not in {SYSROOT}: apt install g++-aarch64-linux-gnu")
    command = zig("aarch64-linux-gnu") if compiler == "zig" else program("aarch64-linux-gnu-g++")
    host = tmp_path / "host"
    subprocess.run([*command.split(), "-O1", NATIVE / "host.cpp", "-o", host, "-ldl"], check=True)
    run_tests(library(command, tmp_path / "neon.so", monkeypatch), [emulator, "-L", SYSROOT, host])


@pytest.mark.slow
def test_webassembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node, file = program("node"), tmp_path / "semsynth.wasm"
    library(zig("wasm32-wasi"), file, monkeypatch)
    assert len(gzip.compress(file.read_bytes())) < 32_000  # a page loads it
    run_tests(file, [node, NATIVE / "host.mjs"])


@pytest.mark.slow
@pytest.mark.parametrize("target", ["aarch64-macos", "x86_64-macos"])
def test_systems_that_cannot_run_here(target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The library is built, and has every function."""
    program("zig")  # on the path: Zig compiles its C++ library first, for minutes, wherever it came from
    content = library(zig(target), tmp_path / "library", monkeypatch).read_bytes()
    assert content.startswith(b"\xcf\xfa\xed\xfe")  # a Mach-O library
    assert b"semsynth_convolve" in content
    assert (b"neon" in content) is target.startswith("aarch64")
    assert (b"avx512" in content) is target.startswith("x86_64")


@pytest.mark.parametrize(
    ("target", "sets"),
    [
        ("x86_64-linux-gnu", ["portable", "avx2", "avx512"]),
        ("x86_64-w64-mingw32", ["portable", "avx2", "avx512"]),
        ("arm64-apple-darwin23.1.0", ["neon"]),
        ("aarch64-linux-gnu", ["neon"]),
        ("wasm32-unknown-wasi", ["wasm"]),
        ("riscv64-linux-gnu", ["portable"]),
    ],
)
def test_a_compiler_says_what_it_compiles_for(
    target: str, sets: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that knows no AVX-512 with bfloat16, and no matrix unit."""
    monkeypatch.setenv("CXX", f"{sys.executable} {NATIVE / 'compiler.py'} {target} {tmp_path / 'log'}")
    BUILD["compile_library"](tmp_path / "library")
    *compiled, linked = (tmp_path / "log").read_text(encoding="utf-8").splitlines()
    kernels = [line for line in compiled if "kernels.cpp" in line]
    assert [line.split("-DKERNELS=")[1].split()[0] for line in kernels] == sets
    assert any(f"-DSEMSYNTH_BASE={sets[0]}" in line for line in compiled if "library.cpp" in line)
    assert ("-shared" in linked) is (sets != ["wasm"])
    assert ("-static" in linked) is ("mingw" in target)
