"""Build hook: compile the native kernels into the package where a C++ compiler is at hand.

Without one the build succeeds all the same: the package then computes with PyTorch's public operations.

    python hatch_build.py                  compile in place, for a developer who changed a kernel
    python hatch_build.py FILE             compile to FILE, for SEMSYNTH_LIBRARY=FILE
    python hatch_build.py --emulated FILE  with a matrix unit that is emulated, for tests on any processor
    python hatch_build.py --wasm           compile the WebAssembly module of the package, by Zig
    CXX="zig c++ -target aarch64-linux-gnu" python hatch_build.py FILE

CXX names another compiler. What it compiles for, it says itself: a cross compiler builds for its target.
"""

import argparse
import importlib.util
import os
import runpy
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a script
    BuildHookInterface = object  # type: ignore[assignment,misc]

SOURCES = Path(__file__).parent / "src" / "semsynth" / "_native"
MODULE = SOURCES.parent / "web" / "semsynth.wasm"
LIBRARY: Path = runpy.run_path(str(SOURCES.parent / "ops" / "library.py"))["LIBRARY"]  # without torch
FLAGS = ["-O3", "-std=c++17", "-fPIC", "-fvisibility=hidden", "-fno-math-errno", "-fno-trapping-math"]
WARNINGS = ["-Wall", "-Wextra", "-Wno-psabi"]
AVX512 = "-mfma -mavx512f -mavx512bw -mavx512vl -mavx512dq"
BFLOAT16 = f"{AVX512} -mavx512bf16"
MATRIX_UNIT = f"{BFLOAT16} -mamx-tile -mamx-bf16 -Wno-maybe-uninitialized"  # GCC 12 mistakes its own headers
WASM = "-msimd128 -fno-exceptions -fno-PIC -fvisibility-global-new-delete=force-hidden"
# Each row builds kernels, winograd, windows and training once more; library.cpp chooses at run time.
X86 = {
    "portable": "",
    "avx2": "-mavx2 -mfma",
    "avx512": f"{AVX512} -mprefer-vector-width=512",
}
NEWER = {"avx512_bf16": f"{BFLOAT16} -mprefer-vector-width=512"}
"""Where the compiler knows them."""
NEON = {"neon": ""}
SETS = {
    **{"x86_64": X86, "amd64": X86, "aarch64": NEON, "arm64": NEON},
    "wasm32": {"wasm": WASM},
}
"""By architecture; the first of a row is what every processor of it has. Others have `portable` alone."""


def compiler() -> list[str] | None:
    """The command in CXX, or the first compiler found; None where there is none or CXX is empty."""
    if "CXX" in os.environ:
        return shlex.split(os.environ["CXX"]) or None
    found = next((name for name in ("g++", "clang++", "c++") if shutil.which(name)), None)
    return [found] if found else None


def zig(target: str) -> list[str] | None:
    """The command of Zig's C++ compiler; None where there is none."""
    if shutil.which("zig"):
        return ["zig", "c++", "-target", target]
    if importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "c++", "-target", target]
    return None


def compile_module(target: Path = MODULE) -> None:
    """Compile the kernels to a WebAssembly module.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
        FileNotFoundError: there is no Zig.
    """
    command = zig("wasm32-wasi")
    if command is None:
        raise FileNotFoundError("Zig is not installed: pip install ziglang")
    compile_library(target, command=command)


