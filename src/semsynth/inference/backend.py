"""What computes for the engine: the protocol, and how far a change of the input reaches."""

from typing import Protocol

from torch import Tensor

from semsynth.inference.boxes import Box
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles

GROWTH = 2
"""How many pixels farther a change reaches after a block: one for each of its two 3x3 convolutions."""

Size = tuple[int, int]


class Backend(Protocol):
    """The blocks of one generator, and the features of one picture.

    A backend is built from a generator, which it leaves as it is: what it needs of the weights it copies, see
    `weights`. What it computes for a pixel does not depend on which other pixels are computed with it: its
    tiles stand on an absolute grid and its sums run in a fixed order. So a part computed anew is to the bit
    what it is in a full picture.

    The engine calls `resize`, then for every picture `set_noise`, `start` where the first block's input has
    changed, `repaint` for each block in order, and `picture`. One thread calls at a time.

    Attributes:
        axis: of the tables, along which they have a row per window, see `EditedLevel`.
    """

    axis: int

    def tables_for(self, block: int) -> list[MakeTable]:
        """What makes the tables of a block: of its first modulation, its second, and the shortcut's."""
        ...

    def index(self, size: Size) -> Tensor:
        """(h, w) int32 in which an `EditedLevel` keeps every pixel's row of the tables."""
        ...

    def resize(self, sizes: list[Size], keep: bool) -> None:
        """Make room for features; those of before are lost.

        Args:
            sizes: (h, w) of the stem's result, then of every block's.
            keep: every block's features must last until the next picture. Else every picture is computed
                whole, and blocks may share memory.
        """
        ...

    def set_noise(self, offset: Tensor | None) -> None:
        """Move the fixed noise by (1, 2) int64 rows and columns, None is none.

        After a change the engine computes the whole picture anew.
        """
        ...

    def start(self, x: Tensor) -> None:
        """Take the first block's input, (1, C, h, w) float32."""
        ...

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Styles | None
    ) -> None:
        """Compute a block's result where its input or its modulation has changed.

        Args:
            block: counted from 0.
            boxes: pixels of the block's result below which the input (doubled, where the block doubles) or
                the modulation has changed. The result changes up to `GROWTH` pixels farther.
            level: of the block's size; its `index` names every pixel's row in the tables.
            tables: as `tables_for` made them.
            style: see `Styles`, or None.
        """
        ...

    def picture(self, boxes: list[Box]) -> Tensor:
        """Compute the picture anew in these boxes.

        Returns:
            all of it, (1, 3, H, W) float32 in [-1, 1]: the backend's own, not to be changed.
        """
        ...
