"""Segmentation scores: one matrix of integer counts, and every number that is read off it.

Class indices here are the evaluator's: 0..K-1, and K stands for void, in the truth and in a prediction alike.
Two conventions for void are printed side by side, because papers differ and the gap is wide (the same weights
have been published with 81.9 % and measured with 93.5 % pixel accuracy on Cityscapes):

* ``ignored``: pixels whose truth is void are left out altogether.
* ``counted``: such a pixel is an error for whichever class was predicted there: it enters the denominator of
  the pixel accuracy and the union of the predicted class. Mean accuracy divides by the pixels of a class, so
  it is the same under both.

A class without a single true pixel needs a rule too, and evaluation codes differ. ``absent`` names it:

* ``truth``: the mean runs over the classes that occur in the truth (the same set for every method).
* ``union``: it runs over the classes that occur in the truth or in the prediction (a class that was only
  imagined scores 0 and so depends on the method).
* ``zero``: every class of the label set counts; one that never occurs scores 0.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from semsynth.errors import SemsynthError

AbsentRule = Literal["truth", "union", "zero"]
VoidRule = Literal["ignored", "counted"]
Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SegmentationScores:
    """What one convention makes of one confusion matrix; shares are 0..1.

    Attributes:
        miou: Mean intersection over union.
        pixel_accuracy: Share of pixels whose class was recognised.
        mean_accuracy: Mean over classes of the share of its own pixels that was recognised.
        class_iou: K values; None where the class occurs neither in the truth nor in the prediction.
        classes_averaged: How many classes the two means run over.
    """

    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    class_iou: tuple[float | None, ...]
    classes_averaged: int


class ConfusionMatrix:
    """Counts of (true class, predicted class), void included.

    Attributes:
        num_classes: K, without void.
        counts: (K+1, K+1) int64; row = truth, column = prediction, the last of each = void.
    """

    def __init__(self, num_classes: int, counts: Counts | None = None) -> None:
        self.num_classes = num_classes
        side = num_classes + 1
        counts = np.zeros((side, side), np.int64) if counts is None else counts
        if counts.shape != (side, side) or counts.dtype.kind not in "iu" or counts.min() < 0:
            raise SemsynthError(
                f"A confusion matrix of {num_classes} classes and void is {side} x {side} counts, "
                f"but these are {counts.shape} of {counts.dtype}, or some are negative."
            )
        self.counts: Counts = counts.astype(np.int64)

    def add(self, truth: npt.NDArray[np.integer], predicted: npt.NDArray[np.integer]) -> None:
        """Count one picture, or a batch of them.

        Args:
            truth: Class indices 0..K (K = void), any shape.
            predicted: The same shape and range.

        Raises:
            SemsynthError: The shapes differ, or an index lies outside 0..K.
        """
        if truth.shape != predicted.shape:
            raise SemsynthError(
                f"The truth is {truth.shape} and the prediction {predicted.shape}: both need the same size. "
                "Resize the prediction's logits before the arg-max, never the ids."
            )
        side = self.num_classes + 1
        for what, ids in (("truth", truth), ("prediction", predicted)):
            if ids.size and not (int(ids.min()) >= 0 and int(ids.max()) < side):
                raise SemsynthError(
                    f"The {what} holds class indices {ids.min()}..{ids.max()}; "
                    f"allowed are 0..{self.num_classes - 1}, and {self.num_classes} for void."
                )
        flat = truth.astype(np.int64).ravel() * side + predicted.astype(np.int64).ravel()
        self.counts += np.bincount(flat, minlength=side * side).reshape(side, side)

    def scores(self, void: VoidRule = "ignored", absent: AbsentRule = "truth") -> SegmentationScores:
        """Read the scores off the counts, in float64.

        Raises:
            SemsynthError: Nothing but void was counted.
        """
        k = self.num_classes
        hits = np.diag(self.counts)[:k].astype(np.float64)
        true = self.counts[:k].sum(axis=1).astype(np.float64)  # a void prediction is a miss of its true class
        rows = k + 1 if void == "counted" else k
        predicted = self.counts[:rows, :k].sum(axis=0).astype(np.float64)
        union = true + predicted - hits
        pixels = float(self.counts[:rows].sum())
        if not true.any():
            raise SemsynthError(
                "Not one pixel of the truth belongs to an evaluated class: there is nothing to score."
            )
        chosen = {"truth": true > 0, "union": union > 0, "zero": np.ones(k, bool)}[absent]
        iou = hits / np.maximum(union, 1)
        accuracy = hits / np.maximum(true, 1)
        return SegmentationScores(
            miou=float(iou[chosen].mean()),
            pixel_accuracy=float(hits.sum() / pixels),
            mean_accuracy=float(accuracy[chosen].mean()),
            class_iou=tuple(float(v) if u > 0 else None for v, u in zip(iou, union)),
            classes_averaged=int(chosen.sum()),
        )
