"""The networks of Table 3: the paper's sizes, and where the labels go in."""

import pytest
import torch

from semsynth.models.ablations import ConcatGenerator, LabelledPix2PixHDGenerator
from semsynth.ops.norm import BatchNorm2d
from semsynth.ops.spade import Spade


@pytest.mark.parametrize(
    ("kind", "config", "millions"),
    [
        (ConcatGenerator, {}, 79.25),
        (LabelledPix2PixHDGenerator, {"labels_by": "spade"}, 236.88),
        (LabelledPix2PixHDGenerator, {"labels_by": "concat"}, 195.45),
    ],
)
def test_parameter_counts_are_the_papers(kind: type, config: dict, millions: float) -> None:
    with torch.device("meta"):
        network = kind(num_classes=151, **config)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 2) == millions


def test_all_27_norms_are_spade() -> None:
    with torch.device("meta"):
        network = LabelledPix2PixHDGenerator(num_classes=3)
    assert sum(isinstance(module, Spade) for module in network.modules()) == 27
    with torch.device("meta"):
        network = LabelledPix2PixHDGenerator(num_classes=3, labels_by="concat")
    assert sum(isinstance(m, BatchNorm2d) and m.weight is not None for m in network.modules()) == 27


SMALL = {
    "concat": lambda **more: ConcatGenerator(num_classes=4, width=1, **more),
    "pix2pixhd-spade": lambda **more: LabelledPix2PixHDGenerator(
        num_classes=4, width=2, blocks=2, hidden=4, **more
    ),
    "pix2pixhd-concat": lambda **more: LabelledPix2PixHDGenerator(
        num_classes=4, width=2, blocks=2, labels_by="concat", **more
    ),
}


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns_and_edges_count(name: str) -> None:
    torch.manual_seed(0)
    network = SMALL[name](instances=True)
    labels, instances = torch.randint(4, (2, 32, 64)), torch.randint(5, (2, 32, 64))
    image = network(labels, instances=instances)
    assert image.shape == (2, 3, 32, 64)
    image.square().mean().backward()
    for key, parameter in network.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.abs().sum() > 0 or "modulation.bias" in key, key
    network.eval()
    with torch.no_grad():
        assert not torch.equal(network(labels, instances=instances), network(labels, instances=labels))


@pytest.mark.parametrize("name", SMALL)
def test_patches_and_planes_give_the_same(name: str) -> None:
    torch.manual_seed(0)
    network = SMALL[name]().double().eval()
    labels = torch.randint(4, (1, 32, 32))
    network.label_mode = "dense"
    dense = network(labels)
    network.label_mode = "patches"
    torch.testing.assert_close(network(labels), dense, atol=1e-9, rtol=0)


def test_one_convolution_of_each_residual_block_sees_the_labels() -> None:
    with torch.device("meta"):
        network = LabelledPix2PixHDGenerator(num_classes=10, width=4, labels_by="concat")
    seen = [(block.first.conv.in_channels, block.second.conv.in_channels) for block in network.blocks]
    assert seen == [(64 + 10, 64)] * 9
