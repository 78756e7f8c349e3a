"""The features of the latest picture on the processor's matrix unit, see `canvas.py`."""

import numpy as np
import torch
from torch import Tensor

from semsynth.inference.boxes import Box, whole
from semsynth.inference.canvas import GROWTH, Size
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.plane_network import PlaneNetwork, Room
from semsynth.inference.planes import BlockTables, Rows
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
        self._raw = torch.zeros(1, 3, frame.height, frame.width, dtype=torch.float32)
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

    def set_noise(self, offset: Tensor | None) -> None:
        """See `Canvas`."""
        self._network.set_noise(self._room, offset)

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Tensor | None
    ) -> None:
        """See `Canvas`."""
        planes = self._room.blocks[block]
        last = block + 1 == len(self._network.blocks)
        rows = None
        if boxes != [whole((planes.frame.height, planes.frame.width))]:
            rows = Rows(*(_rows(boxes, grow, planes.frame) for grow in (0, 1, GROWTH)))
        framed = level.index.as_strided((planes.frame.positions,), (1,), 0)
        self._network.blocks[block].run(
            self._room.stem if block == 0 else self._room.blocks[block - 1].outputs,
            planes,
            BlockTables(tables, framed),
            style,
            rows=rows,
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
    """The rows of boxes that reach so many pixels farther, see `Frame.rows`."""
    parts = [box.grown(grow, (frame.height, frame.width)) for box in boxes]
    rows = np.empty((sum(part.bottom - part.top for part in parts), 2), np.int32)
    at = 0
    for part in parts:
        to = at + part.bottom - part.top
        rows[at:to, 0] = np.arange(part.top + 1, part.bottom + 1) * (frame.width + 2) + part.left + 1
        rows[at:to, 1] = part.right - part.left
        at = to
    return torch.from_numpy(rows)
