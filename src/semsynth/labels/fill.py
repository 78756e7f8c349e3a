"""Give pixels without a label the label of a nearest pixel that has one."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def fill_from_nearest(ids: NDArray[Any], void: NDArray[np.bool_]) -> NDArray[Any]:
    """Let the labels of (..., H, W) grow into `void`, one step along rows and columns at a time.

    Where a map is void all over, it stays.
    """
    rim = [(0, 0)] * (ids.ndim - 2) + [(1, 1)] * 2  # neither known nor missing, so that no step needs a check
    values, known, missing = (np.pad(part, rim) for part in (ids, ~void, void))
    shape, row = values.shape, values.shape[-1]
    values, known, missing = values.ravel(), known.ravel(), missing.ravel()
    steps = np.array([-row, row, -1, 1])
    edge = np.flatnonzero(missing)
    while edge.size:
        around = edge[:, None] + steps  # (n, 4)
        labelled = known[around]
        reached = labelled.any(axis=1)
        edge, source = edge[reached], around[reached, labelled[reached].argmax(axis=1)]
        values[edge] = values[source]
        known[edge], missing[edge] = True, False
        near = np.unique(edge[:, None] + steps)
        edge = near[missing[near]]
    return np.ascontiguousarray(values.reshape(shape)[..., 1:-1, 1:-1])
