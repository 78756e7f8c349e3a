"""The SPADE layer and its block: the formula, two ways to compute it, and what each must not depend on."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.ops.edges import instance_edges
from semsynth.ops.pyramid import LabelPyramid, Mode
from semsynth.ops.spade import LabelConv2d, Spade, SpadeResBlock

CLASSES = 6


def _labels(batch: int, height: int, width: int, seed: int = 0) -> Tensor:
    draws = torch.Generator().manual_seed(seed)
    cells = torch.randint(0, CLASSES, (batch, 4, 4), generator=draws)
    return cells.repeat_interleave(-(-height // 4), 1).repeat_interleave(-(-width // 4), 2)[
        :, :height, :width
    ]


def _pyramid(labels: Tensor, mode: Mode, *, edges: bool = False) -> LabelPyramid:
    return LabelPyramid(labels, CLASSES, instance_edges(labels // 2) if edges else None, mode)


def _layer(
    kernel: int = 3, *, edges: bool = False, norm: str = "instance", style: int | None = None
) -> Spade:
    torch.manual_seed(0)
    return Spade(5, CLASSES + edges, hidden=7, kernel_size=kernel, norm=norm, style_dim=style).double()


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("size", [(1, 1), (3, 8), (13, 9)])
def test_patches_equal_planes(kernel: int, edges: bool, size: tuple[int, int]) -> None:
    layer, labels = _layer(kernel, edges=edges), _labels(2, *size)
    x = torch.randn(2, 5, *size, dtype=torch.float64)
    dense, patches = (layer(x, _pyramid(labels, mode, edges=edges).full) for mode in ("dense", "patches"))
    torch.testing.assert_close(dense, patches, atol=1e-12, rtol=0)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_gradients_of_both_ways_are_equal(kernel: int) -> None:
    labels = _labels(2, 10, 6)
    x = torch.randn(2, 5, 10, 6, dtype=torch.float64)
    found = []
    for mode in ("dense", "patches"):
        layer = _layer(kernel, edges=True)
        layer(x, _pyramid(labels, mode, edges=True).full, slope=0.2).square().sum().backward()  # type: ignore[arg-type]
        found.append({name: p.grad for name, p in layer.named_parameters()})
    for name, gradient in found[0].items():
        torch.testing.assert_close(gradient, found[1][name], atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("mode", ["dense", "patches"])
@pytest.mark.parametrize("kernel", [1, 3])
def test_stem_convolution_is_a_convolution_of_planes(mode: Mode, kernel: int) -> None:
    torch.manual_seed(0)
    conv = LabelConv2d(CLASSES + 1, 4, kernel).double()
    level = _pyramid(_labels(2, 7, 5), mode, edges=True).full
    expected = F.conv2d(level.dense(torch.float64), conv.weight, conv.bias, padding=kernel // 2)
    torch.testing.assert_close(conv(level), expected, atol=1e-12, rtol=0)


def test_formula() -> None:
    """out = norm(x) * (1 + gamma) + beta, gamma and beta being convolutions of one hidden map."""
    layer, labels = _layer(), _labels(1, 8, 8)
    x = torch.randn(1, 5, 8, 8, dtype=torch.float64)
    level = _pyramid(labels, "dense").full
    hidden = F.relu(F.conv2d(level.dense(torch.float64), layer.shared.weight, layer.shared.bias, padding=1))
    gamma_weight, beta_weight = layer.modulation.weight.chunk(2)
    gamma_bias, beta_bias = layer.modulation.bias.chunk(2)  # type: ignore[union-attr]
    gamma = F.conv2d(hidden, gamma_weight, gamma_bias, padding=1)
    beta = F.conv2d(hidden, beta_weight, beta_bias, padding=1)
    expected = F.instance_norm(x) * (1 + gamma) + beta
    torch.testing.assert_close(layer(x, level), expected, atol=1e-12, rtol=0)
    torch.testing.assert_close(layer(x, level, slope=0.2), F.leaky_relu(expected, 0.2), atol=1e-12, rtol=0)


def test_a_far_label_changes_nothing() -> None:
    """A pixel sees a window of 2k - 1 = 5 labels a side, and no more."""
    layer, labels = _layer(), _labels(1, 12, 12)
    other = labels.clone()
    other[0, 0, 0] = (other[0, 0, 0] + 1) % CLASSES
    x = torch.randn(1, 5, 12, 12, dtype=torch.float64)
    for mode in ("dense", "patches"):
        change = layer(x, _pyramid(labels, mode).full) != layer(x, _pyramid(other, mode).full)
        assert change[0, :, :3, :3].any()
        assert not change[0, :, 3:].any()
        assert not change[0, :, :, 3:].any()


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("training", [False, True])
def test_normalising_before_upsampling_is_normalising_after(norm: str, training: bool) -> None:
    layers = [_layer(norm=norm).train(training) for _ in range(2)]
    level = _pyramid(_labels(2, 8, 12), "dense").full
    x = torch.randn(2, 5, 4, 6, dtype=torch.float64) * 3 + 1
    before = layers[0](x, level, upsample=True)
    after = layers[1](F.interpolate(x, scale_factor=2), level)
    torch.testing.assert_close(before, after, atol=1e-12, rtol=0)
    for one, other in zip(layers[0].buffers(), layers[1].buffers(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=0)


def test_a_style_shifts_gamma_and_beta_per_channel() -> None:
    layer, level = _layer(style=3), _pyramid(_labels(2, 8, 8), "patches").full
    assert layer.style is not None
    torch.nn.init.normal_(layer.style.weight)
    none = [part.detach() for part in layer.gamma_beta(level, torch.zeros(2, 3, dtype=torch.float64))]
    some = layer.gamma_beta(level, torch.randn(2, 3, dtype=torch.float64))
    for zero, moved in zip(none, some, strict=True):
        shift = moved - zero
        assert torch.allclose(shift, shift[:, :, :1, :1].expand_as(shift), atol=1e-12)
        assert shift.abs().max() > 0.1
    with pytest.raises(ValueError, match="style"):
        layer.gamma_beta(level, None)


@pytest.mark.parametrize(("fin", "fout", "learned"), [(4, 4, False), (6, 3, True), (3, 6, True)])
def test_block_has_a_learned_shortcut_where_the_width_changes(fin: int, fout: int, learned: bool) -> None:
    torch.manual_seed(0)
    block = SpadeResBlock(fin, fout, CLASSES, hidden=4, norm="instance").double().eval()
    assert (block.conv_s is not None) == learned == (block.spade_s is not None)
    assert block.conv_0.out_channels == min(fin, fout)
    labels = _labels(1, 8, 6)
    x = torch.randn(1, fin, 4, 3, dtype=torch.float64)
    results = [
        block(F.interpolate(x, scale_factor=2), _pyramid(labels, "dense")),
        block(x, _pyramid(labels, "dense"), upsample=True),
        block(x, _pyramid(labels, "patches"), upsample=True),
    ]
    assert results[0].shape == (1, fout, 8, 6)
    torch.testing.assert_close(results[0], results[1], atol=1e-12, rtol=0)
    torch.testing.assert_close(results[0], results[2], atol=1e-12, rtol=0)


def test_each_picture_of_a_batch_is_its_own() -> None:
    layer, labels = _layer(), _labels(3, 8, 8)
    x = torch.randn(3, 5, 8, 8, dtype=torch.float64)
    together = layer(x, _pyramid(labels, "patches").full)
    for i in range(3):
        alone = layer(x[i : i + 1], _pyramid(labels[i : i + 1], "patches").full)
        torch.testing.assert_close(together[i : i + 1], alone, atol=1e-12, rtol=0)
