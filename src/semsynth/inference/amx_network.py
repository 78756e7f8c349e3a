"""A whole SPADE generator on the processor's matrix unit; its blocks are those of `amx.py`."""

import ctypes
import sys
from dataclasses import dataclass
from itertools import repeat
from typing import cast

import torch
from torch import Tensor, nn

from semsynth.inference.amx_blocks import AmxBlock, BlockBuffers, BlockTables, packed, tap_steps
from semsynth.models.spade import SpadeGenerator
from semsynth.ops.amx import AmxProduct, Frame, available, num_blocks
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.pyramid import LabelPyramid
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade, SpadeResBlock


@dataclass
class Workspace:
    """Planes of a whole network for one size of maps; they hold the latest picture's features.

    Attributes:
        frames: of the stem's result and of every block's.
        stem: the first block's input.
        blocks: what every block leaves behind.
        image_steps: of the convolution that makes the picture.
        noise_offset: of the fixed noise that the blocks hold, None before `AmxNetwork.set_noise`.
    """

    frames: list[Frame]
    stem: Tensor
    blocks: list[BlockBuffers]
    image_steps: Tensor
    noise_offset: Tensor | None = None


class AmxNetwork:
    """A `SpadeGenerator` on the matrix unit. Its large weights move here: the generator keeps none of them.

    Args:
        generator: in evaluation mode, spectral norm folded.
    """

    def __init__(self, generator: SpadeGenerator) -> None:
        self.generator = generator
        self.blocks = []
        noise = repeat(None) if generator.noise is None else cast(list[nn.Conv2d], generator.noise.to_blocks)
        for block, upsample, to_block in zip(generator.blocks, generator.upsample, noise):
            assert isinstance(block, SpadeResBlock)
            self.blocks.append(AmxBlock(block, upsample, generator.num_classes, to_block))
            _forget_weights(block)
        _return_freed_memory()
        self.to_image = AmxProduct(packed(generator.to_image), cast(Tensor, generator.to_image.bias))
        self._workspace: Workspace | None = None

    def frames(self, pyramid: LabelPyramid) -> list[Frame]:
        """Of the stem's result and of every block's."""
        labels, stride = pyramid.full.labels, self.generator.stride
        frames = [Frame(labels.shape[0], labels.shape[1] // stride, labels.shape[2] // stride)]
        for block in self.blocks:
            last, scale = frames[-1], 2 if block.upsample else 1
            frames.append(last if scale == 1 else Frame(last.batch, 2 * last.height, 2 * last.width))
        return frames

    def tables(self, pyramid: LabelPyramid) -> list[BlockTables]:
        """The tables of every block."""
        made = []
        for block, frame in zip(self.blocks, self.frames(pyramid)[1:]):
            plan = pyramid.at(frame.height, frame.width).plan(block.tables[0].kernel_size)
            made.append(BlockTables([table.of(plan) for table in block.tables], frame.framed(plan.index)))
        return made

    def workspace(self, frames: list[Frame]) -> Workspace:
        """Planes for these sizes; those of the latest are kept."""
        if self._workspace is None or self._workspace.frames != frames:
            self._workspace = None
            self._workspace = self.new_workspace(frames)
        return self._workspace

    def new_workspace(self, frames: list[Frame]) -> Workspace:
        """Planes for these sizes that nobody else uses."""
        channels = self.blocks[0].in_channels
        kept = [block.planes(frame) for block, frame in zip(self.blocks, frames[1:])]
        steps = tap_steps(frames[-1], num_blocks(self.blocks[-1].out_channels))
        return Workspace(frames, frames[0].planes(channels), kept, steps)

    def set_noise(self, workspace: Workspace, offset: Tensor | None) -> None:
        """Write the fixed noise moved by (B, 2) rows and columns into the planes; needed before drawing."""
        offset = torch.zeros(1, 2, dtype=torch.int64) if offset is None else offset
        noise = self.generator.noise
        if noise is None or (workspace.noise_offset is not None and workspace.noise_offset.equal(offset)):
            return
        workspace.noise_offset = None  # an interrupted call leaves no offset that would be taken for valid
        for planes in workspace.blocks:
            frame = planes.frame
            frame.write(planes.noise, noise.at(frame.height, frame.width, offset).permute(0, 2, 3, 1))
        workspace.noise_offset = offset.clone()

    def draw(
        self, stem: Tensor, tables: list[BlockTables], style: Tensor | None, workspace: Workspace
    ) -> Tensor:
        """(B, 16w, h, w) stem → (B, 3, H, W) float32."""
        workspace.frames[0].write(workspace.stem, stem.permute(0, 2, 3, 1))
        frame = workspace.frames[-1]
        image = torch.empty(frame.batch, 3, frame.height, frame.width, dtype=torch.float32)
        picture = self.to_image.on_planes(
            workspace.blocks[-1].outputs, workspace.image_steps, frame.rows, image, frame
        )
        x = workspace.stem
        for block, kept, found in zip(self.blocks, workspace.blocks, tables):
            if block is self.blocks[-1]:
                block.run(x, kept, found, style, slope=SLOPE, picture=picture)
            else:
                x = block.run(x, kept, found, style)
        return image.tanh_()


def supports(generator: SpadeGenerator) -> bool:
    """Whether a `AmxNetwork` can draw what this generator draws: batch norm, and a matrix unit."""
    layers = [module for module in generator.modules() if isinstance(module, Spade)]
    return available() and all(isinstance(layer.norm, BatchNorm2d) for layer in layers)


def _forget_weights(block: SpadeResBlock) -> None:
    """Drop what is packed elsewhere; using it raises an error."""
    for module in block.modules():
        if isinstance(module, nn.Conv2d) and not isinstance(module, LabelConv2d):
            module.weight = nn.Parameter(module.weight.to("meta"), requires_grad=False)


def _return_freed_memory() -> None:
    """Give the system back what the dropped weights took; glibc would keep the smaller ones."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
