"""Finding, for each segment of a label map, the stored segments that would fit there.

Qi et al., CVPR 2018: mask IoU plus context IoU, both in absolute coordinates. Coarse bitmaps give a short
list by two matrix products; the short list is scored again at full resolution.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semsynth.models.sims.bank import CELL, SegmentBank, bitmap
from semsynth.models.sims.segments import Labels, Mask, Segment, enlarged, inside

CONTEXT_MARGIN = 0.25
"""How far the box in which the surroundings are compared reaches beyond the segment's, on every side."""

PICTURES_AT_ONCE = 2048


@dataclass(frozen=True)
class Match:
    """A stored segment and how well it fits.

    Attributes:
        row: its row in the bank.
        mask_iou: intersection over union of the masks.
        context_iou: the same of the label maps around the wanted segment.
    """

    row: int
    mask_iou: float
    context_iou: float

    @property
    def score(self) -> float:
        """The sum, 0..2."""
        return self.mask_iou + self.context_iou


def retrieve(
    bank: SegmentBank,
    labels: Labels,
    wanted: Sequence[Segment],
    *,
    count: int = 10,
    shortlist: int = 40,
    exclude: Iterable[int] = (),
) -> list[list[Match]]:
    """The best matches for each wanted segment, best first; an empty list where the bank has none of a class.

    Args:
        bank: where to look.
        labels: (H, W) the label map the segments are of, at the bank's size.
        wanted: its segments.
        count: matches kept for each.
        shortlist: candidates scored at full resolution.
        exclude: pictures of the bank not to take from (by number), e.g. the photograph itself.
    """
    if not wanted:
        return []
    boxes = [_context_box(segment, bank.size) for segment in wanted]
    context = coarse_context(bank, labels, boxes)  # (N,n)
    banned = np.fromiter(exclude, dtype=np.int64)
    results = []
    for i, segment in enumerate(wanted):
        rows = bank.by_class.get(segment.class_id, np.empty(0, np.intp))
        pictures = bank.segments[rows, 0]
        rows, pictures = (part[~np.isin(pictures, banned)] for part in (rows, pictures))
        scores = coarse_mask_iou(bank, rows, segment.mask) + context[pictures, i]
        best = rows[np.argsort(-scores, kind="stable")[:shortlist]]
        matches = [_match(bank, int(row), labels, segment, boxes[i]) for row in best]
        results.append(sorted(matches, key=lambda match: -match.score)[:count])
    return results


def coarse_mask_iou(bank: SegmentBank, rows: NDArray[np.intp], mask: Mask) -> NDArray[np.float32]:
    """IoU of stored bitmaps with that of a mask: (len(rows),)."""
    stored, query = bank.bitmaps(rows), bitmap(mask).astype(np.float32)
    both = stored @ query
    iou: NDArray[np.float32] = both / (stored.sum(1) + query.sum() - both)
    return iou


def coarse_context(bank: SegmentBank, labels: Labels, boxes: Sequence[Mask]) -> NDArray[np.float32]:
    """IoU of every stored label map with this one, inside each box, on the grid: (N, len(boxes))."""
    start = CELL // 2
    query = labels[start::CELL, start::CELL].ravel()
    grids = np.stack([box[start::CELL, start::CELL].ravel() for box in boxes], 1).astype(np.float32)
    sizes = grids.sum(0)
    parts = []
    for first in range(0, len(bank.cells), PICTURES_AT_ONCE):
        equal = (bank.cells[first : first + PICTURES_AT_ONCE] == query).astype(np.float32)  # (N,cells)
        agreeing = equal @ grids
        parts.append(agreeing / np.maximum(2 * sizes - agreeing, 1))
    return np.concatenate(parts)


def _context_box(segment: Segment, size: tuple[int, int]) -> Mask:
    margin = CONTEXT_MARGIN
    return inside(enlarged(segment.box, size, top=margin, sides=margin, bottom=margin), size)


def _match(bank: SegmentBank, row: int, labels: Labels, segment: Segment, box: Mask) -> Match:
    mask = bank.mask(row)
    both = int((mask & segment.mask).sum())
    union = int(mask.sum()) + segment.area - both
    agreeing = int((bank.labels[int(bank.segments[row, 0])][box] == labels[box]).sum())
    # Summed over classes: pixels that agree, over pixels that are of the class in either map.
    return Match(row, both / union, agreeing / (2 * int(box.sum()) - agreeing))
