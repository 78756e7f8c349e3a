"""How often a linear classifier tells pictures from photographs (Lopez-Paz and Oquab 2017).

The classifier is a ridge regression to +1 (picture) and -1 (photograph) on features that are standardized by
the training folds. 0.5 is chance. There are ten folds. The picture and the photograph of one label map are
always in one fold: otherwise the classifier would have seen the photograph of a picture that it scores, with
the opposite label.

With Z (2n, D) the standardized features, the weights are Z' (ZZ' / D + r I)^-1 y / D. The mean of the
diagonal of ZZ' / D is 1, so the same few r serve every feature space. r is chosen inside the training folds,
so that the scores of pairs that are left out correlate best with y. They have a closed form: with H the
matrix that fits y, B the two rows of a pair and e their residuals, their errors are (I - H_BB)^-1 e_B.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from semsynth.errors import SemsynthError
from semsynth.evaluation.frechet import (
    FEWEST,
    Array,
    Features,
    Indices,
    halves,
    refuse_few,
    refuse_unlike,
)

FOLDS = 10
RIDGES = (10.0, 1.0, 0.1, 0.01, 0.001)
"""The values of r that are tried."""
FEWEST_MAPS = 10
"""A class that fewer maps have has no entry."""


@dataclass(frozen=True)
class Classifier:
    """The classifier of one fold.

    Attributes:
        held_out: Numbers of the pairs that it has not seen.
        center: (D,) Mean of the training features.
        weights: (D,) A positive score (x - center) @ weights means a picture.
    """

    held_out: Indices
    center: Array
    weights: Array


def fold_classifiers(
    made: Array, real: Array, *, folds: int = FOLDS, seed: int = 0, ridges: Sequence[float] = RIDGES
) -> Iterator[Classifier]:
    """Train one classifier for each fold of pairs; rows i of `made` (N, D) and `real` (N, D) are a pair."""
    order = np.random.default_rng(seed).permutation(len(made))
    for fold in range(folds):
        train = np.delete(order, slice(fold, None, folds))
        x = np.concatenate([made[train], real[train]])  # (2n, D)
        target = np.repeat([1.0, -1.0], len(train))
        center, scale = x.mean(axis=0), x.std(axis=0)
        scale[scale < 1e-12 * np.abs(x).max(axis=0)] = np.inf  # a constant feature says nothing
        z = (x - center) / scale / np.sqrt(x.shape[1])
        values, vectors = _spectrum(z)
        projected = vectors.T @ target
        ridge = max(ridges, key=lambda r: _left_out_correlation(values, vectors, target, r))
        weights = z.T @ (vectors @ (projected / (values + ridge)))
        yield Classifier(order[fold::folds], center, weights / scale / np.sqrt(x.shape[1]))


def _spectrum(z: Array) -> tuple[Array, Array]:
    """The eigenvalues (R,) of ZZ' that are not 0, and their vectors (2n, R); the smaller product is taken."""
    if len(z) <= z.shape[1]:
        values, vectors = np.linalg.eigh(z @ z.T)
        keep = values > 1e-10 * values[-1]
        return values[keep], vectors[:, keep]
    values, right = np.linalg.eigh(z.T @ z)
    keep = values > 1e-10 * values[-1]
    return values[keep], z @ right[:, keep] / np.sqrt(values[keep])


def _left_out_correlation(values: Array, vectors: Array, target: Array, ridge: float) -> float:
    """Correlation of the target with the scores of each pair by the classifier of all other pairs."""
    count, shrink = len(target) // 2, values / (values + ridge)
    residual = (target - vectors @ (shrink * (vectors.T @ target))).reshape(2, count)
    mean = 1 / len(target)  # what the mean adds to H
    own = 1 - mean - (np.square(vectors) @ shrink).reshape(2, count)
    other = -mean - (vectors[:count] * vectors[count:]) @ shrink
    errors = (own[::-1] * residual - other * residual[::-1]) / (own[0] * own[1] - other**2)
    scores = target - errors.ravel()
    length = float(np.linalg.norm(scores))
    return float(scores @ target) / length if length else 0.0


