"""Fixtures every test may use."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


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
