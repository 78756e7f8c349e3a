"""Checks of the plain records of the systems SPADE is compared with, by the class recorded."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.parity.rows import Row

CHECKS: dict[str, Callable[[Mapping[str, Any]], list[Row]]] = {}


def check_plain(golden: Mapping[str, Any]) -> list[Row]:
    """All rows of one file.

    Raises:
        ValueError: a class without a check.
    """
    kind = golden["config"]["cls"]
    if kind not in CHECKS:
        raise ValueError(f"no check for {kind!r}; there are checks for {', '.join(CHECKS)}")
    return CHECKS[kind](golden)
