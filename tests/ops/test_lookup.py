"""Look-ups equal the convolutions they stand for."""

import pytest
import torch
import torch.nn.functional as F

from semsynth.ops.edges import one_hot
from semsynth.ops.lookup import halve, halved_one_hot, halved_shares, label_windows, lookup_conv


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 2), (7, 1, 3), (3, 2, 1), (1, 1, 0)])
@pytest.mark.parametrize("reflect", [True, False])
def test_lookup_is_the_convolution_of_the_planes(
    kernel: int, stride: int, padding: int, reflect: bool
) -> None:
    labels = torch.randint(0, 6, (2, 9, 11))
    weight = torch.randn(4, 6, kernel, kernel, dtype=torch.float64)
    planes = one_hot(labels, 6, dtype=torch.float64)
    if padding:
        planes = F.pad(planes, (padding,) * 4, mode="reflect" if reflect else "constant")
    windows = label_windows(labels, kernel, stride=stride, padding=padding, reflect=reflect)
    expected = F.conv2d(planes, weight, stride=stride)
    torch.testing.assert_close(lookup_conv(windows, weight), expected, rtol=0, atol=1e-12)

    grad = torch.randn_like(expected)
    weight.requires_grad_()
    (slope,) = torch.autograd.grad(F.conv2d(planes, weight, stride=stride), weight, grad)
    narrow = weight.detach().float().requires_grad_()  # the native kernels, where they run
    found = lookup_conv(windows, narrow)
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        torch.autograd.grad(found, narrow, grad.float())[0], slope.float(), rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (1, 5)])
def test_halved_one_hot(size: tuple[int, int]) -> None:
    labels = torch.randint(0, 6, (2, *size))
    torch.testing.assert_close(halved_one_hot(labels, 6), halve(one_hot(labels, 6)))


def test_shares_are_those_under_each_position() -> None:
    labels = torch.randint(6, (2, 64, 96), generator=torch.Generator().manual_seed(1))
    shares = halved_shares(labels, 6, 4)
    assert [tuple(share.shape[2:]) for share in shares] == [(32, 48), (16, 24), (8, 12), (4, 6)]
    for share in shares:
        torch.testing.assert_close(share.sum(1), torch.ones(2, *share.shape[2:]))
    uniform = halved_shares(torch.full((1, 64, 64), 3), 6, 4)[3]
    torch.testing.assert_close(uniform[0, :, 0, 0], F.one_hot(torch.tensor(3), 6).float())
