"""Every set of kernels holds the instructions of its level and no others: most sets cannot run here."""

import importlib.util
import platform
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

FORBIDDEN = {
    "portable": r"%ymm|%zmm",
    "avx2": r"%zmm|%k[0-7]\b",
    "avx512": r"\bv(cvtne\w*bf16|cvtneps2bf16|dpbf16ps)",
    "avx512_bf16": r"\b(tdp\w+|tileloadd\w*)",
}
NEEDED = {"portable": r"%xmm", "avx2": r"%ymm", "avx512": r"%zmm", "avx512_bf16": r"\bvcvtneps2bf16\b"}


def build_hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the sets are those of x86")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_a_set_has_the_instructions_of_its_level(name: str, tmp_path: Path) -> None:
    hook = build_hook()
    command = hook.compiler()
    if command is None:
        pytest.skip("no C++ compiler")
    flags = {**hook.X86, **hook.NEWER}[name].split()
    if not hook._compiles(command, flags):
        pytest.skip(f"the compiler does not know {name}")
    target = tmp_path / "kernels.s"
    source = str(hook.SOURCES / "kernels.cpp")
    subprocess.run(
        [*command, *hook.FLAGS, "-w", *flags, f"-DKERNELS={name}", "-S", source, "-o", str(target)],
        check=True,
    )
    assembly = target.read_text(encoding="utf-8")
    assert re.search(NEEDED[name], assembly)
    assert not re.findall(FORBIDDEN[name], assembly)
