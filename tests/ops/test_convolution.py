"""The weight gradient by one matrix product equals that of `torch.nn.Conv2d`."""

import pytest
import torch
from torch import Tensor, nn

from semsynth.ops.convolution import Conv2d


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
