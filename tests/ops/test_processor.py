"""Levels of processors: how they are found, and what SEMSYNTH_CPU limits."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.ops import dtypes, processor

AVX2 = {"avx2", "fma", "sse4_1"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512cd"}

PROCESSORS = {
    "Nehalem": ({"sse4_1", "sse4_2"}, "portable"),
    "AVX2 without FMA": ({"avx2"}, "portable"),
    "Haswell, Zen 3": (AVX2, "avx2"),
    "Knights Landing": (AVX2 | {"avx512f", "avx512cd"}, "avx2"),
    "Skylake-SP": (AVX512, "avx512"),
    "Ice Lake": (AVX512 | {"avx512_vnni"}, "avx512"),
    "Zen 4, Cooper Lake": (AVX512 | {"avx512_bf16"}, "avx512_bf16"),
    "Sapphire Rapids": (AVX512 | {"avx512_bf16", "amx_tile", "amx_bf16", "amx_int8"}, "amx"),
    "a guest without AVX512-BF16": (AVX512 | {"amx_tile", "amx_bf16"}, "avx512"),
}

Pretend = Callable[..., None]

PROBE = """
import json, os, subprocess, sys
import semsynth
from semsynth.ops import native
import torch
names = ("ATEN_CPU_CAPABILITY", "ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS")
print(json.dumps({
    "set": [os.environ.get(name) for name in names],
    "torch": torch.backends.cpu.get_cpu_capability(),
    "kernels": native.describe(),
    "child": subprocess.run(
        [sys.executable, "-c", "import os, sys; print(*map(os.environ.get, sys.argv[1:]))", *names],
        capture_output=True, text=True,
    ).stdout.split(),
}))
"""


def python(code: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run some code in a fresh interpreter whose processor nobody has limited yet."""
    kept = {k: v for k, v in os.environ.items() if k not in (*processor._OTHERS, processor.VARIABLE)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=kept | variables, timeout=120
    )


