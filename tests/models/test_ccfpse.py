"""CC-FPSE's generator: counts, equality with a plain reference, predicted kernels, published files."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models.ccfpse import CHANNELS_AT_ONCE, CCFPSEGenerator, depthwise, predicted_depthwise
from semsynth.models.ccfpse_published import import_published
from semsynth.ops.edges import instance_edges, one_hot
from tests.models.ccfpse_reference import ReferenceGenerator

COCO = {"num_classes": 183, "instances": True}
ADE20K = {"num_classes": 151}
CITYSCAPES = {"num_classes": 35, "instances": True, "upsamplings": 6, "latent_size": (4, 8)}


@pytest.mark.parametrize(
    ("config", "style_dim", "millions"),
    [
        (COCO, 256, 141.9),
        (COCO, None, 126.8),
        (ADE20K, 256, 140.7),
        (ADE20K, None, 125.3),
        (CITYSCAPES, 256, 128.1),
        (CITYSCAPES, None, 120.0),
    ],
)
def test_parameter_counts_are_the_published_ones(
    config: dict, style_dim: int | None, millions: float
) -> None:
    with torch.device("meta"):
        network = CCFPSEGenerator(**config, style_dim=style_dim)
    count = sum(p.numel() for p in network.parameters())
    # The published count holds three batch norms a block that are never used.
    for block in network.blocks:
        fin, mid = block.norm_0.num_features, block.norm_1.num_features
        count += 2 * fin + 2 * (fin + mid)
    assert round(count / 1e6, 1) == millions


def random_reference(planes: int, halvings: int, z_dim: int | None) -> ReferenceGenerator:
    """A reference with statistics as after training, in double precision."""
    torch.manual_seed(1)
    cells = 2 if halvings == 5 else 1
    reference = ReferenceGenerator(planes, 2, 8, halvings, z_dim, cells).double()
    for module in reference.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            if module.affine:
                nn.init.normal_(module.weight, 1, 0.2)
                nn.init.normal_(module.bias, 0, 0.2)
    return reference.eval()


@pytest.mark.parametrize(
    ("halvings", "instances", "z_dim"), [(5, False, None), (5, True, 7), (6, True, None)]
)
def test_published_files_give_what_a_plain_reference_draws(
    halvings: int, instances: bool, z_dim: int | None
) -> None:
    size = (32, 64) if halvings == 5 else (64, 64)
    reference = random_reference(4 + instances, halvings, z_dim)
    published = {f"module.{key}": value for key, value in reference.state_dict().items()}
    config, state = import_published(published, instances=instances)
    assert (config["num_classes"], config["width"], config["upsamplings"]) == (4, 2, halvings)
    network = CCFPSEGenerator(**config).double().eval()
    network.load_state_dict(state)
    labels = torch.randint(4, (1, *size))
    ids = torch.randint(3, (1, *size)) if instances else None
    planes = one_hot(labels, 4, dtype=torch.float64)
    if ids is not None:
        planes = torch.cat([planes, instance_edges(ids).double()], 1)
    style = None if z_dim is None else torch.randn(1, z_dim, dtype=torch.float64)
    expected = reference(planes, style)
    torch.testing.assert_close(network(labels, style=style, instances=ids), expected, atol=1e-9, rtol=0)
    with torch.no_grad():  # by distinct patches, a few channels at a time
        drawn = network(labels, style=style, instances=ids)
    torch.testing.assert_close(drawn, expected, atol=1e-9, rtol=0)


def test_gradients_are_those_of_the_reference() -> None:
    reference = random_reference(4, 5, None).train()
    config, state = import_published(reference.state_dict(), instances=False)
    network = CCFPSEGenerator(**config).double()
    network.load_state_dict(state)
    labels = torch.randint(4, (2, 32, 64))
    reference(one_hot(labels, 4, dtype=torch.float64)).square().sum().backward()
    network(labels).square().sum().backward()
    first = torch.cat([getattr(reference.up_1, name)[0].weight.grad for name in PREDICTIONS])
    joined = torch.cat(
        [network.blocks[4].shared.weight.grad, network.blocks[4].shared_features.weight.grad], 1
    )
    torch.testing.assert_close(joined, first)
    torch.testing.assert_close(network.trunk.first[0].conv.parametrizations.weight.original.grad,
                               reference.enc1[0][0].weight_orig.grad)  # fmt: skip


PREDICTIONS = ("weights_a", "weights_b", "gate_a", "gate_b")


def test_depthwise_is_the_unfolded_product_and_reaches_the_border() -> None:
    x, kernels = torch.randn(2, 3, 5, 7, requires_grad=True), torch.randn(2, 27, 5, 7)
    windows = F.unfold(x, 3, padding=1).view(2, 3, 9, 5, 7)
    torch.testing.assert_close(depthwise(x, kernels), (windows * kernels.view(2, 3, 9, 5, 7)).sum(2))
    identity = torch.zeros(2, 3, 9, 5, 7)
    identity[:, :, 4] = 1
    torch.testing.assert_close(depthwise(x, identity.flatten(1, 2)), x)


def test_channels_in_parts_give_the_same() -> None:
    channels = CHANNELS_AT_ONCE * 2 + 5
    x, hidden = torch.randn(1, channels, 6, 6), torch.randn(1, 4, 6, 6)
    predict = nn.Conv2d(4, 9 * channels, 3, padding=1)
    with torch.no_grad():
        parts = predicted_depthwise(x, hidden, predict)
    torch.testing.assert_close(parts, predicted_depthwise(x, hidden, predict), atol=1e-5, rtol=1e-5)


def broken(change: str) -> dict[str, Tensor]:
    state = dict(random_reference(5, 5, None).state_dict())
    if change == "missing":
        del state["up_2.weights_b.2.weight"]
    elif change == "shape":
        state["up_0.point_a.weight"] = state["up_0.point_a.weight"][:, 1:]
    elif change == "extra":
        state["up_0.attention.bias"] = torch.zeros(3)
    elif change == "trunk":
        del state["lat3.0.0.weight_orig"]
    return state


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("missing", "'up_2' should hold"),
        ("shape", r"'up_0\.point_a\.weight' has shape"),
        ("extra", r"'up_0\.attention\.bias'"),
        ("trunk", "'lat': 4"),
    ],
)
def test_what_does_not_fit_is_named(change: str, words: str) -> None:
    with pytest.raises(SemsynthError, match=words):
        import_published(broken(change), instances=True)


def test_an_unknown_number_of_planes_asks_about_edges() -> None:
    with pytest.raises(SemsynthError, match="5 label planes"):
        import_published(broken("nothing"))


def test_a_style_is_asked_for_and_other_sizes_are_drawn() -> None:
    network = CCFPSEGenerator(num_classes=3, width=1, style_dim=4, latent_size=(2, 2), hidden=4).eval()
    labels = torch.randint(3, (1, 32, 96))
    with pytest.raises(SemsynthError, match="none was given"):
        network(labels)
    assert network(labels, style=torch.zeros(1, 4)).shape == (1, 3, 32, 96)
    assert network.valid_size(33, 96) == (64, 96)
