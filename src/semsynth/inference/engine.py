"""A trained SPADE generator for drawing only: the same picture from less work.

Three quarters of SPADE's arithmetic depend on the label map alone. The engine computes that part once per
distinct label patch, in tables, and keeps them while the map stays the same or changes little. Drawing is one
operation, `Backend.repaint`: of every pixel for another map or another style, of the pixels that can have
changed after a stroke.

In evaluation mode a SPADE network is local: batch norm is a constant scale, so a pixel of a layer depends on
few pixels of the layer below and on the label window around it. Most strokes are small, and nearest sampling
passes most of them by at the small resolutions, where a pixel stands for much of the picture.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from semsynth.inference.backend import GROWTH, Backend, Size
from semsynth.inference.boxes import Box, cover, merged, sampled, whole
from semsynth.inference.exclusive import OneAtATime
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles
from semsynth.inference.weights import LabelTable, is_local, without_blocks
from semsynth.models.spade import SpadeGenerator, by_class
from semsynth.ops.pyramid import LabelPyramid
from semsynth.ops.spade import Spade

Keep = Literal["tables", "features"]

_ANOTHER_MAP = 0.5  # changed share of the label map from which on it is taken for another one


@dataclass
class _Drawing:
    """The latest picture and all that it was made of.

    Attributes:
        symbols: (H, W) int32 the label map, see `LabelLevel.symbols`.
        style: of all classes, or None.
        noise_offset: (1, 2), or None.
        stem: the labels' part of the stem, or None.
        levels: by size.
        tables: per block, which of its level's tables belong to it.
    """

    symbols: Tensor
    style: Styles | None
    noise_offset: Tensor | None
    stem: Tensor | None
    levels: dict[Size, EditedLevel]
    tables: list[slice]


class Engine:
    """Draws what a generator draws, each picture from the one before where it can.

    Threads that draw with one engine wait for each other: there is one picture's tables and features. Each
    gets its own pictures.

    Args:
        generator: stays as it is; the engine has what it needs in copies of its own.
        backend: that of the same generator.
        keep: of the latest picture: "tables", the labels' part of the work; "features" too, so that after a
            small change of the map only what depends on it is computed. Both draw the same pictures.

    Attributes:
        sizes: of the stem's result and of every block's, of the latest map.
    """

    def __init__(self, generator: SpadeGenerator, backend: Backend, keep: Keep = "tables") -> None:
        self.backend, self.keep = backend, keep
        self._is_local = is_local(generator)
        self._modulates = any(
            layer.style is not None for layer in generator.modules() if isinstance(layer, Spade)
        )
        self._kernel_size = next(
            layer.shared.kernel_size[0] for layer in generator.modules() if isinstance(layer, Spade)
        )
        self._stem: LabelTable | None = None
        if generator.stem_labels is not None:
            self._stem = LabelTable.of(generator.stem_labels, generator.num_classes)
        self._generator = without_blocks(generator)
        self.sizes: list[Size] = []
        self._drawing: _Drawing | None = None
        self._in_use = OneAtATime()

    @torch.inference_mode()
    def __call__(
        self,
        labels: Tensor,
        *,
        style: Tensor | None = None,
        instances: Tensor | None = None,
        noise_offset: Tensor | None = None,
    ) -> Tensor:
        """Draw, one map after the other.

        Args:
            labels: (B, H, W) int64.
            style: (B, Z) or (B, K, Z), a row per class, for a network with a style.
            instances: (B, H, W).
            noise_offset: (B, 2) or (1, 2), for a network with fixed noise.

        Returns:
            (B, 3, H, W) float32 in [-1, 1].

        Raises:
            SemsynthError: as the generator.
        """
        pyramid = self._generator.pyramid(labels.cpu(), None if instances is None else instances.cpu())
        self._generator.check_appearance(len(labels), style, noise_offset)
        style = None if self._generator.style_dim is None else style
        noise_offset = noise_offset if self._generator.noise_period else None
        pictures = []
        with self._in_use:
            for i, one in enumerate(pyramid.maps()):
                its_style = None if style is None else Styles.of(style[i].cpu(), self._generator.num_classes)
                picture = self._draw(one, its_style, _row(noise_offset, i))
                pictures.append(picture.clone())
        return pictures[0] if len(pictures) == 1 else torch.cat(pictures)

    def forget(self) -> None:
        """Drop what is kept of the latest map: the next picture is drawn from nothing."""
        with self._in_use:
            self._drawing = None

    def _draw(self, pyramid: LabelPyramid, style: Styles | None, noise_offset: Tensor | None) -> Tensor:
        """Draw one map, (1, 3, H, W), from the latest picture where it is near to that."""
        drawing, self._drawing = self._drawing, None  # a call that fails leaves nothing to go on from
        symbols = pyramid.full.symbols[0].int()
        boxes = None if drawing is None else _changes(drawing.symbols, symbols)
        stem: list[Box] = []
        modulated: dict[Size, list[Box]] = {}
        if drawing is None or boxes is None:
            drawing = None  # the tables of two maps are never held
            drawing, everything = self._begin(pyramid, symbols), True
        else:
            stem, modulated = self._follow(drawing, pyramid, symbols, boxes)
            everything = self.keep == "tables" or not same(noise_offset, drawing.noise_offset)
            if not everything:
                self._restyle(drawing, pyramid, style, stem, modulated)
                everything = not self._is_local and bool(stem or any(modulated.values()))
        drawing.style, drawing.noise_offset = style, _kept(noise_offset)
        picture = self._repaint(drawing, pyramid, [whole(self.sizes[0])] if everything else stem, modulated)
        self._drawing = drawing
        return picture

    def _begin(self, pyramid: LabelPyramid, symbols: Tensor) -> _Drawing:
        """All tables of a map, and room for the features where the latest map had another size."""
        stride = self._generator.stride
        sizes = [(pyramid.full.size[0] // stride, pyramid.full.size[1] // stride)]
        for upsample in self._generator.upsample:
            scale = 2 if upsample else 1
            sizes.append((sizes[-1][0] * scale, sizes[-1][1] * scale))
        if sizes != self.sizes:
            self.sizes = []
            self.backend.resize(sizes, self.keep == "features")
            self.sizes = sizes
        tables_for: dict[Size, list[MakeTable]] = {}
        tables = []
        for block, size in enumerate(sizes[1:]):
            of_size, own = tables_for.setdefault(size, []), self.backend.tables_for(block)
            tables.append(slice(len(of_size), len(of_size) + len(own)))
            of_size += own
        levels = {
            size: EditedLevel(
                pyramid.at(*size), self._kernel_size, own, self.backend.axis, self.backend.index(size)
            )
            for size, own in tables_for.items()
        }
        return _Drawing(symbols, None, None, self._stem_labels(pyramid), levels, tables)

    def _follow(
        self, drawing: _Drawing, pyramid: LabelPyramid, symbols: Tensor, boxes: list[Box]
    ) -> tuple[list[Box], dict[Size, list[Box]]]:
        """Follow a map that has changed in these boxes.

        Returns:
            boxes around what has changed in the first block's input, and per size in the modulations.
        """
        changed = (drawing.symbols != symbols).numpy()
        drawing.symbols = symbols
        seen = {
            size: [part for box in boxes if (part := sampled(changed, box, size))]
            for size in dict.fromkeys(self.sizes)
        }
        modulated = {size: level.edit(symbols, seen[size]) for size, level in drawing.levels.items()}
        smallest = self.sizes[0]
        if seen[smallest]:
            drawing.stem = self._stem_labels(pyramid)
        return [box.grown(1, smallest) for box in seen[smallest]], modulated

    def _restyle(
        self,
        drawing: _Drawing,
        pyramid: LabelPyramid,
        style: Styles | None,
        stem: list[Box],
        modulated: dict[Size, list[Box]],
    ) -> None:
        """Add to the boxes of `_follow` those of the classes that have another style than before."""
        if style is None or drawing.style is None:
            return
        classes = style.changed(drawing.style)
        if not classes.any():
            return
        restyled = classes[pyramid.full.labels[0]].numpy()
        boxes = cover(restyled)
        for size in dict.fromkeys(self.sizes):
            seen = [part for box in boxes if (part := sampled(restyled, box, size))]
            if size == self.sizes[0]:
                stem += seen
            if self._modulates and size in modulated:
                modulated[size] += seen

    def _stem_labels(self, pyramid: LabelPyramid) -> Tensor | None:
        """The labels' part of the stem (1, 16w, h, w), or None."""
        if self._stem is None:
            return None
        plan = pyramid.at(*self.sizes[0]).plan(3)
        return self._stem(plan.patches)[plan.centres[plan.index]].permute(0, 3, 1, 2)

    def _style_grid(self, pyramid: LabelPyramid, style: Styles | None, offset: Tensor | None) -> Tensor:
        """See `SpadeGenerator.style_grid`."""
        assert style is not None  # it was checked
        grids = style.each(lambda vector: self._generator.style_grid(pyramid, vector, offset))
        if len(grids) == 1:
            return grids
        return by_class(grids[None], style.of_class.long()[pyramid.at(*self.sizes[0]).labels])

    def _repaint(
        self, drawing: _Drawing, pyramid: LabelPyramid, stem: list[Box], modulated: dict[Size, list[Box]]
    ) -> Tensor:
        """Go through the blocks with what has changed.

        Args:
            drawing: with its levels, style and noise offset up to date.
            pyramid: the map.
            stem: boxes that are to change in what goes into the first block.
            modulated: per size, boxes of pixels that have another modulation.
        """
        changed, style = stem, drawing.style
        self.backend.set_noise(drawing.noise_offset)
        if stem:
            x = drawing.stem
            if self._generator.stem_style is not None:
                grid = self._style_grid(pyramid, style, drawing.noise_offset)
                x = grid if x is None else x + grid
            assert x is not None  # the stem sees labels, a style, or both
            self.backend.start(x)
        for block, (size, upsample) in enumerate(zip(self.sizes[1:], self._generator.upsample)):
            boxes = [box.scaled(2) if upsample else box for box in changed] + modulated.get(size, [])
            boxes = merged(boxes, GROWTH + 1, size)
            if boxes:
                level = drawing.levels[size]
                self.backend.repaint(block, boxes, level, level.tables[drawing.tables[block]], style)
            changed = [box.grown(GROWTH, size) for box in boxes]
        return self.backend.picture([box.grown(1, self.sizes[-1]) for box in changed])


def same(a: Tensor | None, b: Tensor | None) -> bool:
    """Whether two tensors, or what is none, are equal."""
    return a is b if a is None or b is None else torch.equal(a, b)


def _row(values: Tensor | None, index: int) -> Tensor | None:
    """Row `index` kept as a batch of one; a single row serves all. On the CPU."""
    return None if values is None else values[index % len(values)].unsqueeze(0).cpu()


def _kept(values: Tensor | None) -> Tensor | None:
    """A copy: what the caller does to its tensor later is no change of the picture's."""
    return None if values is None else values.clone()


def _changes(before: Tensor, now: Tensor) -> list[Box] | None:
    """Boxes around what differs between two maps (H, W); None where the second is another map."""
    if before.shape != now.shape:
        return None
    boxes = cover((before != now).numpy())
    return None if sum(box.area for box in boxes) > _ANOTHER_MAP * now.numel() else boxes
