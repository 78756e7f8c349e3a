"""The features of the latest picture on the processor's matrix unit, see `cache.py`."""

import numpy as np
import torch
from torch import Tensor

from semsynth.inference.amx_blocks import BlockTables, Rows
from semsynth.inference.amx_network import AmxNetwork, Workspace
from semsynth.inference.boxes import Box, whole
from semsynth.inference.feature_cache import GROWTH, Size
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.ops.amx import Frame
from semsynth.ops.spade import SLOPE


class AmxFeatureCache:
    """On planes; a part is a list of rows of pixels, whatever their number and length.

    Args:
        network: computes.
        workspace: whose planes are nobody else's.
    """

    axis = 1

    def __init__(self, network: AmxNetwork, workspace: Workspace) -> None:
        self._network, self._workspace = network, workspace
        frame = workspace.frames[-1]
        self._raw = torch.zeros(1, 3, frame.height, frame.width, dtype=torch.float32)
        self._picture = torch.zeros_like(self._raw)

    def tables_for(self, block: int) -> list[MakeTable]:
        """See `FeatureCache`."""
        return [table.of for table in self._network.blocks[block].tables]

    def index(self, size: Size) -> Tensor:
        """See `FeatureCache`."""
        return torch.zeros(size[0] + 2, size[1] + 2, dtype=torch.int32)[1:-1, 1:-1]

    def start(self, x: Tensor) -> None:
        """See `FeatureCache`."""
        self._workspace.frames[0].write(self._workspace.stem, x.permute(0, 2, 3, 1))

    def set_noise(self, offset: Tensor | None) -> None:
        """See `FeatureCache`."""
        self._network.set_noise(self._workspace, offset)

    def repaint(
        self, block: int, boxes: list[Box], level: EditedLevel, tables: list[Tensor], style: Tensor | None
    ) -> None:
        """See `FeatureCache`."""
        planes = self._workspace.blocks[block]
        last = block + 1 == len(self._network.blocks)
        rows = None
        if boxes != [whole((planes.frame.height, planes.frame.width))]:
            rows = Rows(*(_rows(boxes, grow, planes.frame) for grow in (0, 1, GROWTH)))
        framed = level.index.as_strided((planes.frame.positions,), (1,), 0)
        self._network.blocks[block].run(
            self._workspace.stem if block == 0 else self._workspace.blocks[block - 1].outputs,
            planes,
            BlockTables(tables, framed),
            style,
            rows=rows,
            slope=SLOPE if last else 1.0,
        )

    def picture(self, boxes: list[Box]) -> Tensor:
        """See `FeatureCache`."""
        workspace = self._workspace
        features, frame = workspace.blocks[-1].outputs, workspace.frames[-1]
        if boxes:
            rows = _rows(boxes, 0, frame)
            self._network.to_image(features, workspace.image_steps, rows, self._raw, frame=frame)
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
