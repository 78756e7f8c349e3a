"""Other platforms, users without a home, and the range of versions that is promised."""

import ast
import os
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx
import pytest

from semsynth.errors import SemsynthError
from semsynth.files.places import data_folder
from tests.small import small_folder

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "semsynth"

WORK = """
import importlib, pkgutil, sys
from pathlib import Path

import semsynth

for module in pkgutil.walk_packages(semsynth.__path__, "semsynth."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)

from semsynth import Synthesizer
from semsynth.cli import main
from semsynth.hub import load_model
from semsynth.training.loop import train
from tests.training.tiny import paint, tiny_recipe

folder = Path(sys.argv[1])
recipe = tiny_recipe(paint(folder / "set"), run__images=8, data__cache=True)
model = train(recipe, folder / "run")
assert train(recipe, folder / "run") == model  # and nothing is left to do
assert Synthesizer.from_pretrained(model)(folder / "set" / "labels" / "000.png").images.isfinite().all()
maps = str(folder / "set" / "labels")
assert main(["synthesize", maps, "--model", str(model), "-o", str(folder / "out")]) == 0
assert main(["data", "check", str(folder / "set")]) == 0
assert main(["info"]) == 0
"""

SERVE = "import sys; from semsynth.cli import main; sys.exit(main())"


def environment(without: str, **more: str) -> dict[str, str]:
    paths = [str(ROOT / "tests" / "elsewhere"), str(SOURCE.parent), str(ROOT)]
    return {**os.environ, "SEMSYNTH_TEST_WITHOUT": without, "PYTHONPATH": os.pathsep.join(paths), **more}


@pytest.mark.slow
@pytest.mark.parametrize("without", ["unix", "home"])
def test_everything_but_the_server_works(without: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORK, tmp_path],
        env=environment(without),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert not [path for path in written if set(str(path)) & set(':*?"<>|') or path.name[-1] in ". "]


@pytest.mark.slow
@pytest.mark.parametrize("without", ["unix", "home"])
def test_the_server_starts(without: str, tmp_path: Path) -> None:
    options = ["--model", str(small_folder(tmp_path / "park")), "--port", "0", "--no-browser"]
    where = environment(without, SEMSYNTH_TEST_KEEP="XDG_DATA_HOME", XDG_DATA_HOME=str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-c", SERVE, "app", *options],
        env=where,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            said = ""
            while not (found := re.search(r"http://[^\s?]+", said)):
                line = process.stdout.readline()
                assert line, process.communicate()
                said += line
            with httpx.Client(trust_env=False, timeout=60) as client:
                assert client.get(found[0]).status_code < 500  # it may ask for the key
        finally:
            process.kill()
    if without == "home":
        assert (tmp_path / "semsynth" / "token").is_file()


def test_a_user_without_a_home_is_asked_for_a_folder(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SERVE, "app", "--no-browser", "--port", "0"],
        env=environment("home"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 2
    assert "--data" in done.stderr
    assert "XDG_DATA_HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "home", nowhere)
        assert data_folder() == tmp_path / "semsynth"
        for unusable in ("", "relative"):
            patch.setenv("XDG_DATA_HOME", unusable)
            with pytest.raises(SemsynthError, match="--data, or set XDG_DATA_HOME"):
                data_folder()
        patch.setattr(sys, "platform", "darwin")
        with pytest.raises(SemsynthError, match=r"--data\."):
            data_folder()
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    assert data_folder() == tmp_path / ".local" / "share" / "semsynth"
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert data_folder() == tmp_path / "local" / "semsynth"


@pytest.mark.parametrize(
    ("platform", "name"),
    [("linux", "libsemsynth.so"), ("darwin", "libsemsynth.dylib"), ("win32", "libsemsynth.dll")],
)
def test_the_library_is_called_as_the_platform_does(
    monkeypatch: pytest.MonkeyPatch, platform: str, name: str
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert runpy.run_path(str(SOURCE / "ops" / "library.py"))["LIBRARY"].name == name
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))
    assert hook["LIBRARY"] == SOURCE / "_native" / name


UNIX = {"resource", "fcntl", "pwd", "grp", "termios", "tty", "pty", "readline", "syslog", "msvcrt", "winreg"}


def test_no_module_needs_one_platform() -> None:
    """What only some platforms have is imported where its absence is caught."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not UNIX & {name.partition(".")[0] for name in names}, path


UNIX_NAMES = {
    "os": {
        *("fork", "getuid", "geteuid", "getgid", "getpgid", "killpg", "setsid", "nice", "uname", "chown"),
        *("getloadavg", "sched_getaffinity", "fchmod", "statvfs", "register_at_fork", "posix_fallocate"),
        *("O_NONBLOCK", "O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC"),
    },
    "signal": {"SIGKILL", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGALRM", "alarm", "pthread_sigmask"},
    "socket": {"AF_UNIX", "SO_REUSEPORT"},
}


def test_names_of_one_platform_are_asked_for_first() -> None:
    for path in SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                module, name = node.value.id, node.attr
                asked = f'hasattr({module}, "{name}")' in text
                assert asked or name not in UNIX_NAMES.get(module, ()), f"{path}:{node.lineno}: {name}"


def test_every_text_file_is_opened_with_its_encoding() -> None:
    """Where none is named, it is another one on Windows."""
    reads = re.compile(r"\.(read_text|write_text)\((?!.*(encoding=|ascii|utf-8))")
    for path in SOURCE.rglob("*.py"):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not reads.search(line) or line.rstrip().endswith("("), f"{path}:{number}: {line}"


def test_the_promised_versions_are_those_of_the_guide() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    guide = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
    oldest = project["requires-python"].removeprefix(">=")
    torch = next(need for need in project["dependencies"] if need.startswith("torch"))
    assert f"Python {oldest}" in guide
    assert f"PyTorch {re.search(r'[0-9.]+', torch)[0]}" in guide  # type: ignore[index]
    assert f"Programming Language :: Python :: {oldest}" in project["classifiers"]
