import pytest
import torch
from torch import Tensor

from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import MODES, discriminator_loss, generator_loss


def prediction(*scores: Tensor) -> list[list[Tensor]]:
    return [[torch.full((1, 2, 3, 3), 9.0), score] for score in scores]


@pytest.mark.parametrize("mode", MODES)
def test_a_discriminator_gains_by_telling_fake_from_real(mode: str) -> None:
    low, high = prediction(torch.full((2, 1, 4, 4), -0.5)), prediction(torch.full((2, 1, 4, 4), 0.5))
    right = sum(discriminator_loss(low, high, mode))
    wrong = sum(discriminator_loss(high, low, mode))
    assert right < wrong
    assert generator_loss(high, mode) < generator_loss(low, mode)


@pytest.mark.parametrize("mode", MODES)
def test_scales_weigh_the_same_whatever_their_size(mode: str) -> None:
    one, two = torch.randn(2, 1, 8, 8), torch.randn(2, 1, 3, 3)
    each = torch.stack([generator_loss(prediction(one), mode), generator_loss(prediction(two), mode)])
    torch.testing.assert_close(generator_loss(prediction(one, two), mode), each.mean())
    torch.testing.assert_close(generator_loss(prediction(one, two), mode, over_scales="sum"), each.sum())


def test_hinge_is_satisfied_beyond_the_margin() -> None:
    fake, real = discriminator_loss(prediction(torch.tensor([[-1.5]])), prediction(torch.tensor([[2.0]])))
    assert fake == 0
    assert real == 0


def test_only_the_last_tensor_of_a_scale_is_a_score() -> None:
    score = torch.randn(1, 1, 2, 2)
    assert generator_loss([[torch.randn(1, 9, 2, 2), score]]) == generator_loss([[score]])


def test_unknown_modes_are_refused() -> None:
    with pytest.raises(ValueError, match="hinge, ls, original, w"):
        generator_loss(prediction(torch.zeros(1)), "lsgan")


def test_feature_matching_leaves_the_score_out_and_stops_at_the_photograph() -> None:
    fake = [[torch.ones(1, 2, 2, 2, requires_grad=True), torch.zeros(1)] for _ in range(2)]
    real = [[torch.zeros(1, 2, 2, 2, requires_grad=True), torch.full((1,), 5.0)] for _ in range(2)]
    loss = feature_matching_loss(fake, real)
    loss.backward()
    assert loss == 1  # two scales of one layer each, averaged over scales
    assert fake[0][0].grad is not None
    assert real[0][0].grad is None
    assert feature_matching_loss(fake, real, with_last=True) == 6


def test_feature_matching_of_equal_features_is_zero() -> None:
    features = [[torch.randn(1, 2, 4, 4), torch.randn(1)]]
    assert feature_matching_loss(features, features) == 0