@pytest.fixture
def pretend(monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Be another processor, with a limit or none."""

    def be(best: str, asked: str = "", machine: str = "x86_64") -> None:
        monkeypatch.setattr(processor, "LEVELS", processor.levels_of(machine))
        monkeypatch.setattr(processor, "best", lambda: best)
        monkeypatch.setattr(processor, "_asked", asked)

    return be


@pytest.mark.parametrize("name", PROCESSORS)
def test_levels_of_processors(name: str) -> None:
    flags, level = PROCESSORS[name]
    assert processor.level_of(flags) == level


def test_this_processor_is_found_by_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Linux lists, and what PyTorch says where nothing is listed."""
    if not hasattr(torch.cpu, "_is_amx_tile_supported"):
        pytest.skip(f"PyTorch {torch.__version__} does not tell")
    listed = processor.best()
    monkeypatch.setattr(processor, "_flags", lambda: None)
    assert processor.best.__wrapped__() == listed


@pytest.mark.parametrize(
    ("machine", "level"), [("aarch64", "neon"), ("arm64", "neon"), ("ARM64", "neon"), ("riscv64", "portable")]
)
def test_other_architectures_have_one_level(
    machine: str, level: str, monkeypatch: pytest.MonkeyPatch, pretend: Pretend
) -> None:
    monkeypatch.setattr(processor, "LEVELS", processor.levels_of(machine))
    assert processor.best.__wrapped__() == level
    for asked in ("", level):
        pretend(level, asked, machine)
        assert processor.level() == level
        assert processor.available() == (level,)
        assert not processor.has_bfloat16()
    pretend(level, "avx2", machine)
    with pytest.raises(SemsynthError, match=f"SEMSYNTH_CPU is 'avx2'; allowed are {level}\\."):
        processor.level()


def test_info_names_the_level_of_an_arm_processor() -> None:
    code = (
        "import platform; platform.machine = lambda: 'aarch64'\n"
        "from semsynth.cli import main; raise SystemExit(main(['info', '--json']))"
    )
    facts = json.loads(python(code).stdout)
    assert (facts["processor"], facts["levels"], facts["limit"]) == ("neon", "neon", "none")


def test_a_limit_lowers_and_never_raises(pretend: Pretend) -> None:
    pretend("amx")
    assert (processor.level(), processor.limit()) == ("amx", None)
    assert processor.available() == processor.LEVELS
    for level in processor.LEVELS:
        pretend("amx", level)
        assert processor.level() == processor.limit() == level
        assert processor.has_bfloat16() == (level in ("avx512_bf16", "amx"))
    pretend("avx2", "avx512")
    with pytest.raises(SemsynthError, match="avx512, which this processor lacks: it has avx2; allowed are"):
        processor.level()
    pretend("avx2", "AVX2")
    with pytest.raises(SemsynthError, match="SEMSYNTH_CPU is 'AVX2'; allowed are portable, avx2, avx512"):
        processor.level()


def test_bfloat16_arithmetic_obeys_the_limit(pretend: Pretend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dtypes, "_onednn_convolves_bfloat16", lambda: True)
    for asked, expected in (("", True), ("amx", True), ("avx512_bf16", True), ("avx512", False)):
        pretend("amx", asked)
        assert dtypes.has_bfloat16_arithmetic(torch.device("cpu")) is expected
    monkeypatch.setattr(dtypes, "_onednn_convolves_bfloat16", lambda: False)  # ONEDNN_MAX_CPU_ISA by hand
    pretend("amx")
    assert not dtypes.has_bfloat16_arithmetic(torch.device("cpu"))
    assert not dtypes.has_bfloat16_arithmetic(torch.device("meta"))


@pytest.mark.parametrize("level", processor.LEVELS)
def test_a_limit_reaches_every_library(level: str) -> None:
    done = python(PROBE, SEMSYNTH_CPU=level)
    if level not in processor.available():  # nothing is set that the processor could not do
        assert "SemsynthError" in done.stderr
        return
    found = json.loads(done.stdout)
    rank = processor.LEVELS.index(level)
    assert found["set"] == [values[rank] for values in processor._OTHERS.values()]
    assert found["torch"].lower() == found["set"][0]
    assert found["child"] == found["set"]
    assert not found["kernels"][0].isalpha() or found["kernels"].split()[0] in (
        level,
        "public",
        "avx512_bf16",
    )


def test_a_level_this_processor_lacks_sets_nothing() -> None:
    done = python(
        "import os, semsynth\n"
        "from semsynth.ops import processor\n"
        "print([os.environ.get(name) for name in processor._OTHERS])",
        SEMSYNTH_CPU="avx1024",
    )
    assert done.stdout.strip() == "[None, None, None]", done.stderr


def test_a_variable_that_says_less_is_kept() -> None:
    code = (
        "import os, semsynth; print(os.environ['ATEN_CPU_CAPABILITY'], os.environ['MKL_ENABLE_INSTRUCTIONS'])"
    )
    if "avx2" not in processor.available():
        pytest.skip("this processor has nothing to limit")
    set_before = {"ATEN_CPU_CAPABILITY": "default", "MKL_ENABLE_INSTRUCTIONS": "AVX512"}
    assert python(code, SEMSYNTH_CPU="avx2", **set_before).stdout.split() == ["default", "AVX2"]


@pytest.mark.parametrize("computes", [False, True])
def test_pytorch_that_has_computed_before_is_reported(computes: bool) -> None:
    if len(processor.available()) == 1:
        pytest.skip("this processor has nothing to limit")
    first = "torch.backends.cpu.get_cpu_capability()" if computes else "pass"
    done = python(
        f"import torch\n{first}\nimport semsynth\nprint(torch.backends.cpu.get_cpu_capability())",
        SEMSYNTH_CPU="portable",
    )
    assert ("RuntimeWarning: PyTorch has computed before semsynth was imported" in done.stderr) is computes
    assert (done.stdout.strip() == "DEFAULT") is not computes


@pytest.mark.parametrize("value", ["avx1024", "AVX2", "fast", "amx" if processor.best() != "amx" else "amy"])
def test_the_command_line_refuses_in_a_sentence(value: str) -> None:
    for verb in ("info", "synthesize"):
        done = python(
            f"from semsynth.cli import main; raise SystemExit(main(['{verb}']))", SEMSYNTH_CPU=value
        )
        assert done.returncode == 2
        assert done.stdout == ""
        assert done.stderr.startswith("semsynth: SEMSYNTH_CPU is ")
        assert len(done.stderr.splitlines()) == 1


def test_importing_the_library_with_a_wrong_value_is_no_error() -> None:
    code = (
        "import semsynth, semsynth.pipeline; print('here'); semsynth.Synthesizer.from_pretrained('landscape')"
    )
    done = python(code, SEMSYNTH_CPU="fast")
    assert done.stdout == "here\n"
    assert done.stderr.startswith("Traceback")
    assert "semsynth.errors.SemsynthError: SEMSYNTH_CPU is 'fast'; allowed are " in done.stderr


def test_info_shows_level_and_limit(capsys: pytest.CaptureFixture[str], pretend: Pretend) -> None:
    pretend("amx", "avx2")
    assert main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["processor"], facts["limit"]) == ("avx2", "SEMSYNTH_CPU=avx2")
    assert facts["levels"] == ", ".join(processor.LEVELS)
    assert facts["bfloat16"] == "stored so, computed in float32"


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
def test_make_refuses_a_level_in_a_sentence() -> None:
    """Before any test begins."""
    root, programs = Path(__file__).parents[2], Path(sys.executable).parent
    command = ["make", "-o", ".venv/.installed-dev", f"BIN={programs}", "test", "CPU=avx1024"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("semsynth: SEMSYNTH_CPU is 'avx1024'; allowed are portable, avx2")
    assert "passed" not in done.stdout
