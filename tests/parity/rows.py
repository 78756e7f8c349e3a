"""One line of a parity report: a quantity, how far off it is, and whether that is near enough."""

from dataclasses import dataclass

import torch
from torch import Tensor

from tests import exactness


@dataclass(frozen=True)
class Row:
    """One quantity.

    Attributes:
        name: what was compared.
        double: largest error of a float64 run; None where there is none.
        single: largest error of a float32 run; None where there is none.
        ok: whether both are within their tolerances.
        note: tolerance and, where something differs on purpose, the reason.
    """

    name: str
    double: float | None
    single: float | None
    ok: bool
    note: str = ""

    def __str__(self) -> str:
        errors = "".join(f" {'-' if e is None else f'{e:.1e}':>9}" for e in (self.double, self.single))
        return f"{self.name:<44}{errors}  {'ok' if self.ok else 'FAIL':<4}  {self.note}".rstrip()


HEADER = f"{'quantity':<44} {'float64':>9} {'float32':>9}"

EXACT, NEAR = 1e-9, 2e-5
"""Largest difference of a float64 run from float64 records; of anything that was recorded in float32."""


def error(ours: Tensor, recorded: Tensor) -> float:
    """Largest absolute difference; infinite where the shapes differ or something is no number."""
    ours, recorded = ours.detach(), recorded.detach()
    if ours.numel() == recorded.numel() == 1:
        ours, recorded = ours.reshape(()), recorded.reshape(())
    if ours.shape != recorded.shape:
        return float("inf")
    worst = float((ours.double() - recorded.double()).abs().max()) if ours.numel() else 0.0
    return worst if worst == worst else float("inf")


def compare(
    name: str,
    double: Tensor | None,
    single: Tensor | None,
    recorded: Tensor,
    recorded_double: Tensor | None = None,
    *,
    absolute: float = NEAR,
    relative: float = NEAR,
    note: str = "",
) -> Row:
    """Compare a float64 and a float32 run with what was recorded.

    The float64 run is held against the float64 record at `EXACT` where there is one. Everything recorded in
    float32 may differ by `absolute`, or by `relative` times the largest recorded value. Where a processor
    adds up in another order than the one that recorded, the float32 run may differ by more if it is about as
    near to our float64 run as the record is (`tests/exactness.py`).
    """
    allowed = max(absolute, relative * float(recorded.abs().max()) if recorded.numel() else 0.0)
    ok, errors = True, []
    for ours, reference, limit in (
        (double, recorded if recorded_double is None else recorded_double, allowed),
        (single, recorded, allowed),
    ):
        if reference is recorded_double:
            limit = EXACT
        errors.append(None if ours is None else error(ours, reference))
        near = errors[-1] is None or errors[-1] <= limit
        ok &= near or (ours is single and double is not None and as_exact(single, recorded, double))
    return Row(name, errors[0], errors[1], ok, note)


def as_exact(single: Tensor, recorded: Tensor, double: Tensor) -> bool:
    """Whether a float32 result is about as near to float64 as the record is."""
    if not single.shape == recorded.shape == double.shape:
        return False
    return exactness.error(single.detach(), double.detach()) <= exactness.allowed(recorded, double.detach())


def check(name: str, ok: bool, note: str = "") -> Row:
    """A quantity that is right or wrong."""
    return Row(name, None, None, bool(ok), note)


def uniform_like(value: Tensor, dtype: torch.dtype) -> Tensor:
    """`value` in `dtype` if it is a floating point tensor, else as it is."""
    return value.to(dtype) if value.is_floating_point() else value
