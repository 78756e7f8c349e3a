"""``semsynth app`` on the command line."""

import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from semsynth.cli import main
from tests.app.model import write_model


def test_a_port_in_use_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["app", "--port", str(port), "--no-browser", "--data", str(tmp_path)]) == 2
    assert f"port {port}" in capsys.readouterr().err


def test_prints_its_address_and_stops_when_told(tmp_path: Path) -> None:
    import httpx

    folder = write_model(tmp_path / "small")
    command = [sys.executable, "-c", "import sys; from semsynth.cli import main; sys.exit(main())", "app"]
    options = [
        "--model",
        str(folder),
        "--port",
        "0",
        "--no-browser",
        "--data",
        str(tmp_path),
        "--host",
        "0.0.0.0",
    ]
    process = subprocess.Popen(command + options, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        lines = []
        while not (found := re.search(r"http://\S+", "".join(lines))):
            lines.append(process.stdout.readline())
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
        with httpx.Client(trust_env=False, follow_redirects=True) as client:
            assert "semsynth" in client.get(found[0]).text
            port = httpx.URL(found[0]).port
            assert (
                client.get(f"http://127.0.0.1:{port}/", headers={"Host": "evil.example"}).status_code == 421
            )
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=30)
    finally:
        process.kill()
    assert "Warning: listening on 0.0.0.0" in errors
    assert "Traceback" not in errors
    assert process.returncode in (0, 130)
