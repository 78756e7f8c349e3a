"""Fixtures every test may use."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Several workers share the processor, and so do the programs they start: one thread each, or their threads
# would wait for each other. Set before PyTorch reads it.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.ops import processor

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


def pytest_configure() -> None:
    """Refuse a level that this processor lacks."""
    try:
        processor.limit()
    except SemsynthError as error:
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests come first, so that no worker is alone with one of them at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_report_header() -> str:
    """What the tests compute with."""
    limit = processor.limit()
    return f"processor: {processor.level()}" + (f", limited by {processor.VARIABLE}={limit}" if limit else "")


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """The tensors of tests are tiny: a second thread costs more than it brings."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of parity vectors and real samples that lies beside a developer's checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared folder beside the checkout: parity vectors and real samples are not here")
    return SHARED


@pytest.fixture(scope="session")
def without_curves() -> Iterator[None]:
    """Runs whose curves are not drawn, which takes as long as all else that a tiny run does."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("semsynth.training.loop.plot_curves", lambda log, path: path.write_bytes(b"curves"))
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, one for all tests of the session."""
    from tests.app.conftest import FLAGS, chromium

    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the browser tests need the package playwright"
    )
    path = chromium()
    if path is None:
        pytest.skip(
            "no Chromium on this machine (set CHROMIUM to its path): the page was not tried in a browser"
        )
    with playwright.sync_playwright() as runner:
        found = runner.chromium.launch(executable_path=path, args=FLAGS)
        yield found
        found.close()
