"""What tests of old files share."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _without_curves(without_curves: None) -> None:
    """See `tests/conftest.py`."""
