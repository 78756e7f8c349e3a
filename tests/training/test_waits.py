"""A training step must not make the CPU wait for the device, except where a line is logged."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from semsynth.ops import native
from semsynth.ops.pyramid import LabelLevel
from semsynth.training.loop import train
from tests.training.test_objectives import recipe_of
from tests.training.tiny import paint

WAITING = {
    "_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "bincount", "equal",
    "_unique2", "unique_dim", "unique_consecutive",
}  # fmt: skip
"""Operators whose result, or its size, must be known on the CPU."""

COPYING = ("cpu", "tolist", "numpy", "__array__")
"""Methods that copy to the CPU."""


class Waits(TorchDispatchMode):
    """Collects where the CPU would wait, if the device were not the CPU."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name.removeprefix("aten::")
        masks = args[1] if name in ("index", "index_put", "index_put_") else ()
        if name in WAITING or any(m is not None and m.dtype == torch.bool for m in masks):
            self.note(name)
        return func(*args, **(kwargs or {}))

    def note(self, name: str) -> None:
        frames = [f for f in traceback.extract_stack() if "semsynth" in f.filename]
        self.places.append(f"{name}: {frames[-1].filename}:{frames[-1].lineno}" if frames else name)


@pytest.mark.parametrize("method", ["spade", "spade-projected", "oasis", "pix2pixhd", "ccfpse", "crn"])
def test_the_cpu_waits_for_the_device_only_where_a_line_is_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    monkeypatch.setattr(native, "available", lambda *_: False)  # as on a GPU
    monkeypatch.setattr(LabelLevel, "by_patches", False)
    waits, steps = Waits(), {}
    for name in COPYING:
        original: Callable[..., Any] = getattr(torch.Tensor, name)

        def copying(*args: Any, _name: str = name, _original: Any = original, **kwargs: Any) -> Any:
            waits.note(_name)
            return _original(*args, **kwargs)

        monkeypatch.setattr(torch.Tensor, name, copying)

    def report(seen: int, *_: object) -> None:
        steps[seen] = sorted(set(waits.places))
        waits.places.clear()

    data = paint(tmp_path / "data", count=6, size=64)
    intervals = dict.fromkeys(("sample_images", "checkpoint_images"), 100)
    recipe = recipe_of(method, data, images=16, batch_size=4, accumulate=2, log_images=12, **intervals)
    with waits:
        train(recipe, tmp_path / "run", device="cpu", report=report)
    assert not steps[8]
    assert steps[12]  # where a line is logged
