"""Winograd convolutions against float64, and against themselves in parts."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.ops import native, processor
from semsynth.ops.convolve import Winograd, best_tile
from semsynth.ops.window_linear import WindowLinear

pytestmark = pytest.mark.skipif(not native.available(), reason="needs the native kernels")

LEVELS = [level for level in processor.LEVELS if level not in ("avx512_bf16", "amx")]  # which add nothing
SHAPES = [  # height, width, in, out
    (16, 16, 64, 64),
    (8, 8, 300, 40),
    (5, 7, 3, 2),
    (1, 1, 1, 1),
    (2, 33, 17, 16),
    (31, 18, 24, 70),
    (19, 40, 520, 33),
    (40, 24, 32, 3),
]


@pytest.fixture(params=LEVELS, autouse=True)
def level(request: pytest.FixtureRequest) -> Iterator[str]:
    if not native.use_level(request.param):
        pytest.skip("this processor, or the limit set, is below it")
    yield request.param
    for each in reversed(LEVELS):
        if native.use_level(each):
            break


class Case:
    """A convolution with everything that can be asked of it, and what it should come to."""

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        *,
        tile: int,
        double: bool = False,
        plain: bool = False,
        offset: int = 0,
        seed: int = 0,
    ) -> None:
        self.height, self.width, inputs, outputs = shape
        rng = torch.Generator().manual_seed(seed)

        def normal(*size: int) -> Tensor:
            return torch.randn(*size, generator=rng)

        half = (self.height // 2, self.width // 2) if double else (self.height, self.width)
        full = (self.height, self.width)
        self.double, self.plain, self.half, self.full = double, plain, half, full
        beside = 5 if outputs % 2 else 0  # else the residual
        self.x, self.middle = normal(*half, inputs), normal(*half, max(beside, 1))
        self.weight, self.bias = normal(outputs, inputs, 3, 3) / (3 * inputs**0.5), normal(outputs)
        self.out = torch.full((*full, outputs), 9.0)
        if plain:
            self.call = Winograd(self.weight, tile=tile).on(self.x, self.out, doubled=double)
            return
        self.shortcut = normal(outputs, beside) if beside else None
        self.norm, self.norm_s = normal(2, inputs), normal(2, beside)
        self.residual = None if beside else normal(*half, outputs)
        self.index = torch.randint(0, 11, full, generator=rng, dtype=torch.int32)
        self.index_s = torch.randint(0, 11, full, generator=rng, dtype=torch.int32)
        self.table, self.table_s = normal(11, 2 * inputs), normal(11, 2 * max(beside, 1))
        self.style, self.noise = normal(1, 2 * inputs), normal(*full, outputs)
        self.call = Winograd(self.weight, self.bias, self.shortcut, tile=tile).on(
            self.x, self.out, norm=self.norm, doubled=double, activation=0.2,
            shortcut=self.middle if beside else None,
            shortcut_norm=self.norm_s if beside else None, shortcut_doubled=double,
            residual=self.residual, slope=0.1, offset=offset,
        )  # fmt: skip
        self.call.modulate(self.index, self.table, self.style)
        if beside:
            self.call.modulate(self.index_s, self.table_s, shortcut=True)
        self.call.add_noise(self.noise)

    def expected(self, dtype: torch.dtype) -> Tensor:
        """By public operations, (h, w, O)."""

        def doubled(x: Tensor) -> Tensor:
            x = x.to(dtype)
            return x.repeat_interleave(2, 0).repeat_interleave(2, 1) if self.double else x

        def planes(x: Tensor) -> Tensor:
            return x.permute(2, 0, 1)[None]

        def modulated(x: Tensor, norm: Tensor, index: Tensor, table: Tensor, style: Tensor | None) -> Tensor:
            rows = table.to(dtype) if style is None else table.to(dtype) + style.to(dtype)
            gain, offset = rows[index].chunk(2, 2)
            scale, shift = norm.to(dtype)
            return (doubled(x) * scale + shift) * gain + offset

        weight = self.weight.to(dtype)
        if self.plain:
            return F.conv2d(planes(doubled(self.x)), weight, padding=1)[0].permute(1, 2, 0)
        x = F.leaky_relu(modulated(self.x, self.norm, self.index, self.table, self.style), 0.2)
        out = F.conv2d(planes(x), weight, self.bias.to(dtype), padding=1)
        if self.shortcut is not None:
            beside = modulated(self.middle, self.norm_s, self.index_s, self.table_s, None)
            out = out + F.conv2d(planes(beside), self.shortcut.to(dtype)[:, :, None, None])
        if self.residual is not None:
            out = out + planes(doubled(self.residual))
        return F.leaky_relu(out[0].permute(1, 2, 0) + self.noise.to(dtype), 0.1)

    def whole(self) -> Tensor:
        self.call.run([(0, 0, self.height, self.width)])
        return self.out.clone()


@pytest.mark.parametrize("tile", [2, 4])
@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_error_against_float64_is_that_of_float32(
    shape: tuple[int, int, int, int], tile: int, plain: bool
) -> None:
    """At most twice the largest error of `F.conv2d` in float32, or 2e-6 of the largest value if more.

    4e-6 where products are rounded before they are added: these have no fused multiply-add.
    """
    share = 4e-6 if native.library().semsynth_kernels() in (b"portable", b"wasm") else 2e-6
    for double in (False, True):
        if double and (shape[0] % 2 or shape[1] % 2):
            continue
        case = Case(shape, tile=tile, double=double, plain=plain)
        exact, single = case.expected(torch.float64), case.expected(torch.float32)
        error = (case.whole() - exact).abs().max()
        assert error <= torch.maximum(2 * (single - exact).abs().max(), share * exact.abs().max())


@pytest.mark.parametrize(("tile", "offset"), [(2, 0), (4, 0), (4, 2)])
@pytest.mark.parametrize("shape", SHAPES)
def test_boxes_equal_the_whole_to_the_bit(shape: tuple[int, int, int, int], tile: int, offset: int) -> None:
    """And nothing outside them is written."""
    case = Case(shape, tile=tile, offset=offset)
    whole, rng = case.whole(), torch.Generator().manual_seed(1)

    def span(size: int) -> tuple[int, int]:
        low, high = sorted(torch.randint(0, size + 1, (2,), generator=rng).tolist())
        return low, high

    for _ in range(20):
        boxes = []
        for _ in range(int(torch.randint(1, 4, (), generator=rng))):
            (top, bottom), (left, right) = span(case.height), span(case.width)
            boxes.append((top, left, bottom, right))
        case.out.fill_(9.0)
        wanted = case.out.clone()
        for top, left, bottom, right in boxes:
            wanted[top:bottom, left:right] = whole[top:bottom, left:right]
        case.call.run(boxes)
        assert torch.equal(case.out, wanted)


@pytest.mark.parametrize(("tile", "offset"), [(2, 0), (2, 1), (4, 0), (4, 2)])
def test_a_change_reaches_the_tiles_that_see_it(tile: int, offset: int) -> None:
    rng = torch.Generator().manual_seed(2)
    case = Case((19, 26, 24, 16), tile=tile, offset=offset)
    for _ in range(30):
        before = case.whole()
        y, x = (int(torch.randint(0, side, (), generator=rng)) for side in case.full)
        case.x[y, x] += torch.randn(24, generator=rng)
        top, left, bottom, right = reached = case.call.reached((y, x, y + 1, x + 1))
        case.call.run([reached])
        assert torch.equal(case.out.clone(), case.whole())
        changed = (case.out != before).any(2).nonzero()
        assert bool((changed >= torch.tensor([top, left])).all())
        assert bool((changed < torch.tensor([bottom, right])).all())
        assert max(bottom - top, right - left) <= 2 * tile


@pytest.mark.parametrize("shape", [(64, 64, 64, 96), (16, 16, 520, 256)])
def test_threads_change_no_bit(shape: tuple[int, int, int, int]) -> None:
    case, threads = Case(shape, tile=4), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = case.whole()
        for count in (2, 3):
            torch.set_num_threads(count)
            assert torch.equal(case.whole(), one)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize(("rows", "hidden", "outputs"), [(40, 24, 70), (7, 128, 4)])
def test_windows_by_either_way_to_the_bit(rows: int, hidden: int, outputs: int) -> None:
    rng = torch.Generator().manual_seed(3)
    weight = torch.randn(outputs, 9, hidden, generator=rng)
    linear = WindowLinear(weight, torch.randn(outputs, generator=rng))
    x = F.pad(torch.randn(rows, hidden, generator=rng), (0, linear.depth - hidden))
    windows = torch.randint(0, rows, (300, 9), generator=rng, dtype=torch.int32)
    found = linear(x, windows)  # each row multiplied once
    assert torch.equal(torch.cat([linear(x, part) for part in windows.split(5)]), found)
    wide = x[:, :hidden].double()[windows].flatten(1)
    exact = F.linear(wide, weight.double().flatten(1), linear.bias[:outputs].double())
    torch.testing.assert_close(found, exact.float(), rtol=1e-5, atol=1e-4)
    with pytest.raises(ValueError, match="Rows are dense"):
        linear(x[:, 1:], windows)
    with pytest.raises(ValueError, match="Windows are dense"):
        linear(x, windows.long())


def test_refuses_what_does_not_fit() -> None:
    weight, x, out = torch.zeros(4, 3, 3, 3), torch.zeros(8, 8, 3), torch.zeros(8, 8, 4)
    with pytest.raises(ValueError, match="Tiles are 2 or 4"):
        Winograd(weight, tile=6)
    with pytest.raises(ValueError, match="2 outputs"):
        Winograd(weight, shortcut=torch.zeros(2, 3))
    conv = Winograd(weight)
    for wrong in (x.double(), x[:, :, :2], x.permute(1, 0, 2)[:4], torch.zeros(3, 8, 8).permute(1, 2, 0)):
        with pytest.raises(ValueError, match="`x` is dense"):
            conv.on(wrong, out)
    with pytest.raises(ValueError, match="not the double"):
        conv.on(x, torch.zeros(7, 8, 4), doubled=True)
    with pytest.raises(ValueError, match="goes with weights"):
        conv.on(x, out, shortcut=x)
    with pytest.raises(ValueError, match="A norm is"):
        conv.on(x, out, norm=torch.zeros(3))
    call = conv.on(x, out)
    with pytest.raises(ValueError, match="not inside"):
        call.run([(0, 0, 9, 8)])
    index = torch.zeros(8, 8, dtype=torch.int32)
    with pytest.raises(ValueError, match="`index` is dense"):
        call.modulate(index.long(), torch.zeros(1, 6))
    with pytest.raises(ValueError, match="A table is"):
        call.modulate(index, torch.zeros(1, 5))
    with pytest.raises(ValueError, match="Styles are"):
        call.modulate(index, torch.zeros(1, 6), torch.zeros(1, 5))
    with pytest.raises(ValueError, match="`noise` is dense"):
        call.add_noise(torch.zeros(8, 8, 3))


def test_small_maps_take_small_tiles() -> None:
    assert (best_tile((8, 8)), best_tile((16, 16)), best_tile((8, 64))) == (2, 4, 2)