def two_sample_accuracy(made: Features, real: Features, *, seed: int = 0) -> tuple[float, float]:
    """How often pictures and photographs are told apart, over all folds; row i of both is of one label map.

    Returns:
        The accuracy, 0..1, and its standard error over pairs.

    Raises:
        SemsynthError: The feature spaces or the counts differ, or there are fewer than 16 pairs.
    """
    refuse_unlike(made.space, real.space)
    if len(made) != len(real):
        raise SemsynthError(f"{len(made)} pictures for {len(real)} photographs: one for each is needed.")
    refuse_few(len(made))
    right = np.empty(len(made))
    for fold in fold_classifiers(made.values, real.values, seed=seed):
        scores = [(of.values[fold.held_out] - fold.center) @ fold.weights for of in (made, real)]
        right[fold.held_out] = ((scores[0] > 0) + (scores[1] < 0).astype(float)) / 2
    return float(right.mean()), float(right.std(ddof=1) / np.sqrt(len(right)))


def halves_accuracy(real: Features, *, splits: int = 10, seed: int = 0) -> tuple[float, float]:
    """The accuracy between two random halves of the photographs: mean and deviation over the splits.

    Raises:
        SemsynthError: There are fewer than 32 photographs.
    """
    refuse_few(len(real), 2 * FEWEST)
    accuracies = [
        two_sample_accuracy(real.subset(a), real.subset(b), seed=seed)[0]
        for a, b in halves(len(real), splits, seed)
    ]
    return float(np.mean(accuracies)), float(np.std(accuracies))


@dataclass(frozen=True)
class ClassFeatures:
    """Features of pictures, averaged over the pixels of each class that a picture has: M rows in all.

    Attributes:
        pictures: (M,) Number of the picture, ascending from 0.
        classes: (M,) Number of the class.
        areas: (M,) The class's share of the picture's area. The sum over a picture of areas times values is
            the feature of the whole picture.
        values: (M, D) Means.
    """

    pictures: npt.NDArray[np.int64]
    classes: npt.NDArray[np.int64]
    areas: Array
    values: Array

    def whole(self) -> Array:
        """Features (N, D) of the whole pictures."""
        total = np.zeros((int(self.pictures[-1]) + 1, self.values.shape[1]))
        np.add.at(total, self.pictures, self.areas[:, None] * self.values)
        return total


def class_entries(
    made: ClassFeatures, real: ClassFeatures, names: Sequence[str], *, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Which classes give the pictures away; both sets are of the same label maps.

    The classifier is linear and its features are means over positions, so the difference between the scores
    of a picture and its photograph is a sum over their classes: area times difference of the class. The
    classifier is that of whole pictures, trained on the folds without the pair.

    Returns:
        By class, for those of at least 10 maps: "maps"; "area", its share of all pixels; "gap", its share of
        the sum of all differences; "told", the share of its maps on which the class of the picture scores
        above that of the photograph (0.5 is chance).
    """
    score = np.empty(len(made.pictures))  # of each row: how far the picture is above the photograph
    for fold in fold_classifiers(made.whole(), real.whole(), seed=seed):
        rows = np.isin(made.pictures, fold.held_out)
        score[rows] = (made.values[rows] - real.values[rows]) @ fold.weights
    gap, pictures = float((score * made.areas).sum()), int(made.pictures[-1]) + 1
    entries = {}
    for number, name in enumerate(names):
        rows = made.classes == number
        if (maps := int(rows.sum())) >= FEWEST_MAPS:
            entries[name] = {
                "maps": maps,
                "area": float(made.areas[rows].sum() / pictures),
                "gap": float((score[rows] * made.areas[rows]).sum()) / gap if gap else 0.0,
                "told": float((np.sign(score[rows]) + 1).mean() / 2),
            }
    return entries
