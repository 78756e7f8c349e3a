"""The WebAssembly module with the kernels, for the engine in a browser."""

import runpy
import shutil
import subprocess
from pathlib import Path

from semsynth.errors import SemsynthError

MODULE = Path(__file__).with_name("semsynth.wasm")
"""Compiled when the package is built, where Zig is at hand."""

_SCRIPT = Path(__file__).parents[3] / "hatch_build.py"  # of a source checkout


def build(target: Path) -> None:
    """Write the module. In a source checkout it is compiled again when a source has changed.

    Raises:
        SemsynthError: The package was built without it, or the sources cannot be compiled.
    """
    sources = (_SCRIPT, *(MODULE.parents[1] / "_native").glob("*.[ch]*"))
    if _SCRIPT.exists() and not _is_newer(MODULE, sources):
        try:
            runpy.run_path(str(_SCRIPT))["compile_module"](MODULE)
        except (OSError, subprocess.CalledProcessError) as error:
            raise SemsynthError(f"The WebAssembly module cannot be compiled: {error}.") from None
    if not MODULE.exists():
        raise SemsynthError(
            "This package was built without the WebAssembly module. "
            "Install Zig (pip install ziglang), then install semsynth from its sources again."
        )
    if target != MODULE:
        shutil.copyfile(MODULE, target)


def _is_newer(file: Path, sources: tuple[Path, ...]) -> bool:
    return file.exists() and all(source.stat().st_mtime <= file.stat().st_mtime for source in sources)
