"""Which checks a file of recorded tensors gets, by what it holds."""

from pathlib import Path
from typing import Any

import torch

from tests.parity.perceptual import check_perceptual
from tests.parity.plain import check_plain
from tests.parity.rows import Row
from tests.parity.spade import check_run


def check_file(path: Path) -> list[Row]:
    """Compare everything in one file with what this code computes.

    Raises:
        ValueError: the file is of none of the known kinds.
    """
    golden: dict[str, Any] = torch.load(path, weights_only=True)
    if "opt" in golden:
        return check_run(golden)
    if "recipe" in golden:
        return check_perceptual(golden)
    if "cases" in golden:
        from tests.parity import loader_cases

        return [Row(name, None, worst, ok, note) for name, worst, ok, note in loader_cases.check(golden)]
    if "config" in golden:
        return check_plain(golden)
    raise ValueError(f"{path} holds {', '.join(map(str, golden))}: no kind of record known here")
