"""``semsynth app`` on the command line, with a real network behind it."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from semsynth.app.settings import SeedStyle
from semsynth.app.synthesizer_painter import load_painter
from semsynth.cli import main
from semsynth.errors import SemsynthError
from tests.app.test_api import png

httpx = pytest.importorskip("httpx")
START = "import sys; from semsynth.cli import main; sys.exit(main())"


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "--port", str(port), "--no-browser", "--data", str(tmp_path)]) == 2
    assert f"port {port}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["99999", "-1"])
def test_a_port_that_cannot_be_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str], port: str) -> None:
    assert main(["app", "--port", port, "--no-browser", "--data", str(tmp_path)]) == 2
    assert f"no port {port}" in capsys.readouterr().err


def refusal(folder: Path, *options: str) -> str:
    """What the command says before it ends, where it refuses to begin."""
    command = [sys.executable, "-c", START, "app", "--no-browser", "--port", "0", "--data", "kept", *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder)
    assert ended.returncode == 2, ended
    assert "Traceback" not in ended.stderr
    assert not ended.stdout
    *before, last = ended.stderr.strip().splitlines()
    assert before == ["Loading the model ..."]
    return last


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--port", "x"], "invalid int value: 'x'"),
        (["--port", "²"], "invalid int value"),
        (["--port", "-1"], "no port -1"),
        (["--port", "65536"], "no port 65536"),
        (["--port", "9" * 30], "no port 999"),
        (["--host", "nowhere.invalid"], "'nowhere.invalid', which is no name"),
        (["--host", "192.0.2.1"], "Cannot listen on 192.0.2.1"),
        (["--host", "::g"], "'::g', which is no name"),
        (["--host", "a" * 70], "is no name or address of this machine"),
        (["--host", "caf\udce9"], "is no name or address of this machine"),
        (["--host", "a..b"], "is no name or address of this machine"),
        (["--host", ""], "is no name or address of this machine"),
        (["--data", "file"], "file: File exists"),
        (["--data", "file/below"], "file/below: Not a directory"),
        (["--data", "circle"], "circle"),
        (["--data", "holds-a-folder"], "token is a folder"),
        (["--data", "holds-a-pipe"], "token is a pipe"),
        (["--data", "holds-a-lock"], ".serving"),
        (["--precision", "x"], "invalid choice: 'x'"),
        (["--nonsense"], "unrecognized arguments: --nonsense"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(
    tmp_path: Path,
    options: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "holds-a-folder" / "token").mkdir(parents=True)
    (tmp_path / "holds-a-lock" / ".serving").mkdir(parents=True)
    (tmp_path / "holds-a-pipe").mkdir()
    os.mkfifo(tmp_path / "holds-a-pipe" / "token")
    defaults = ["--no-browser", "--port", "0", "--data", "kept", "--model", "nowhere"]
    try:
        code: object = main(["app", *defaults, *options])
    except SystemExit as left:  # argparse
        code = left.code
    assert code == 2
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (["damaged"], "damaged/config.json cannot be read as a JSON file"),
        (["good", "pipe.pt"], "pipe.pt is no segmenter"),
        (["nowhere"], "There is no model 'nowhere'"),
        (["good", "file"], "file"),
    ],
)
def test_a_model_that_cannot_be_loaded_ends_the_server(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: list[str], said: str
) -> None:
    shutil.copytree(small_model, tmp_path / "damaged")
    (tmp_path / "damaged" / "config.json").write_text("{")
    (tmp_path / "good").symlink_to(small_model)
    (tmp_path / "file").write_text("junk")
    os.mkfifo(tmp_path / "pipe.pt")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SemsynthError, match=said):
        load_painter(*files, trust=True)
    if files[-1] in ("damaged", "pipe.pt"):  # each start of the server takes seconds
        names = zip(("--model", "--segmenter"), files, strict=False)
        assert said in refusal(tmp_path, *(word for pair in names for word in pair), "--trust")


@pytest.fixture
def started(small_model: Path, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    options = ["--model", str(small_model), "--port", "0", "--no-browser", "--data", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-c", START, "app", "--host", "0.0.0.0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    try:
        while not (found := re.search(r"http://\S+", said)):
            line = process.stdout.readline()
            assert line, process.communicate()
            said += line
        yield process, found[0]
    finally:
        process.kill()
        process.wait(10)


def test_serves_a_network_at_the_printed_address_and_stops_when_told(
    started: tuple["subprocess.Popen[str]", str], small_model: Path
) -> None:
    process, address = started
    labels = np.random.default_rng(0).integers(1, 33, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
    with httpx.Client(trust_env=False, follow_redirects=True, timeout=120) as client:
        assert "semsynth" in client.get(address).text
        home = str(httpx.URL(address).copy_with(path="/", query=None))
        form = {"seed": "5", "format": "rgb"}
        answer = client.post(f"{home}api/synthesize", files={"map": png(labels)}, data=form)
        assert answer.content == load_painter(small_model).paint(labels, SeedStyle(seed=5))[0].tobytes()
        style = client.post(f"{home}api/styles", files={"photo": png(np.zeros((80, 90, 3), np.uint8))})
        assert len(style.json()["vector"]) == 16
        size = {"width": "64", "height": "64"}
        answer = client.post(f"{home}api/photos", files={"photo": png(labels)}, data=size)
        if load_painter(small_model).describe().segments:
            assert len(answer.json()["vector"]) == 16
        else:
            assert "segmenter" in answer.json()["error"]
        assert client.get(home, headers={"Host": "evil.example"}).status_code == 421
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "Warning: listening on 0.0.0.0" in errors
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)
