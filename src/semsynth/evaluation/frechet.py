"""Features of sets of pictures, and the Fréchet distance between two sets (Heusel et al. 2017).

A distance is only worth something between features of the
same network, weights, layer and resizing, so every set carries its ``FeatureSpace`` and unlike sets are
refused. Only distances in the published Inception network's space may be called FID and KID.

Everything is float64. With A, B such that A'A and B'B are the two covariances, the trace of the square root
of their product is the sum of the singular values of AB': no matrix square root, no imaginary rest, and for
fewer pictures than features a small matrix.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from semsynth.errors import SemsynthError
from semsynth.files.reading import parse_json, parsing, read_arrays
from semsynth.files.settings import fill
from semsynth.files.writing import whole_file

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.integer]

FEWEST = 16
"""Fewer pictures than this say nothing about a distribution: the distance is refused."""


@dataclass(frozen=True)
class FeatureSpace:
    """Where features come from. Two sets compare only if all of it is equal.

    Attributes:
        network: For instance "inception-2015-12-05" or "efficientnet-lite2".
        weights: SHA-256 of the weights, its first 16 hex digits.
        layer: Which activation, and how it was pooled.
        resize: The named rule by which pictures came to the network's input size.
        dimensions: Length of a feature vector.
    """

    network: str
    weights: str
    layer: str
    resize: str
    dimensions: int


@dataclass(frozen=True)
class Features:
    """Feature vectors of one set of pictures.

    Attributes:
        values: (N, D) float64.
        space: Where they come from.
        source: What the pictures are, for people: "siftflow val, photographs".
        names: What each picture is called, for messages; may be empty.

    Raises:
        SemsynthError: Values of another shape than the space's, or that are not finite.
    """

    values: Array
    space: FeatureSpace
    source: str = ""
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.shape[1] != self.space.dimensions:
            raise SemsynthError(
                f"The features of {self.source or 'these pictures'} have the shape {self.values.shape}; "
                f"those of {self.space.network} have {self.space.dimensions} numbers a picture."
            )
        if self.names and len(self.names) != len(self):
            raise SemsynthError(f"{len(self.names)} names for the features of {len(self)} pictures.")
        if len(bad := np.flatnonzero(~np.isfinite(self.values).all(axis=1))):
            names = f" ({self.names[bad[0]]})" if self.names else ""
            raise SemsynthError(
                f"{self.space.network} gives features that are not finite numbers for {len(bad)} of "
                f"{len(self)} pictures of {self.source or 'these pictures'}; number {bad[0] + 1}{names} is "
                "the first. Its weights are damaged, or the picture is."
            )

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def subset(self, indices: Indices) -> "Features":
        """The features of some of the pictures."""
        names = tuple(self.names[i] for i in indices) if self.names else ()
        return Features(self.values[indices], self.space, self.source, names)


@dataclass(frozen=True)
class Statistics:
    """Mean and covariance of a set: all a Fréchet distance needs, and small enough to keep.

    Attributes:
        mean: (D,) float64.
        covariance: (D, D) float64, normalised by N-1.
        count: N, how many pictures they summarise.
        space: Where the features come from.
        source: What the pictures were.
    """

    mean: Array
    covariance: Array
    count: int
    space: FeatureSpace
    source: str = ""

    @classmethod
    def of(cls, features: Features) -> "Statistics":
        """Summarise a set of features."""
        refuse_few(len(features))
        covariance = np.cov(features.values, rowvar=False).reshape(features.values.shape[1], -1)
        return cls(features.values.mean(axis=0), covariance, len(features), features.space, features.source)

    def save(self, path: Path) -> None:
        """Write an .npz with its provenance inside."""
        provenance = json.dumps({**asdict(self.space), "count": self.count, "source": self.source})
        with whole_file(path) as file:
            np.savez(file, mean=self.mean, covariance=self.covariance, provenance=np.array(provenance))

    @classmethod
    def load(cls, path: Path) -> "Statistics":
        """Read what ``save`` wrote.

        Raises:
            SemsynthError: The file is no .npz, or does not say which network and resizing it was made with.
        """
        entries = read_arrays(path)
        if missing := {"mean", "covariance", "provenance"} - entries.keys():
            raise SemsynthError(
                f"{path} holds {', '.join(sorted(entries)) or 'nothing'} but no "
                f"{', '.join(sorted(missing))}: it does not "
                "say which network, weights and resizing it was made with. Make it again from the "
                "photographs."
            )
        provenance = parse_json(str(entries["provenance"]), f"The provenance in {path}")
        with parsing(path, "reference statistics", "Make them again from the photographs."):
            count, source = provenance.pop("count"), str(provenance.pop("source"))
            space = fill(FeatureSpace, provenance, path)
            if type(count) is not int or count < 2:
                raise ValueError(f"its count is {count!r}; it must be a number of pictures, at least 2")
            mean, covariance = (entries[name].astype(np.float64) for name in ("mean", "covariance"))
            size = space.dimensions
            if mean.shape != (size,) or covariance.shape != (size, size):
                raise ValueError(
                    f"its arrays have shapes {mean.shape} and {covariance.shape} for {size} features"
                )
            if not np.isfinite(mean).all() or not np.isfinite(covariance).all():
                raise ValueError("it holds numbers that are not finite")
        return cls(mean, covariance, count, space, source)


def refuse_unlike(first: FeatureSpace, second: FeatureSpace) -> None:
    """Raise a SemsynthError that names every difference, if there is one."""
    a, b = asdict(first), asdict(second)
    if unlike := [f"{key} {a[key]} against {b[key]}" for key in a if a[key] != b[key]]:
        raise SemsynthError(
            f"These features cannot be compared: {'; '.join(unlike)}. Compute both sides with the same "
            "network and resizing."
        )


def refuse_few(count: int, least: int = FEWEST) -> None:
    """Raise a SemsynthError if a set is too small for any distance."""
    if count < least:
        raise SemsynthError(
            f"{count} pictures are too few for a distance between distributions: at least {least} are "
            "needed, and a Fréchet distance wants more pictures than features."
        )


def warn_few(count: int, space: FeatureSpace) -> str | None:
    """The warning a small set deserves, or None."""
    if count >= space.dimensions:
        return None
    return (
        f"{count} pictures for {space.dimensions} features of {space.network}: the Fréchet distance is "
        f"biased upwards below {space.dimensions} pictures and compares only with sets of the same count; "
        "trust the kernel distance more."
    )


def frechet_distance(first: Features | Statistics, second: Features | Statistics) -> float:
    """Fréchet distance between the Gaussians of two sets, in squared feature units.

    Raises:
        SemsynthError: The feature spaces differ, or a set is too small.
    """
    refuse_unlike(first.space, second.space)
    mean_a, root_a, trace_a = _gaussian(first)
    mean_b, root_b, trace_b = _gaussian(second)
    cross = np.linalg.svd(root_a @ root_b.T, compute_uv=False).sum()
    # Rounding may leave a value just below zero for two equal sets.
    return max(0.0, float(np.square(mean_a - mean_b).sum() + trace_a + trace_b - 2.0 * cross))


def _gaussian(data: Features | Statistics) -> tuple[Array, Array, float]:
    """Mean (D,), a root A (R,D) with A'A = covariance, and the covariance's trace."""
    if isinstance(data, Features) and len(data) <= data.values.shape[1]:
        refuse_few(len(data))
        mean = data.values.mean(axis=0)
        root = (data.values - mean) / np.sqrt(len(data) - 1)
        return mean, root, float(np.square(root).sum())
    statistics = data if isinstance(data, Statistics) else Statistics.of(data)
    eigenvalues, vectors = np.linalg.eigh(statistics.covariance)
    root = np.sqrt(np.maximum(eigenvalues, 0.0))[:, None] * vectors.T
    return statistics.mean, root, float(np.trace(statistics.covariance))


def halves(count: int, splits: int, seed: int) -> Iterator[tuple[Indices, Indices]]:
    """Random halvings of so many pictures, as their numbers."""
    rng = np.random.default_rng(seed)
    for _ in range(splits):
        order = rng.permutation(count)
        yield order[: count // 2], order[count // 2 : 2 * (count // 2)]


def at_half_count(real: Features, made: Features, *, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """A distance and its floor at equal counts.

    The photographs are split at random into halves A and B. The floor is the Fréchet distance of A to B, all
    photographs; beside it stands the distance of the pictures made for the maps of A to the photographs B.
    The bias of small sets is the same in both, so their ratio means something where the plain value does not.
    The features of the pictures are in the order of their photographs.

    Returns:
        The mean distance of the pictures over the splits, and the mean floor.

    Raises:
        SemsynthError: The feature spaces or the counts differ, or a set is too small.
    """
    refuse_unlike(real.space, made.space)
    if len(real) != len(made):
        raise SemsynthError(f"{len(made)} pictures for {len(real)} photographs: one for each is needed.")
    distances, floors = zip(
        *(
            [frechet_distance(of.subset(a), real.subset(b)) for of in (made, real)]
            for a, b in halves(len(real), splits, seed)
        )
    )
    return float(np.mean(distances)), float(np.mean(floors))
