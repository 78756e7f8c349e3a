"""A running application, and a browser to open it with."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "test-artifacts"
TOKEN = "a-token-for-tests-a-token-for-tests"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass
class Served:
    """An application that runs in a process of its own."""

    port: int
    folder: Path
    model: str = "stand-in"
    process: "subprocess.Popen[bytes] | None" = None
    log: Path = field(default_factory=Path)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def address(self) -> str:
        return f"{self.url}/?token={TOKEN}"

    def start(self) -> None:
        self.log = self.folder / "log.txt"
        command = [
            sys.executable,
            "-m",
            "tests.app.serve",
            str(self.port),
            str(self.folder),
            TOKEN,
            self.model,
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"{self.url}/health", timeout=1):
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def stop(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    found = Served(free_port(), tmp_path_factory.mktemp("app"))
    found.start()
    yield found
    found.stop()
    log = found.log.read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder with a real network in it, of random weights."""
    from tests.app.model import write_model

    return write_model(tmp_path_factory.mktemp("model") / "small")


def chromium() -> str | None:
    """Where Chromium is: CHROMIUM, or the usual names."""
    named = os.environ.get("CHROMIUM")
    found = [named] if named else [shutil.which(n) for n in ("chromium", "chromium-browser", "google-chrome")]
    return next((path for path in found if path), None)


def harmless(text: str) -> bool:
    """Whether Chromium complains only of what a test did on purpose: a connection cut, a request refused."""
    return any(words in text for words in ("net::", "status of 400", "status of 409", "status of 503"))


@pytest.fixture(scope="session")
def context(browser: Any, served: Served) -> Iterator[Any]:
    """A browser profile that has the page's files."""
    found = browser.new_context(
        viewport={"width": 1280, "height": 720},
        accept_downloads=True,
        reduced_motion="reduce",
        color_scheme="dark",
    )
    found.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.url)
    yield found
    found.close()


@pytest.fixture
def page(context: Any, served: Served) -> Iterator[Any]:
    """The application as it is opened for the first time; fails the test on any error of the page."""
    found = context.new_page()
    kept = "cookies,local_storage,indexeddb,service_workers,cache_storage"
    device = context.new_cdp_session(found)
    device.send("Storage.clearDataForOrigin", {"origin": served.url, "storageTypes": kept})
    problems: list[str] = []
    found.on("pageerror", lambda error: problems.append(str(error)))
    found.on(
        "console", lambda m: problems.append(m.text) if m.type == "error" and not harmless(m.text) else None
    )
    open_page(found, served.address)
    yield found
    for opened in context.pages:
        opened.close()
    assert not problems


def open_page(page: Any, address: str) -> None:
    page.set_default_timeout(120_000)  # a busy machine is no failure
    page.goto(address)
    page.wait_for_selector("html[data-ready=yes]")
    settle(page)


def settle(page: Any) -> None:
    """Wait until the picture shows the drawing as it is."""
    page.wait_for_function("() => window.semsynth?.live.current", polling=20)


def shoot(page: Any, name: str) -> None:
    """Keep a screenshot to be looked at."""
    ARTIFACTS.mkdir(exist_ok=True)
    page.screenshot(path=ARTIFACTS / f"{name}.png")
