"""Spectral norm, the norm builder and the initialisation, checked as properties."""

import copy

import pytest
import torch
from torch import nn

from semsynth.ops.blocks import (
    conv_norm,
    fold_spectral_norm,
    is_spectral,
    spectral_norm,
    spectral_part,
    stored_weight,
)
from semsynth.ops.init import SCHEMES, init_as, initialize

LAYERS = {
    "conv": lambda: nn.Conv2d(3, 5, 3),
    "channels last": lambda: nn.Conv2d(3, 5, 3).to(memory_format=torch.channels_last),
    "transposed": lambda: nn.ConvTranspose2d(5, 3, 3),
    "linear": lambda: nn.Linear(7, 4),
}


def _matrix(module: nn.Module) -> torch.Tensor:
    weight = module.weight.detach()
    if isinstance(module, nn.ConvTranspose2d):
        weight = weight.transpose(0, 1)
    return weight.flatten(1)


@pytest.mark.parametrize("kind", LAYERS)
def test_largest_singular_value_becomes_one(kind: str) -> None:
    module = spectral_norm(LAYERS[kind]().double())
    for _ in range(200):
        _ = module.weight
    module.eval()
    assert torch.linalg.matrix_norm(_matrix(module), 2).item() == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_one_iteration_per_read_follows_the_published_hook(kind: str) -> None:
    torch.manual_seed(1)
    ours = LAYERS[kind]().double()
    theirs = torch.nn.utils.spectral_norm(copy.deepcopy(ours))
    spectral_norm(ours)
    part = spectral_part(ours)
    assert part is not None
    theirs.weight_u.copy_(part.u)
    theirs.weight_v.copy_(part.v)
    x = torch.randn(2, *((7,) if kind == "linear" else (ours.in_channels, 8, 8)), dtype=torch.float64)
    for _ in range(3):
        a, b = ours(x), theirs(x)
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    torch.testing.assert_close(part.u, theirs.weight_u, rtol=0, atol=1e-12)
    torch.testing.assert_close(part.v, theirs.weight_v, rtol=0, atol=1e-12)
    (a**3).sum().backward()
    (b**3).sum().backward()
    torch.testing.assert_close(stored_weight(ours).grad, theirs.weight_orig.grad, rtol=1e-9, atol=1e-12)


def test_eval_leaves_the_vectors_alone() -> None:
    module = spectral_norm(nn.Conv2d(3, 4, 3)).eval()
    before = spectral_part(module).u.clone()
    module(torch.randn(1, 3, 5, 5))
    assert torch.equal(before, spectral_part(module).u)


@pytest.mark.parametrize("modes", [(True, True), (False, True), (True, False)])
def test_two_forwards_before_one_backward(modes: tuple[bool, bool]) -> None:
    module = spectral_norm(nn.Conv2d(3, 4, 3))
    total = torch.zeros(())
    for mode in modes:
        module.train(mode)
        total = total + module(torch.randn(1, 3, 5, 5)).square().sum()
    total.backward()
    assert stored_weight(module).grad.abs().sum() > 0


def test_computed_in_float32_under_autocast() -> None:
    module = spectral_norm(nn.Conv2d(8, 8, 3)).eval()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = module.weight
    assert inside.dtype == torch.float32
    assert torch.equal(inside, module.weight)


def test_copies_are_independent() -> None:
    first = spectral_norm(nn.Conv2d(3, 4, 3))
    second = copy.deepcopy(first)
    first(torch.randn(1, 3, 5, 5))
    with torch.no_grad():
        stored_weight(first).add_(1)
    assert not torch.equal(stored_weight(first), stored_weight(second))
    assert not torch.equal(spectral_part(first).u, spectral_part(second).u)


def test_folding_keeps_what_eval_computes() -> None:
    model = nn.Sequential(
        spectral_norm(nn.Conv2d(3, 4, 3)), spectral_norm(nn.ConvTranspose2d(4, 3, 3))
    ).eval()
    x = torch.randn(1, 3, 6, 6)
    before = model(x)
    assert fold_spectral_norm(model.train()) is model
    model.eval()
    assert torch.equal(before, model(x))
    assert not any(is_spectral(m) for m in model)
    assert set(model.state_dict()) == {"0.bias", "0.weight", "1.bias", "1.weight"}


def test_folding_a_copy_leaves_the_original_alone() -> None:
    model = nn.Sequential(spectral_norm(nn.Conv2d(3, 4, 3))).eval()
    x = torch.randn(1, 3, 6, 6)
    copies = [fold_spectral_norm(copy.deepcopy(model)) for _ in range(2)]
    for folded in copies:
        assert torch.equal(folded(x), model(x))
    assert is_spectral(model[0])
    model.train()(x).sum().backward()
    assert stored_weight(model[0]).grad is not None


@pytest.mark.parametrize("norm", ["none", "instance", "batch", "sync_batch"])
@pytest.mark.parametrize("spectral", [False, True])
def test_conv_norm(norm: str, spectral: bool) -> None:
    layer = conv_norm(nn.Conv2d(3, 6, 3), norm, spectral=spectral)
    assert layer(torch.randn(2, 3, 8, 8)).shape == (2, 6, 6, 6)
    assert is_spectral(layer.conv) == spectral
    assert (layer.conv.bias is None) == (norm != "none")
    if norm != "none":
        out = layer(torch.randn(4, 3, 9, 9))
        assert out.mean(dim=(0, 2, 3)).abs().max() < 1e-5


def test_conv_norm_refuses_other_kinds() -> None:
    with pytest.raises(ValueError, match="sync_batch"):
        conv_norm(nn.Conv2d(1, 1, 1), "syncbatch")


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("spectral", ["default", "scheme"])
def test_same_seed_same_weights(scheme: str, spectral: str) -> None:
    def draw() -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Conv2d(2, 8, 3), spectral_norm(nn.Conv2d(8, 4, 3)), nn.Linear(4, 4))
        initialize(model, scheme, spectral=spectral, generator=torch.Generator().manual_seed(3))
        return model.state_dict()

    first, second = draw(), draw()
    assert all(torch.equal(first[key], second[key]) for key in first)
    if scheme != "none":
        assert first["0.bias"].abs().max() == 0


def test_both_published_behaviours() -> None:
    model = nn.Sequential(nn.Conv2d(64, 64, 3), spectral_norm(nn.Conv2d(64, 64, 3)))
    xavier = 0.02 * (2 / (64 * 9 * 2)) ** 0.5
    initialize(model, "xavier", 0.02, generator=torch.Generator().manual_seed(0))
    assert model[0].weight.std().item() == pytest.approx(xavier, rel=0.03)
    assert stored_weight(model[1]).std().item() == pytest.approx((1 / (3 * 64 * 9)) ** 0.5, rel=0.03)
    initialize(model, "xavier", 0.02, spectral="scheme", generator=torch.Generator().manual_seed(0))
    assert stored_weight(model[1]).std().item() == pytest.approx(xavier, rel=0.03)


def test_chunks_are_layers_of_their_own() -> None:
    conv = init_as(nn.Conv2d(128, 2 * 32, 3), chunks=2)
    initialize(conv, "xavier", 1.0, generator=torch.Generator().manual_seed(0))
    assert conv.weight.std().item() == pytest.approx((2 / (9 * (128 + 32))) ** 0.5, rel=0.02)


def test_restarted_vectors_are_near_the_top() -> None:
    module = spectral_norm(nn.Conv2d(32, 32, 3))
    initialize(module, generator=torch.Generator().manual_seed(0))
    module.eval()
    assert 0.9 < torch.linalg.matrix_norm(_matrix(module), 2).item() < 1.5
