"""The features of the latest picture on the processor's matrix unit, see `canvas.py`."""

import torch
from torch import Tensor

from semsynth.inference.boxes import Box, whole
from semsynth.inference.canvas import GROWTH, Size
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.planes import BlockTables, PlaneNetwork, Room, Rows
from semsynth.ops.planes import Frame
from semsynth.ops.spade import SLOPE


class PlaneCanvas:
    """On planes; a part is a list of rows of pixels, whatever their number and length.

    Args:
        network: computes.
        room: whose planes are nobody else's.
    """

    axis = 1

    def __init__(self, network: PlaneNetwork, room: Room) -> None:
        self._network, self._room = network, room
        frame = room.frames[-1]
        self._raw = torch.zeros(1, 3, frame.height, frame.width)
        self._picture = torch.zeros_like(self._raw)

    def makers(self, block: int) -> list[MakeTable]:
        """See `Canvas`."""
        return [table.of for table in self._network.blocks[block].tables]

    def index(self, size: Size) -> Tensor:
        """See `Canvas`."""
        return torch.zeros(size[0] + 2, size[1] + 2, dtype=torch.int32)[1:-1, 1:-1]

    def start(self, x: Tensor) -> None:
        """See `Canvas`."""
        self._room.frames[0].write(self._room.stem, x.permute(0, 2, 3, 1))

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Tensor | None
    ) -> None:
        """See `Canvas`."""
        planes = self._room.blocks[block]
        last = block + 1 == len(self._network.blocks)
        inputs, middle, outputs = (_rows(boxes, grow, planes.frame) for grow in (0, 1, GROWTH))
        framed = level.index.as_strided((planes.frame.positions,), (1,), 0)
        self._network.blocks[block].run(
            self._room.stem if block == 0 else self._room.blocks[block - 1].outputs,
            planes,
            BlockTables(tables, framed),
            style,
            rows=Rows(inputs, middle, outputs),
            slope=SLOPE if last else 1.0,
        )

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `Canvas`."""
        room = self._room
        features, frame = room.blocks[-1].outputs, room.frames[-1]
        if boxes:
            rows = _rows(boxes, 0, frame)
            self._network.to_image(features, room.image_steps, rows, self._raw, frame=frame)
        for box in boxes:
            self._picture[(..., *box.window)] = self._raw[(..., *box.window)].tanh()
        return self._picture


def _rows(boxes: list[Box], grow: int, frame: Frame) -> Tensor:
    size = (frame.height, frame.width)
    if boxes == [whole(size)]:
        return frame.rows
    parts = [box.grown(grow, size) for box in boxes]
    return torch.cat([frame.box(part.top, part.bottom, part.left, part.right) for part in parts])
