"""Plans and tables of one resolution that follow a label map while it is edited.

A stroke changes few windows. Those alone are numbered anew and get rows of their own behind the others; rows
that no pixel uses any more are dropped when the tables would have to grow.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from semsynth.inference.boxes import Box, merged
from semsynth.ops.pyramid import LabelLevel, PatchPlan, distinct_patches

MakeTable = Callable[[PatchPlan], Tensor]
"""A plan → gamma and beta of its distinct large windows, a row each along one axis of whatever layout."""

_SPARE = 1.5  # rows to have room for, in units of those in use
_LEAST_SPARE = 256


class EditedLevel:
    """The plan of one resolution and the tables of all layers there, for one label map.

    Args:
        level: the map at that resolution (1, h, w).
        kernel_size: of the convolutions inside SPADE.
        tables_for: one a table.
        axis: along which the tables have a row per window.
        index: (h, w) int32 to keep every pixel's row in.

    Attributes:
        tables: with more rows than are in use.
        used: how many rows are.
        classes: (used) int64, the class at the centre of each row's window.
    """

    def __init__(
        self, level: LabelLevel, kernel_size: int, tables_for: list[MakeTable], axis: int, index: Tensor
    ) -> None:
        self.size, self.index = level.size, index
        self.kernel_size, self.num_symbols = kernel_size, level.num_symbols
        self._num_classes = level.num_classes
        self._tables_for, self._axis = tables_for, axis
        plan = level.plan(kernel_size)
        index.copy_(plan.index[0])
        self.used = len(plan.neighbours)
        self.classes = self._classes(plan)
        self.tables = [make(plan) for make in tables_for]

    @property
    def reach(self) -> int:
        """How many pixels around a changed label see it."""
        return 2 * (self.kernel_size // 2)

    def edit(self, symbols: Tensor, changed: list[Box]) -> list[Box]:
        """Follow the map.

        Args:
            symbols: (H, W) int32 of the full map, see `LabelLevel.symbols`.
            changed: boxes around all pixels of this level that have another symbol than before.

        Returns:
            boxes around all pixels whose modulation may be another.
        """
        boxes = merged([box.grown(self.reach, self.size) for box in changed], self.reach, self.size)
        if not boxes:
            return []
        patches, neighbours, rows = [], [], []
        count = small = 0
        for box in boxes:
            near, far, row = self._number(symbols, box)
            rows.append(row + count)
            neighbours.append(torch.where(far > 0, far + small, 0))  # 0 stays: outside
            patches.append(near)
            count, small = count + len(far), small + len(near)
        self._reserve(count)
        plan = PatchPlan(torch.cat(patches), torch.cat(neighbours), self.index)
        for table, make in zip(self.tables, self._tables_for):
            table.narrow(self._axis, self.used, count).copy_(make(plan))
        for box, row in zip(boxes, rows):
            self.index[box.window] = row + self.used
        self.classes = torch.cat([self.classes, self._classes(plan)])
        self.used += count
        return boxes

    def _classes(self, plan: PatchPlan) -> Tensor:
        """(U) int64 the class at the centre of each large window; an instance edge is no other class."""
        symbols = plan.patches[plan.centres, self.kernel_size**2 // 2]
        return (symbols.long() - 1) % self._num_classes

    def _number(self, symbols: Tensor, box: Box) -> tuple[Tensor, Tensor, Tensor]:
        """The patches, neighbours and index of the pixels in a box, as in `PatchPlan`."""
        crop = box.grown(self.reach, self.size)
        rows = torch.arange(crop.top, crop.bottom) * symbols.shape[0] // self.size[0]
        columns = torch.arange(crop.left, crop.right) * symbols.shape[1] // self.size[1]
        ids, patches = distinct_patches(
            symbols[rows[:, None], columns][None], self.kernel_size, self.num_symbols
        )
        index, neighbours = distinct_patches(ids + 1, self.kernel_size, len(patches) + 1)
        top, left = box.top - crop.top, box.left - crop.left
        inside = index[0, top : top + box.bottom - box.top, left : left + box.right - box.left]
        kept, row = _renumbered(inside, len(neighbours))  # windows outside the box were cut off
        return patches, neighbours[kept], row

    def _reserve(self, count: int) -> None:
        """Make room for so many more rows."""
        if self.used + count <= self.tables[0].shape[self._axis]:
            return
        kept, index = _renumbered(self.index.cpu(), self.used)
        self.index.copy_(index)
        self.used, self.classes = len(kept), self.classes[kept]
        capacity = int(_SPARE * (self.used + count)) + _LEAST_SPARE
        for i, table in enumerate(self.tables):
            shape = list(table.shape)
            shape[self._axis] = capacity
            self.tables[i] = table.new_empty(shape)
            self.tables[i].narrow(self._axis, 0, self.used).copy_(
                table.index_select(self._axis, kept.to(table.device))
            )


def _renumbered(index: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Which of the numbers 0..count-1 occur, and the index in the order of those (int32)."""
    occurs = torch.zeros(count, dtype=torch.bool)
    occurs[index] = True
    numbers = occurs.cumsum(0, dtype=torch.int32) - 1
    return occurs.nonzero()[:, 0], numbers[index]
