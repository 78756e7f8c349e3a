"""The cascade: its published sizes, its channel order, and what its pyramid does to labels."""

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.models.crn import PRESETS, CRNGenerator


def parameters(num_classes: int, preset: str) -> float:
    with torch.device("meta"):
        network = CRNGenerator(num_classes=num_classes, **PRESETS[preset])
    return sum(p.numel() for p in network.parameters()) / 1e6


@pytest.mark.parametrize(
    ("num_classes", "preset", "millions"),
    [(20, "256", 97.9), (20, "512", 98.6), (20, "1024", 98.7), (151, "256", 105.1), (183, "256", 106.9)],
)
def test_parameter_counts_are_the_published_ones(num_classes: int, preset: str, millions: float) -> None:
    assert round(parameters(num_classes, preset), 1) == millions


@pytest.fixture
def small() -> CRNGenerator:
    torch.manual_seed(0)
    return CRNGenerator(num_classes=5, width=16, modules=4, num_images=3)


def test_any_valid_size_is_drawn(small: CRNGenerator) -> None:
    labels = torch.randint(5, (2, 24, 40))
    assert small.all_images(labels).shape == (2, 3, 3, 24, 40)
    assert small.eval()(labels).shape == (2, 3, 24, 40)
    assert small.valid_size(25, 40) == (32, 40)
    with pytest.raises(SemsynthError, match="32x40"):
        small(torch.randint(5, (1, 25, 40)))


def test_the_first_picture_is_what_forward_gives_and_evaluation_clamps(small: CRNGenerator) -> None:
    labels = torch.randint(5, (1, 16, 16))
    with torch.no_grad():
        small.to_images.weight.mul_(20)
    every = small.all_images(labels)
    torch.testing.assert_close(small(labels), every[:, 0])
    assert every.abs().max() > 1
    torch.testing.assert_close(small.eval()(labels), every[:, 0].clamp(-1, 1))


def test_channels_are_colour_major(small: CRNGenerator) -> None:
    with torch.no_grad():
        small.to_images.weight.zero_()
        small.to_images.bias.copy_(torch.arange(9.0))
    pictures = small.all_images(torch.zeros(1, 8, 8, dtype=torch.long))
    # Picture i takes red, green and blue from channels i, 3 + i and 6 + i.
    assert pictures[0, :, :, 0, 0].tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]


def test_the_base_sees_area_averages(small: CRNGenerator) -> None:
    seen = []
    small.cascade[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    labels = torch.randint(5, (1, 32, 16))
    small(labels)
    blocks = labels.reshape(4, 8, 2, 8)
    for c in range(5):
        torch.testing.assert_close(seen[0][0, c], (blocks == c).float().mean((1, 3)))


def test_statistics_are_of_one_picture(small: CRNGenerator) -> None:
    labels = torch.randint(5, (2, 16, 16))
    torch.testing.assert_close(small(labels)[1:], small(labels[1:]), atol=1e-5, rtol=0)


def test_a_larger_network_takes_over_the_smaller_ones_modules(small: CRNGenerator) -> None:
    larger = CRNGenerator(num_classes=5, width=16, modules=5)
    untouched = larger.cascade[4].state_dict()["0.0.weight"].clone()
    larger.start_from(small)
    for mine, theirs in zip(larger.cascade, small.cascade, strict=False):
        for key, value in theirs.state_dict().items():
            assert torch.equal(mine.state_dict()[key], value)
    assert torch.equal(larger.cascade[4].state_dict()["0.0.weight"], untouched)


def test_the_config_rebuilds_the_network(small: CRNGenerator) -> None:
    rebuilt = CRNGenerator(**small.config)
    rebuilt.load_state_dict(small.state_dict())
    labels = torch.randint(5, (1, 16, 16))
    assert torch.equal(rebuilt(labels), small(labels))
