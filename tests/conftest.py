"""Fixtures every test may use."""

from pathlib import Path

import pytest
import torch

SHARED = Path(__file__).resolve().parents[1].parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _two_threads() -> None:
    torch.set_num_threads(min(2, torch.get_num_threads()))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of parity vectors and real samples that lies beside a developer's checkout."""
    if not SHARED.is_dir():
        pytest.skip("no ../shared folder beside the checkout: parity vectors and real samples are not here")
    return SHARED
