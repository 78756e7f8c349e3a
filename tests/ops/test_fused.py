"""SPADE by distinct patches in training: the same numbers as the dense form, and the same every time."""

import copy

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from semsynth.ops import fused, native
from semsynth.ops.norm import InstanceNorm2d
from semsynth.ops.pyramid import LabelPyramid, Mode
from semsynth.ops.spade import SLOPE, Spade, SpadeResBlock
from tests.ops.test_native import blobs

needs_kernels = pytest.mark.skipif(not native.available(), reason=f"kernels: {native.describe()}")
CLASSES = 7


def labels_of(height: int, width: int, batch: int = 3) -> Tensor:
    return blobs(batch, height, width, CLASSES)


def edges_of(labels: Tensor) -> Tensor:
    return (labels[:, None] % 2).float()


def random_layer(norm: str = "batch", style: bool = False, kernel_size: int = 3, channels: int = 20) -> Spade:
    torch.manual_seed(1)
    layer = Spade(
        channels, CLASSES + 1, hidden=12, kernel_size=kernel_size, norm=norm, style_dim=5 if style else None
    )
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return layer


def results(
    layer: Spade, mode: Mode, x: Tensor, labels: Tensor, style: Tensor, *, upsample: bool
) -> list[Tensor]:
    """Output, gradients of input, style and every parameter, and the running statistics."""
    layer = copy.deepcopy(layer)
    x, style = x.clone().requires_grad_(), style.clone().requires_grad_()
    level = LabelPyramid(labels, CLASSES, edges_of(labels), mode).full
    out = layer(x, level, style, slope=SLOPE, upsample=upsample)
    weights = torch.randn(out.shape, generator=torch.Generator().manual_seed(3))
    (out * weights.to(out.dtype)).sum().backward()
    grads = [x.grad, style.grad if layer.style else None, *(p.grad for p in layer.parameters())]
    return [t.detach() for t in (out, *grads, *layer.buffers()) if t is not None]


