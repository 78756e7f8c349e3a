"""The kernel distance between two sets of pictures (Binkowski et al. 2018)."""

import numpy as np

from semsynth.evaluation.frechet import Array, Features, halves, refuse_few, refuse_unlike


def kernel_distance(
    first: Features, second: Features, *, subsets: int = 100, subset_size: int = 1000, seed: int = 0
) -> tuple[float, float]:
    """Kernel distance: the unbiased squared MMD under (x.y / D + 1)^3.

    Args:
        first: One set.
        second: The other.
        subsets: How many random subsets the mean and the deviation run over.
        subset_size: Pictures of each set in a subset; at most half of the smaller set is taken, so that the
            subsets differ. With ``subsets=1`` the two whole sets are compared once.
        seed: Of the subsets.

    Returns:
        Mean and standard deviation over the subsets. May be slightly negative: it is unbiased around 0.

    Raises:
        SemsynthError: The feature spaces differ, or a set is too small.
    """
    refuse_unlike(first.space, second.space)
    refuse_few(min(len(first), len(second)))
    if subsets == 1:
        return _squared_mmd(first.values, second.values), 0.0
    size = min(subset_size, len(first) // 2, len(second) // 2)
    rng = np.random.default_rng(seed)
    values = [
        _squared_mmd(
            first.values[rng.choice(len(first), size, replace=False)],
            second.values[rng.choice(len(second), size, replace=False)],
        )
        for _ in range(subsets)
    ]
    return float(np.mean(values)), float(np.std(values))


def _squared_mmd(x: Array, y: Array) -> float:
    def kernel(a: Array, b: Array) -> Array:
        return np.asarray((a @ b.T / a.shape[1] + 1.0) ** 3, dtype=np.float64)

    m, n = len(x), len(y)
    xx, yy = kernel(x, x), kernel(y, y)
    within = (xx.sum() - np.trace(xx)) / (m * (m - 1)) + (yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2.0 * kernel(x, y).mean())


def kernel_at_half_count(
    real: Features, made: Features, *, splits: int = 100, seed: int = 0
) -> tuple[float, float]:
    """Kernel distance of the pictures for a random half of the maps to the photographs of the other half.

    No picture meets the photograph of its own map, which would make the distance too small. The features of
    the pictures are in the order of their photographs.

    Returns:
        Mean and deviation over the splits.
    """
    refuse_unlike(real.space, made.space)
    refuse_few(len(real))
    values = [_squared_mmd(made.values[a], real.values[b]) for a, b in halves(len(real), splits, seed)]
    return float(np.mean(values)), float(np.std(values))


def kernel_floor(real: Features, *, splits: int = 100, seed: int = 0) -> tuple[float, float]:
    """Kernel distance of two random halves of one set of photographs: mean and deviation over the splits."""
    return kernel_at_half_count(real, real, splits=splits, seed=seed)