def compile_library(
    target: Path = LIBRARY, *, emulated: bool = False, command: list[str] | None = None
) -> None:
    """Compile and link the kernels, then move the library into its place.

    Args:
        target: the library to write.
        emulated: the kernels of the matrix unit run on every processor, and slowly; for tests.
        command: the compiler; None is that of `compiler`.

    Raises:
        subprocess.CalledProcessError: the compiler refused.
        FileNotFoundError: no compiler.
    """
    command = command or compiler()
    if command is None:
        raise FileNotFoundError("no C++ compiler: none of g++, clang++, c++ is on the path, or CXX is empty")
    machine, _, system = _target(command).partition("-")
    sets = SETS.get(machine, {"portable": ""})
    base, *more = sets
    macros = [f"-DSEMSYNTH_BASE={base}", *["-DSEMSYNTH_X86"] * bool(more)]
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        objects = []

        def build(source: str, name: str, *flags: str) -> None:
            objects.append(f"{folder}/{name}.o")
            subprocess.run(
                [*command, *FLAGS, *WARNINGS, *flags, "-c", str(SOURCES / source), "-o", objects[-1]],
                check=True,
            )

        if more and _compiles(command, BFLOAT16.split()):
            sets = {**sets, **NEWER}
            macros.append("-DSEMSYNTH_AVX512_BF16")
        for name, flags in sets.items():
            build("kernels.cpp", name, f"-DKERNELS={name}", *flags.split())
            if name not in NEWER:  # what float32 has no use for
                for source in ("winograd", "windows", *["training"] * (machine != "wasm32")):
                    build(f"{source}.cpp", f"{source}_{name}", f"-DKERNELS={name}", *flags.split())
        everywhere = sets[base].split()
        build("patches.cpp", "patches", *everywhere)
        unit = ["-DSEMSYNTH_EMULATED", "-march=native"] if emulated else MATRIX_UNIT.split()
        if emulated or (more and "linux" in system and _compiles(command, unit)):
            for name in ("amx", "product"):
                build(f"{name}.cpp", name, *unit)
            macros += ["-DSEMSYNTH_MATRIX_UNIT", *unit[:emulated]]
        if machine == "wasm32":
            build("wasm.cpp", "wasm_runtime", *everywhere)
        build("library.cpp", "library", *macros, *everywhere)
        linked = f"{folder}/{target.name}"
        subprocess.run([*command, *_link_flags(machine, system), *objects, "-o", linked], check=True)
        Path(linked).replace(target)  # a running process keeps the old file


def _target(command: list[str]) -> str:
    """What the compiler compiles for: architecture-vendor-system or the like."""
    return subprocess.run(
        [*command, "-dumpmachine"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _link_flags(machine: str, system: str) -> list[str]:
    if machine == "wasm32":  # a module with a memory and no main function
        exported = [f"-Wl,--export={name}" for name in ("malloc", "free")]
        return ["-mexec-model=reactor", "-Wl,--export-dynamic,--strip-all", *exported]
    # MinGW's own libraries are not there to be found by whoever installs the wheel. Zig's always are inside.
    return ["-shared", "-pthread", *["-static"] * ("w64" in system)]


def _compiles(command: list[str], flags: list[str]) -> bool:
    """Whether the compiler is new enough for these instructions."""
    asked = [*command, *flags, "-x", "c++", "-fsyntax-only", "-"]
    return subprocess.run(asked, input=b"", capture_output=True, check=False).returncode == 0


class NativeBuildHook(BuildHookInterface):
    """What hatchling calls before it packs a wheel, an editable one too."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and mark the wheel as one for this platform; or leave a pure wheel."""
        if self.target_name != "wheel":
            return
        # The module takes a minute: not for a checkout that is installed.
        if version == "standard" and zig("wasm32-wasi"):
            try:
                compile_module()
                build_data["artifacts"].append(str(MODULE.relative_to(Path(__file__).parent)))
            except (OSError, subprocess.CalledProcessError) as error:
                MODULE.unlink(missing_ok=True)  # never pack a stale one
                print(f"semsynth: built without the WebAssembly module ({error})", file=sys.stderr)
        try:
            compile_library()
        except (OSError, subprocess.CalledProcessError) as error:
            LIBRARY.unlink(missing_ok=True)  # never pack a stale one
            print(f"semsynth: built without native kernels ({error})", file=sys.stderr)
            return
        build_data["pure_python"] = False
        build_data["tag"] = "py3-none-" + sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["artifacts"].append(str(LIBRARY.relative_to(Path(__file__).parent)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compile the native kernels.")
    parser.add_argument(
        "file", type=Path, nargs="?", help="what to write; default: the package's library or module"
    )
    parser.add_argument("--wasm", action="store_true", help="compile a WebAssembly module")
    parser.add_argument("--emulated", action="store_true", help="emulate the matrix unit, for tests")
    given = parser.parse_args()
    if given.wasm:
        compile_module(given.file or MODULE)
    else:
        compile_library(given.file or LIBRARY, emulated=given.emulated)
