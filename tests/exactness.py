"""How exact float32 must be, as one rule that holds on every processor.

Another order of sums gives another rounding, so two right float32 results differ, and by how much depends on
the processor. What can be demanded is that a result is about as near to float64 as a plain one is:

    |found - exact| <= FACTOR * |plain - exact| + ULPS units in the last place of the largest exact value

`plain` is what PyTorch's dense float32 network computes here, or what was recorded of the published one.
"""

import torch
from torch import Tensor

FACTOR = 4
"""How many times as far from float64 as the plain result: both are one draw of a rounding error."""

ULPS = 64
"""Where the plain result is nearer than rounding is on the average: 64 roundings of the largest value."""


GRADIENT = 1e-3
"""Of a gradient behind ReLUs or an L1 distance, relative, in the L2 norm. Where a value lies within rounding
of a kink, the gradient takes the slope of either side, and a few of its entries jump."""


def relative_norm(found: Tensor, expected: Tensor) -> float:
    """The L2 norm of the difference, relative to that of what is expected."""
    return float((found.double() - expected.double()).norm() / expected.double().norm())


def error(found: Tensor, exact: Tensor) -> float:
    """Largest difference from a float64 result; infinite where something is no number."""
    assert found.shape == exact.shape, f"{tuple(found.shape)}, not {tuple(exact.shape)}"
    worst = float((found.double() - exact).abs().max())
    return worst if worst == worst else float("inf")


def allowed(plain: Tensor, exact: Tensor) -> float:
    """The largest error that the rule allows."""
    largest = float(exact.abs().max())
    return FACTOR * error(plain, exact) + ULPS * torch.finfo(torch.float32).eps * largest


def assert_as_exact(found: Tensor, plain: Tensor, exact: Tensor, what: object = "") -> None:
    """Hold a float32 result to the rule above; `exact` is float64."""
    assert exact.dtype == torch.float64
    off, limit = error(found.detach(), exact.detach()), allowed(plain.detach(), exact.detach())
    assert off <= limit, f"{what}: {off:.2e} from float64, where {limit:.2e} is allowed"
