"""Heads on a frozen network: what they see of features and labels."""

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.models.discriminators import ProjectedDiscriminator
from semsynth.models.discriminators.projected import FeatureMixing
from semsynth.models.features import EfficientNetLite
from semsynth.ops.lookup import halved_shares
from semsynth.training.objectives.projected import ProjectedObjective

K = 5


@pytest.fixture
def discriminator() -> ProjectedDiscriminator:
    torch.manual_seed(0)
    return ProjectedDiscriminator(num_classes=K, width=2, layers=2, head_width=8)


def labels(height: int, width: int) -> torch.Tensor:
    return torch.randint(K, (2, height, width), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [(64, 96), (72, 56)])
def test_every_stage_is_scored(discriminator: ProjectedDiscriminator, size: tuple[int, int]) -> None:
    network = EfficientNetLite("lite0").eval()
    features = network(torch.rand(4, 3, *size) * 2 - 1)[1:]
    scores = discriminator.score_features(features, halved_shares(labels(*size), K, 5)[1:])
    assert [tuple(scale[0].shape) for scale in scores] == [(4, 1, *x.shape[2:]) for x in features]


def test_scores_depend_on_the_labels(discriminator: ProjectedDiscriminator) -> None:
    features = EfficientNetLite("lite0").eval()(torch.rand(2, 3, 64, 64) * 2 - 1)[1:]
    first, second = (
        discriminator.score_features(features, halved_shares(torch.full((2, 64, 64), id), K, 5)[1:])
        for id in (0, 1)
    )
    assert all(not torch.equal(a[0], b[0]) for a, b in zip(first, second, strict=True))


def test_mixing_sees_standardised_features() -> None:
    torch.manual_seed(0)
    sizes = [(24, 16), (40, 8)]
    one = FeatureMixing([24, 40], 8)
    features = [torch.randn(8, c, s, s) for c, s in sizes]
    one.measure([features])
    other = FeatureMixing([24, 40], 8)
    scaled = [x * 30 + 7 for x in features]
    other.measure([scaled])
    for a, b in zip(one(features), other(scaled), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_nothing_of_the_mixing_learns(discriminator: ProjectedDiscriminator) -> None:
    assert not list(discriminator.mixing.parameters())
    again = ProjectedDiscriminator(num_classes=K, width=2, layers=2, head_width=8)
    for name, value in discriminator.mixing.state_dict().items():
        assert torch.equal(value, again.mixing.state_dict()[name])


def test_another_frozen_network_is_refused() -> None:
    with pytest.raises(SemsynthError, match="made for efficientnet-lite0"):
        ProjectedObjective(perceptual_network="vgg19")