def assert_close(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert (a.double() - b.double()).norm() <= tolerance * b.double().norm() + 1e-7


@pytest.mark.parametrize("norm", ["batch", "instance"])
@pytest.mark.parametrize("style", [False, True])
@pytest.mark.parametrize("upsample", [False, True])
@pytest.mark.parametrize("recurrence", [0.0, 1e9])
def test_float32_equals_the_dense_form(
    norm: str, style: bool, upsample: bool, recurrence: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused, "_LEAST_RECURRENCE", recurrence)
    layer, labels, z = random_layer(norm, style), labels_of(20, 28), torch.randn(3, 5)
    x = torch.randn(3, 20, *((10, 14) if upsample else (20, 28))) * 3 + 1
    expected = results(layer.double(), "dense", x.double(), labels, z.double(), upsample=upsample)
    found = results(layer.float(), "patches", x, labels, z, upsample=upsample)
    assert_close(found, expected, 1e-5)
    assert_close(
        results(layer.double(), "patches", x.double(), labels, z.double(), upsample=upsample), expected, 1e-10
    )


@pytest.mark.parametrize("kernel_size", [1, 5])
def test_other_kernel_sizes(kernel_size: int) -> None:
    layer, labels = random_layer(kernel_size=kernel_size), labels_of(9, 12)
    x, z = torch.randn(3, 20, 9, 12), torch.randn(3, 5)
    expected = results(layer.double(), "dense", x.double(), labels, z.double(), upsample=False)
    assert_close(results(layer.float(), "patches", x, labels, z, upsample=False), expected, 1e-5)


def test_evaluation_mode_has_constant_statistics() -> None:
    layer, labels = random_layer().eval(), labels_of(8, 8)
    layer.norm.running_mean.normal_()
    layer.norm.running_var.uniform_(0.5, 2)
    x, z = torch.randn(3, 20, 8, 8), torch.randn(3, 5)
    expected = results(layer.double(), "dense", x.double(), labels, z.double(), upsample=False)
    assert_close(results(layer.float(), "patches", x, labels, z, upsample=False), expected, 1e-5)


def test_gradients_of_the_public_operations() -> None:
    layer, labels = random_layer(channels=3).double(), labels_of(4, 6, batch=2)

    def run(x: Tensor, *parameters: Tensor) -> Tensor:
        level = LabelPyramid(labels, CLASSES, edges_of(labels), "patches").full
        names = [name for name, _ in layer.named_parameters()]
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), (x, level))

    x = torch.randn(2, 3, 4, 6, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(run, (x, *layer.parameters()), fast_mode=True)


@needs_kernels
def test_bfloat16_autocast_is_no_worse_than_the_dense_form() -> None:
    layer, labels, z = random_layer(style=True), labels_of(20, 28), torch.randn(3, 5)
    x = torch.randn(3, 20, 20, 28)
    exact = results(layer.double(), "dense", x.double(), labels, z.double(), upsample=False)
    layer = layer.float()
    with torch.autocast("cpu", torch.bfloat16):
        dense = results(layer, "dense", x, labels, z, upsample=False)
        found = results(layer, "patches", x, labels, z, upsample=False)
    assert found[0].dtype == torch.bfloat16
    for ours, theirs, truth in zip(found, dense, exact, strict=True):
        error, usual = ((t.double() - truth).norm() for t in (ours, theirs))
        assert error <= 1.5 * usual + 0.01 * truth.norm()


@needs_kernels
def test_every_run_gives_the_same_bits() -> None:
    layer, labels, z = random_layer(style=True), labels_of(48, 64), torch.randn(3, 5)
    x = torch.randn(3, 20, 24, 32)
    first, again = (results(layer, "patches", x, labels, z, upsample=True) for _ in range(2))
    assert all(map(torch.equal, first, again))


@needs_kernels
def test_modulation_does_not_depend_on_the_number_of_threads() -> None:
    plan = LabelPyramid(labels_of(64, 80), CLASSES).full.plan(3)
    norm, table, style = InstanceNorm2d(20), torch.randn(len(plan.neighbours), 40), torch.randn(3, 40)
    x = torch.randn(3, 20, 64, 80)

    def run(threads: int) -> list[Tensor]:
        torch.set_num_threads(threads)
        inputs = [t.clone().requires_grad_() for t in (x, table, style)]
        out = fused.modulate(inputs[0], inputs[1], plan, norm, inputs[2], slope=SLOPE)
        out.square().mul(0.5).sum().backward()
        return [out.detach(), *(t.grad for t in inputs if t.grad is not None)]

    threads = torch.get_num_threads()
    try:
        assert all(map(torch.equal, run(1), run(3)))
    finally:
        torch.set_num_threads(threads)


def test_a_block_under_activation_checkpointing() -> None:
    torch.manual_seed(0)
    block = SpadeResBlock(8, 12, CLASSES, hidden=6, norm="instance").eval()
    labels, x = labels_of(8, 8), torch.randn(3, 8, 4, 4, requires_grad=True)

    def gradients(remember: bool) -> list[Tensor]:
        pyramid = LabelPyramid(labels, CLASSES, mode="patches")

        def run(x: Tensor) -> Tensor:
            return block(x, pyramid, upsample=True)  # type: ignore[no-any-return]

        out = run(x) if remember else checkpoint(run, x, use_reentrant=False)
        return list(torch.autograd.grad(out.square().sum(), [x, *block.parameters()]))

    for a, b in zip(gradients(True), gradients(False), strict=True):
        torch.testing.assert_close(a, b)


@needs_kernels
def test_auto_trains_by_patches_unless_they_are_all_distinct() -> None:
    assert LabelPyramid(labels_of(32, 32), CLASSES).full.by_patches
    noise = torch.randint(0, CLASSES, (1, 32, 32))
    assert not LabelPyramid(noise, CLASSES).full.by_patches
    with torch.no_grad():
        assert LabelPyramid(noise, CLASSES).full.by_patches


def test_features_the_kernels_cannot_take_are_declined() -> None:
    assert not fused.supports(torch.zeros(1, dtype=torch.float64))
    with torch.autocast("cpu", torch.float16):
        assert not fused.supports(torch.zeros(1))
