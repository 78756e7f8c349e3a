"""Steps of an evaluation, kept in files, so that a stopped evaluation goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing, read_arrays
from semsynth.files.writing import whole_file

Arrays = dict[str, npt.NDArray[Any]]

OF = "of"
"""In a cache: digits of the pictures it was computed from."""


def kept_step(
    path: Path,
    compute: Callable[[], Arrays],
    fits: Callable[[Arrays], bool],
    of: str,
    log: Callable[[str], None],
) -> Arrays:
    """The arrays of a step, from the cache where it was done before; a damaged cache is made again.

    Args:
        path: The .npz file of the cache.
        compute: Does the step.
        fits: Whether arrays from the cache can be what the step gives.
        of: Digits of the pictures that the step looks at, where they may change.
        log: Called with a sentence on a cache that is made again.
    """
    if path.exists():
        try:
            held = read_arrays(path)
            then = str(held.pop(OF, ""))
            with parsing(path, "what this step keeps"):
                if fits(held) and then == of:
                    return held
            why = "It does not belong to the pictures as they are now." if then != of else "It is damaged."
        except SemsynthError as error:
            why = str(error)
        log(f"{path} is made again: {why}")
    arrays = compute()
    path.parent.mkdir(exist_ok=True)
    with whole_file(path) as file:
        np.savez(file, **arrays, **{OF: np.array(of)})  # type: ignore[arg-type]
    return arrays
