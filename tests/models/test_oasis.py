"""OASIS: parity with the published generator, and the split of noise and labels."""

import copy
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.oasis import OASISGenerator, noise_response
from semsynth.models.oasis_published import import_published
from semsynth.ops.edges import one_hot

GOLDEN = sorted((Path(__file__).resolve().parents[3] / "shared" / "golden").glob("oasis_generator_*_64.pt"))


@pytest.mark.parametrize(
    ("num_classes", "millions"), [(151, 74.3), (35, 71.1), (183, 75.2)], ids=["ade20k", "cityscapes", "coco"]
)
def test_parameter_counts_are_the_published_ones(num_classes: int, millions: float) -> None:
    with torch.device("meta"):
        network = OASISGenerator(num_classes=num_classes)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == millions


@pytest.mark.skipif(not GOLDEN, reason="no ../shared/golden beside the checkout")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_parity_with_the_published_generator(path: Path) -> None:
    golden = torch.load(path, weights_only=True)
    config, state = import_published(golden["state_dict"], num_classes=golden["config"]["semantic_nc"])
    network = OASISGenerator(**config).eval()
    network.load_state_dict(state)
    labels, noise = golden["label"][:, 0], golden["z"] if network.style_dim else None
    dense = network(labels, style=noise)  # gradients are on: dense
    torch.testing.assert_close(dense, golden["output"], atol=1e-5, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(network(labels, style=noise), golden["output"], atol=1e-5, rtol=0)


def as_published(network: OASISGenerator) -> dict[str, Tensor]:
    """The same network under the published names, noise and labels stacked, gamma and beta apart."""
    ours, published = network.state_dict(), {}
    renames = {
        "blocks.": "body.",
        ".spade_": ".norm_",
        ".norm.": ".first_norm.",
        ".shared.": ".mlp_shared.0.",
        ".parametrizations.weight.original": ".weight_orig",
        ".parametrizations.weight.0.": ".weight_",
        "stem_labels.": "fc.",
        "to_image.": "conv_img.",
    }
    for key, value in ours.items():
        name = key
        for old, new in renames.items():
            name = name.replace(old, new)
        if ".modulation." in name:
            for part, half in zip(("mlp_gamma", "mlp_beta"), value.chunk(2), strict=True):
                published[name.replace("modulation", part)] = half
        elif "noise" not in name:
            noise = ours.get(key.replace("stem_labels", "stem_noise").replace("shared", "noise"))
            stacked = noise is not None and ("stem" in key or "shared" in key) and key.endswith("weight")
            published[name] = torch.cat([noise, value], 1) if stacked else value
    return published


@pytest.mark.parametrize("norm", ["sync_batch", "instance"])
@pytest.mark.parametrize("style_dim", [None, 3])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_every_published_kind_is_imported(norm: str, style_dim: int | None, prefix: str) -> None:
    network = OASISGenerator(num_classes=5, width=2, style_dim=style_dim, hidden=8, norm=norm)
    published = {prefix + key: value for key, value in as_published(network).items()}
    assert any(key.endswith("body.5.norm_s.mlp_gamma.weight") for key in published)
    config, state = import_published(published, num_classes=5)
    assert config == network.config
    for key, value in network.state_dict().items():
        assert torch.equal(state[key], value), key
    published.pop(prefix + "body.3.conv_s.weight_u")
    with pytest.raises(SemsynthError, match=r"body\.3\.conv_s\.weight_u"):
        import_published(published, num_classes=5)


def test_unknown_is_put_last_where_our_label_set_has_it_there() -> None:
    network = OASISGenerator(num_classes=5, width=2, style_dim=3, hidden=8).eval()
    config, state = import_published(as_published(network), num_classes=5, unknown_last=True)
    moved = OASISGenerator(**config).eval()
    moved.load_state_dict(state)
    theirs, noise = torch.randint(5, (1, 32, 32)), torch.randn(1, 3)
    torch.testing.assert_close(moved((theirs - 1) % 5, style=noise), network(theirs, style=noise))


@pytest.fixture(scope="module")
def small() -> OASISGenerator:
    torch.manual_seed(0)
    return OASISGenerator(num_classes=5, width=2, style_dim=3, hidden=8).eval()


def test_noise_per_pixel_and_noise_per_picture_agree(small: OASISGenerator) -> None:
    labels, noise = torch.randint(5, (2, 32, 64)), torch.randn(2, 3)
    everywhere = noise[:, :, None, None].expand(-1, -1, 32, 64)
    per_picture = small.double()(labels, style=noise.double())
    torch.testing.assert_close(per_picture, small(labels, style=everywhere.double()), atol=1e-10, rtol=0)
    with torch.no_grad():
        torch.testing.assert_close(per_picture, small(labels, style=noise.double()), atol=1e-10, rtol=0)
    small.float()


def test_windows_told_apart_by_picture_give_the_same_gradients() -> None:
    torch.manual_seed(0)
    plain = OASISGenerator(num_classes=5, width=2, style_dim=3, hidden=8).double()
    by_window = copy.deepcopy(plain)
    plain.label_mode, by_window.label_mode = "dense", "patches"
    labels = torch.randint(5, (1, 32, 32)).repeat(2, 1, 1)  # equal labels under other noise
    noise = torch.randn(2, 3, dtype=torch.float64)
    images, noises = [], []
    for network in (plain, by_window):
        noises.append(noise.clone().requires_grad_())
        images.append(network(labels, style=noises[-1]))
        images[-1].square().mean().backward()
    assert not torch.equal(images[0][0], images[0][1])
    torch.testing.assert_close(images[1], images[0], atol=1e-9, rtol=0)
    torch.testing.assert_close(noises[1].grad, noises[0].grad, atol=1e-9, rtol=1e-6)
    for (key, ours), theirs in zip(by_window.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=1e-6, msg=key)


def test_noise_of_one_region_changes_that_region_most(small: OASISGenerator) -> None:
    labels = torch.zeros(1, 128, 128, dtype=torch.long)
    noise = torch.zeros(1, 3, 128, 128)
    with torch.no_grad():
        before = small(labels, style=noise)
        noise[..., :64] = 2.0
        change = (small(labels, style=noise) - before).abs().mean((0, 1, 2))
    assert change[:32].mean() > 3 * change[96:].mean()


@pytest.mark.parametrize(
    ("size", "kernel_size"), [((7, 9), 3), ((1, 5), 3), ((2, 3), 3), ((6, 4), 5), ((3, 3), 1)]
)
def test_constant_noise_is_convolved_exactly(size: tuple[int, int], kernel_size: int) -> None:
    conv = nn.Conv2d(4, 6, kernel_size, padding=kernel_size // 2, bias=False)
    noise = torch.randn(2, 4)
    expected = conv(noise[:, :, None, None].expand(-1, -1, *size))
    torch.testing.assert_close(noise_response(conv, noise, size), expected)


def test_the_split_convolution_is_the_stacked_one(small: OASISGenerator) -> None:
    labels, noise = torch.randint(5, (1, 32, 32)), torch.randn(1, 3)
    stem = small.stem_labels
    weight = torch.cat([small.stem_noise.weight, stem.weight], 1)

    def stacked(planes: Tensor) -> Tensor:
        full = torch.cat([noise[:, :, None, None].expand(-1, -1, *planes.shape[2:]), planes], 1)
        return F.conv2d(full, weight, stem.bias, padding=1)

    level = small.pyramid(labels).at(4, 4)
    split = stem(level) + noise_response(small.stem_noise, noise, (4, 4))
    torch.testing.assert_close(split, stacked(one_hot(level.labels, 5)))


def test_refusals_are_sentences(small: OASISGenerator) -> None:
    labels = torch.zeros(1, 32, 32, dtype=torch.long)
    with pytest.raises(SemsynthError, match="none was given"):
        small(labels)
    with pytest.raises(SemsynthError, match=r"got \(1, 4\)"):
        small(labels, style=torch.zeros(1, 4))
    with pytest.raises(SemsynthError, match=r"lacks 'fc.weight'"):
        import_published({"conv_img.weight": torch.zeros(3, 2, 3, 3)})
    with pytest.raises(SemsynthError, match="give the label set"):
        import_published({"fc.weight": torch.zeros(4, 9, 3, 3)})


def test_without_noise_it_needs_no_style() -> None:
    network = OASISGenerator(num_classes=4, width=1, style_dim=None, hidden=4, norm="instance")
    assert network.style_dim is None
    assert network(torch.randint(4, (1, 64, 96))).shape == (1, 3, 64, 96)
