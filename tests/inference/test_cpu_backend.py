"""The engine's backend on our own convolutions: pictures, and parts of them to the bit."""

import pytest
import torch
from torch import Tensor

from semsynth.inference.backend import GROWTH, Size
from semsynth.inference.boxes import Box, cover, merged, sampled, whole
from semsynth.inference.cpu_backend import CpuBackend
from semsynth.inference.levels import EditedLevel, MakeTable
from semsynth.inference.styles import Styles
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import native
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.pyramid import LabelPyramid

pytestmark = pytest.mark.skipif(not native.available(), reason="needs the native kernels")

CLASSES = 5


class Canvas:
    """Goes through a backend as the engine does."""

    def __init__(
        self, generator: SpadeGenerator, labels: Tensor, style: Tensor | None, *, keep: bool
    ) -> None:
        self.generator, self.backend, self.style = generator, CpuBackend(generator), style
        height, width = (side // generator.stride for side in labels.shape[1:])
        self.sizes: list[Size] = [(height, width)]
        for upsample in generator.upsample:
            scale = 2 if upsample else 1
            self.sizes.append((self.sizes[-1][0] * scale, self.sizes[-1][1] * scale))
        self.backend.resize(self.sizes, keep)
        pyramid = generator.pyramid(labels, None)
        makers: dict[Size, list[MakeTable]] = {}
        self.slices = []
        for block, size in enumerate(self.sizes[1:]):
            of_size, own = makers.setdefault(size, []), self.backend.tables_for(block)
            self.slices.append(slice(len(of_size), len(of_size) + len(own)))
            of_size += own
        self.levels = {
            size: EditedLevel(pyramid.at(*size), 3, own, self.backend.axis, self.backend.index(size))
            for size, own in makers.items()
        }
        self.symbols = pyramid.full.symbols[0].clone()
        self.drawn = self._paint(pyramid, [whole(self.sizes[0])], {})

    def edit(self, labels: Tensor) -> Tensor:
        """Follow a map; the picture (1, 3, H, W)."""
        pyramid = self.generator.pyramid(labels, None)
        symbols = pyramid.full.symbols[0].clone()
        changed = (symbols != self.symbols).numpy()
        self.symbols = symbols
        boxes = cover(changed)
        seen = {size: [part for box in boxes if (part := sampled(changed, box, size))] for size in self.sizes}
        modulated = {size: level.edit(symbols, seen[size]) for size, level in self.levels.items()}
        return self._paint(pyramid, [box.grown(1, self.sizes[0]) for box in seen[self.sizes[0]]], modulated)

    def _paint(self, pyramid: LabelPyramid, stem: list[Box], modulated: dict[Size, list[Box]]) -> Tensor:
        changed = stem
        self.backend.set_noise(None)
        if stem:
            self.backend.start(self.generator.stem(pyramid, self.style))
        for block, size in enumerate(self.sizes[1:]):
            scale = 2 if self.generator.upsample[block] else 1
            boxes = [box.scaled(scale) for box in changed] + modulated.get(size, [])
            boxes = merged(boxes, GROWTH + 1, size)
            if boxes:
                level = self.levels[size]
                tables = level.tables[self.slices[block]]
                styles = None if self.style is None else Styles.of(self.style[0], CLASSES)
                self.backend.repaint(block, boxes, level, tables, styles)
            changed = [box.grown(GROWTH, size) for box in boxes]
        return self.backend.picture([box.grown(1, self.sizes[-1]) for box in changed]).clone()


def generator_of(**settings: object) -> SpadeGenerator:
    """A small network with statistics and weights that are nowhere the initial ones."""
    torch.manual_seed(0)
    generator = SpadeGenerator(num_classes=CLASSES, hidden=24, **settings)  # type: ignore[arg-type]
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
        for module in generator.modules():
            if isinstance(module, BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 2)
    return generator.eval().requires_grad_(False)


def labels_of(height: int, width: int) -> Tensor:
    coarse = torch.randint(
        0, CLASSES, (1, height // 8, width // 8), generator=torch.Generator().manual_seed(1)
    )
    return coarse.repeat_interleave(8, 1).repeat_interleave(8, 2)


KINDS = {
    "labels": {"width": 4},
    "tiny": {"width": 2, "upsamplings": 6},
    "style": {
        "width": 4, "stem": "labels+style", "style_dim": 6, "style_modulation": True, "noise_channels": 3,
    },
    "instance": {"width": 4, "norm": "instance"},
}  # fmt: skip


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_draws_what_the_generator_draws(kind: str, keep: bool) -> None:
    """No farther from float64 than twice the float32 generator is; which is left as it was."""
    generator = generator_of(**KINDS[kind])
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    labels = labels_of(128, 192)
    style = torch.randn(1, 6) if kind == "style" else None
    drawn = Canvas(generator, labels, style, keep=keep).drawn
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    dense = generator(labels, style=style)
    exact = generator.double()(labels, style=None if style is None else style.double())
    assert (drawn - exact).abs().max() <= 2 * (dense - exact).abs().max()


@pytest.mark.parametrize("kind", ["labels", "tiny", "style"])
def test_strokes_equal_full_pictures_to_the_bit(kind: str) -> None:
    generator, labels = generator_of(**KINDS[kind]), labels_of(192, 256)
    style = torch.randn(1, 6) if kind == "style" else None
    canvas, rng = Canvas(generator, labels, style, keep=True), torch.Generator().manual_seed(2)
    rows, columns = torch.arange(192)[:, None], torch.arange(256)
    for stroke in range(40):
        for _ in range(1 + stroke % 2):
            y, x, label, radius = (
                int(torch.randint(0, most, (), generator=rng)) for most in (192, 256, CLASSES, 16)
            )
            labels = torch.where((rows - y) ** 2 + (columns - x) ** 2 <= radius**2, label, labels[0])[None]
        drawn = canvas.edit(labels)
        if stroke % 4 == 3:
            assert torch.equal(drawn, Canvas(generator, labels, style, keep=False).drawn)
