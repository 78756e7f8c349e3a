"""Drawing the next picture from the last one: only what can have changed is computed.

In evaluation mode a SPADE network is local: batch norm is a constant scale, so a pixel of a layer depends on
few pixels of the layer below and on the label window around it. Most strokes are small, and nearest sampling
passes most of them by at the small resolutions, where a pixel stands for much of the picture. So a stroke
changes little, and the rest is exactly what it was.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from semsynth.inference.amx_cache import AmxFeatureCache
from semsynth.inference.boxes import Box, cover, merged, sampled, whole
from semsynth.inference.engine import Engine, SpadeEngine, same
from semsynth.inference.exclusive import OneAtATime
from semsynth.inference.feature_cache import GROWTH, FeatureCache, Size, TensorFeatureCache
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.pyramid import LabelPyramid
from semsynth.ops.spade import Spade

_ANOTHER_MAP = 0.5  # changed share of the label map from which on it is taken for another one


@dataclass
class _Drawing:
    """The latest picture and all that it was made of.

    Attributes:
        symbols: (H, W) int32 the label map, see `LabelLevel.symbols`.
        style: (1, Z), or None.
        noise_offset: (1, 2), or None.
        stem: the labels' part of the stem.
        levels: by size.
        tables: per block, which of its level's tables belong to it.
    """

    symbols: Tensor
    style: Tensor | None
    noise_offset: Tensor | None
    stem: Tensor | None
    levels: dict[Size, EditedLevel]
    tables: list[slice]


class IncrementalEngine:
    """A `SpadeEngine` that keeps its features: after a change, what depends on that alone is computed.

    The picture is the one drawn from nothing, to rounding; on the matrix unit to the bit. Threads that draw
    with one engine wait for each other, for there is one picture's features.

    Args:
        engine: computes; its weights are shared.
    """

    def __init__(self, engine: SpadeEngine) -> None:
        self.engine = engine
        layers = [module for module in engine.generator.modules() if isinstance(module, Spade)]
        self._is_local = all(isinstance(layer.norm, BatchNorm2d) for layer in layers)
        self._kernel_size = layers[0].shared.kernel_size[0]
        self._sizes: list[Size] = []  # of the stem's and of every block's result
        self._cache: FeatureCache | None = None
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
        """Draw, see `SpadeGenerator.forward`.

        Several maps at a time, and networks whose norm looks at the whole picture, are drawn from nothing.

        Args:
            labels: (B, H, W) int64.
            style: (B, Z), for a network with a style.
            instances: (B, H, W).
            noise_offset: (B, 2), for a network with fixed noise.

        Returns:
            (B, 3, H, W) float32 in [-1, 1].
        """
        if len(labels) != 1 or not self._is_local:
            return self.engine(labels, style=style, instances=instances, noise_offset=noise_offset)
        with self._in_use:
            return self._follow(self.engine.generator.pyramid(labels, instances), style, noise_offset)

    def _follow(self, pyramid: LabelPyramid, style: Tensor | None, noise_offset: Tensor | None) -> Tensor:
        """Draw one map, from the latest picture where it is near to that."""
        drawing, self._drawing = self._drawing, None  # a call that fails leaves nothing to go on from
        symbols = pyramid.full.symbols[0].int()
        changed = None
        if drawing is not None and drawing.symbols.shape == symbols.shape:
            changed = cover((drawing.symbols != symbols).numpy())
        if drawing is None or changed is None or _area(changed) > _ANOTHER_MAP * symbols.numel():
            drawing = self._begin(pyramid, symbols)
            drawing.style, drawing.noise_offset = _kept(style), _kept(noise_offset)
            picture = self._repaint(drawing, pyramid, [whole(self._sizes[0])], {})
        else:
            restyled = not (same(style, drawing.style) and same(noise_offset, drawing.noise_offset))
            drawing.style, drawing.noise_offset = _kept(style), _kept(noise_offset)
            picture = self._edit(drawing, pyramid, symbols, restyled, changed)
        self._drawing = drawing
        return picture.clone()

    def _begin(self, pyramid: LabelPyramid, symbols: Tensor) -> _Drawing:
        """All tables of a map, and room for the features where the latest map had another size."""
        cache = self._cache_for(pyramid)
        tables_for: dict[Size, list[MakeTable]] = {}
        tables = []
        for block, size in enumerate(self._sizes[1:]):
            of_size, own = tables_for.setdefault(size, []), cache.tables_for(block)
            tables.append(slice(len(of_size), len(of_size) + len(own)))
            of_size += own
        levels = {
            size: EditedLevel(pyramid.at(*size), self._kernel_size, own, cache.axis, cache.index(size))
            for size, own in tables_for.items()
        }
        return _Drawing(symbols, None, None, self.engine.stem_table(pyramid), levels, tables)

    def _cache_for(self, pyramid: LabelPyramid) -> FeatureCache:
        engine = self.engine
        stride = engine.generator.stride
        sizes = [(pyramid.full.size[0] // stride, pyramid.full.size[1] // stride)]
        for upsample in engine.generator.upsample:
            scale = 2 if upsample else 1
            sizes.append((sizes[-1][0] * scale, sizes[-1][1] * scale))
        if self._cache is None or self._sizes != sizes:
            self._cache, self._sizes = None, sizes
            if engine.amx is None:
                self._cache = TensorFeatureCache(engine, sizes[1:])
            else:
                self._cache = AmxFeatureCache(
                    engine.amx, engine.amx.new_workspace(engine.amx.frames(pyramid))
                )
        return self._cache

    def _edit(
        self,
        drawing: _Drawing,
        pyramid: LabelPyramid,
        symbols: Tensor,
        restyled: bool,
        boxes: list[Box],
    ) -> Tensor:
        """Follow a map that has changed in these boxes, and a style or a noise offset that may have."""
        changed = (drawing.symbols != symbols).numpy()
        drawing.symbols = symbols
        seen = {
            size: [part for box in boxes if (part := sampled(changed, box, size))]
            for size in dict.fromkeys(self._sizes)
        }
        modulated = {size: level.edit(symbols, seen[size]) for size, level in drawing.levels.items()}
        smallest = self._sizes[0]
        stem: list[Box] = []
        if self.engine.stem is not None and seen[smallest]:
            drawing.stem = self.engine.stem_table(pyramid)
            stem = [box.grown(self.engine.stem.kernel_size // 2, smallest) for box in seen[smallest]]
        return self._repaint(drawing, pyramid, [whole(smallest)] if restyled else stem, modulated)

    def _repaint(
        self,
        drawing: _Drawing,
        pyramid: LabelPyramid,
        stem: list[Box],
        modulated: dict[Size, list[Box]],
    ) -> Tensor:
        """Go through the blocks with what has changed.

        Args:
            drawing: with its levels, style and noise offset up to date.
            pyramid: the map.
            stem: boxes that are to change in what goes into the first block.
            modulated: per size, boxes of pixels that have another modulation.
        """
        cache, changed, style = self._cache, stem, drawing.style
        assert cache is not None  # since the drawing began
        cache.set_noise(drawing.noise_offset)
        if stem:
            cache.start(self.engine.start(pyramid, drawing.stem, style, drawing.noise_offset))
        upsamples = self.engine.generator.upsample
        for block, (size, upsample) in enumerate(zip(self._sizes[1:], upsamples)):
            boxes = [box.scaled(2) if upsample else box for box in changed] + modulated.get(size, [])
            boxes = merged(boxes, GROWTH + 1, size)
            if boxes:
                level = drawing.levels[size]
                cache.repaint(block, boxes, level, level.tables[drawing.tables[block]], style)
            changed = [box.grown(GROWTH, size) for box in boxes]
        return cache.picture([box.grown(1, self._sizes[-1]) for box in changed])


def follow(engine: Engine) -> Engine:
    """The same engine, drawing each picture from the one before where it can."""
    return IncrementalEngine(engine) if isinstance(engine, SpadeEngine) else engine


def _kept(values: Tensor | None) -> Tensor | None:
    """A copy: what the caller does to its tensor later is no change of the picture's."""
    return None if values is None else values.clone()


def _area(boxes: list[Box]) -> int:
    return sum(box.area for box in boxes)
