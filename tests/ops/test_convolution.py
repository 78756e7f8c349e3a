"""Convolutions by the kernels, and a weight gradient by one matrix product, are those of `nn.Conv2d`."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from semsynth.ops import native
from semsynth.ops.blocks import spectral_norm
from semsynth.ops.convolution import Conv2d
from tests.exactness import assert_as_exact


def gradients(conv: nn.Conv2d, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(x)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(0))
    return [out.detach(), *torch.autograd.grad((out * weights).sum(), [x, *conv.parameters()])]


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (4, 2, 2), (5, 1, 2)])
@pytest.mark.parametrize("bias", [False, True])
def test_small_maps(kernel: int, stride: int, padding: int, bias: bool) -> None:
    torch.manual_seed(0)
    ours = Conv2d(64, 24, kernel, stride, padding, bias=bias)
    plain = nn.Conv2d(64, 24, kernel, stride, padding, bias=bias)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(3, 64, 6, 9).to(memory_format=torch.channels_last)
    assert "SmallMap" in type(conv_node(ours, x)).__name__
    for found, expected in zip(gradients(ours, x), gradients(plain, x), strict=True):
        assert (found - expected).norm() <= 0.01 * expected.norm()


def test_large_maps_and_other_types_take_the_usual_way() -> None:
    conv = Conv2d(8, 8, 3, padding=1)
    assert "SmallMap" not in type(conv_node(conv, torch.randn(1, 8, 20, 20))).__name__
    assert "SmallMap" not in type(conv(torch.randn(1, 8, 4, 4)).grad_fn).__name__


def conv_node(conv: nn.Conv2d, x: Tensor) -> object:
    with torch.autocast("cpu", torch.bfloat16):
        return conv(x).grad_fn


LEVELS = ("portable", "avx2", "avx512")
SHAPES = [  # batch, in, out, height, width, kernel
    (2, 16, 32, 16, 16, 3),
    (16, 16, 16, 1, 3, 3),
    (3, 272, 16, 10, 13, 3),
    (1, 48, 80, 21, 18, 3),
    (16, 64, 336, 4, 4, 3),
    (5, 32, 16, 40, 33, 3),  # more tiles than are transformed together
    (2, 16, 32, 17, 17, 4),
    (3, 48, 16, 10, 13, 4),
    (5, 16, 80, 32, 27, 4),
]


@pytest.fixture
def level(request: pytest.FixtureRequest) -> Iterator[None]:
    if not native.available() or not native.use_level(request.param):
        pytest.skip("there are no kernels, or this processor or the limit set is below the level")
    yield
    for each in reversed(LEVELS):
        if native.use_level(each):
            break


def case(shape: tuple[int, ...], *, spectral: bool = False) -> tuple[Conv2d, Tensor, Tensor]:
    """A convolution, its input, and the gradient of its result."""
    batch, inputs, outputs, height, width, kernel = shape
    torch.manual_seed(0)
    conv = Conv2d(inputs, outputs, kernel, padding=kernel // 2)
    wider = kernel - 3
    x = torch.randn(batch, inputs, height, width)
    grad = torch.randn(batch, outputs, height + wider, width + wider)
    return spectral_norm(conv) if spectral else conv, x, grad


def by_kernels(conv: nn.Conv2d, x: Tensor, grad: Tensor) -> list[Tensor]:
    """The result, and the gradients of the input, the weight and the bias."""
    x = x.detach().requires_grad_()
    out = conv(x)
    assert "Winograd" in type(out.grad_fn).__name__
    return [out, *torch.autograd.grad(out, [x, *conv.parameters()], grad)]


def by_pytorch(conv: nn.Conv2d, x: Tensor, grad: Tensor, dtype: torch.dtype) -> list[Tensor]:
    x, weight, bias = (part.detach().to(dtype).requires_grad_() for part in (x, conv.weight, conv.bias))
    out = nn.functional.conv2d(x, weight, bias, padding=conv.padding)
    return [out, *torch.autograd.grad(out, [x, weight, bias], grad.to(dtype))]


@pytest.mark.parametrize("level", LEVELS, indirect=True)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.usefixtures("level")
def test_kernels_are_as_exact_as_pytorch(shape: tuple[int, ...]) -> None:
    conv, x, grad = case(shape)
    exact, plain = (by_pytorch(conv, x, grad, dtype) for dtype in (torch.float64, torch.float32))
    for memory_format in (torch.contiguous_format, torch.channels_last):
        conv.to(memory_format=memory_format)  # type: ignore[call-overload]
        given = (part.contiguous(memory_format=memory_format) for part in (x, grad))
        found = by_kernels(conv, *given)
        for name, *results in zip(("out", "x", "weight", "bias"), found, plain, exact, strict=True):
            assert_as_exact(*results, what=name)  # type: ignore[misc]


@pytest.mark.skipif(not native.available(), reason="needs the native kernels")
@pytest.mark.parametrize("shape", SHAPES)
def test_threads_change_no_bit(shape: tuple[int, ...]) -> None:
    arguments, threads = case(shape), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = by_kernels(*arguments)[:3]  # PyTorch sums the gradient of the bias
        for count in (2, 3):
            torch.set_num_threads(count)
            for found, expected in zip(by_kernels(*arguments)[:3], one, strict=True):
                assert torch.equal(found, expected)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.skipif(not native.available(), reason="needs the native kernels")
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[6]])
def test_weights_and_maps_strided_in_any_way(shape: tuple[int, ...]) -> None:
    conv, x, grad = case(shape)
    expected = by_kernels(conv, x, grad)[:3]  # PyTorch sums the gradient of the bias
    x, grad = (torch.cat([part, part], 1)[:, : part.shape[1]] for part in (x, grad))
    for order in ((1, 0, 2, 3), (0, 1, 3, 2), (3, 2, 0, 1)):
        weight = conv.weight.permute(order).contiguous().permute(*torch.tensor(order).argsort().tolist())
        conv.weight = nn.Parameter(weight.detach())
        assert not conv.weight.is_contiguous()
        for found, wanted in zip(by_kernels(conv, x, grad)[:3], expected, strict=True):
            assert torch.equal(found, wanted)


@pytest.mark.skipif(not native.available(), reason="needs the native kernels")
def test_only_wanted_gradients() -> None:
    conv, x, grad = case(SHAPES[0])
    expected = by_kernels(conv, x, grad)
    conv.requires_grad_(False)
    x.requires_grad_()
    assert torch.equal(torch.autograd.grad(conv(x), x, grad)[0], expected[1])
    conv.requires_grad_(True)
    for found, wanted in zip(
        torch.autograd.grad(conv(x.detach()), list(conv.parameters()), grad), expected[2:], strict=True
    ):
        assert torch.equal(found, wanted)


@pytest.mark.skipif(not native.available(), reason="needs the native kernels")
@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[6]])
def test_gradients_of_gradients(shape: tuple[int, ...]) -> None:
    """As a gradient penalty takes them, through spectral norm too."""
    conv, x, _ = case(shape, spectral=True)
    conv.eval()  # no power iteration
    penalties = []
    for training, dtype in ((True, torch.float32), (False, torch.float64)):
        conv.to(dtype)
        conv.training = training  # of the convolution alone
        given = x.to(dtype).requires_grad_()
        (slope,) = torch.autograd.grad(conv(given).square().sum(), given, create_graph=True)
        penalties.append(torch.autograd.grad(slope.square().mean(), [given, *conv.parameters()]))
    for found, expected in zip(*penalties, strict=True):
        assert (found - expected).norm() <= 1e-5 * expected.norm()


def test_what_the_kernels_do_not_compute() -> None:
    """Evaluation, other types, other convolutions, too few pixels."""
    x = torch.randn(2, 16, 16, 16)
    fits = Conv2d(16, 16, 3, padding=1)
    calls = [
        fits.eval()(x),
        Conv2d(16, 16, 4, 2, 2)(x),
        Conv2d(16, 16, 4, 1, 1)(x),
        Conv2d(16, 16, 3)(x),
        Conv2d(16, 16, 3, 2, 1)(x),
        Conv2d(16, 16, 1)(x),
        Conv2d(16, 12, 3, padding=1)(x),
        Conv2d(16, 16, 3, padding=1).double()(x.double()),
        Conv2d(16, 16, 3, padding=1)(x[:, :, :8, :12]),
    ]
    for out in calls:
        assert "Winograd" not in type(out.grad_fn).__name__
