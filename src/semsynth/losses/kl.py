"""Divergence of an encoded style from the standard normal."""

from typing import Literal

from torch import Tensor


def kl_loss(mean: Tensor, log_variance: Tensor, *, over_batch: Literal["sum", "mean"] = "sum") -> Tensor:
    """KL(N(mean, exp(log_variance)) || N(0, 1)), summed over the latent (Kingma and Welling 2014).

    Args:
        mean: (B,Z).
        log_variance: (B,Z).
        over_batch: "sum" as SPADE published it, so that the term grows with the batch on each device (weight
            0.05); "mean" does not depend on the batch size.

    Returns:
        A scalar, at least 0.
    """
    total = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
    return total if over_batch == "sum" else total / mean.shape[0]
