"""The calibrated loss: what calibration achieves, and which picture wins which class."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.losses.crn import LEVELS, CalibratedPerceptualLoss


def features(images: Tensor) -> list[Tensor]:
    """Two taps of very different scale and size."""
    coarse = F.avg_pool2d(images, 2)
    return [100 * coarse.square(), 0.01 * F.avg_pool2d(coarse, 2).abs().sqrt()]


@pytest.fixture
def loss() -> CalibratedPerceptualLoss:
    return CalibratedPerceptualLoss(features, num_taps=2)


def pair(seed: int, size: int = 16) -> tuple[Tensor, Tensor]:
    source = torch.Generator().manual_seed(seed)
    fake, real = torch.rand(2, 2, 3, size, size, generator=source) * 2 - 1
    return fake, real


def test_calibration_makes_all_terms_equal_and_the_deepest_ten_times(loss: CalibratedPerceptualLoss) -> None:
    fake, real = pair(0)
    divisors = loss.calibrate([(fake, real)])
    assert divisors[0] == 1
    pixels = LEVELS * (fake - real).abs().mean()
    torch.testing.assert_close(loss(fake, real), pixels * (1 + 1 + 10))


def test_calibration_survives_saving(loss: CalibratedPerceptualLoss) -> None:
    loss.calibrate([pair(0), pair(1)])
    other = CalibratedPerceptualLoss(features, num_taps=2)
    other.load_state_dict(loss.state_dict())
    assert torch.equal(other(*pair(2)), loss(*pair(2)))


def test_calibration_needs_pairs_that_differ(loss: CalibratedPerceptualLoss) -> None:
    same = pair(0)[0]
    for pairs in ([], [(same, same)]):
        with pytest.raises(ValueError, match="differ"):
            loss.calibrate(pairs)


def test_equal_pictures_cost_nothing_and_the_gradient_is_the_fakes_alone(
    loss: CalibratedPerceptualLoss,
) -> None:
    fake, real = pair(0)
    assert loss(real, real) == 0
    fake.requires_grad_()
    real.requires_grad_()
    loss(fake, real).backward()
    assert fake.grad is not None
    assert fake.grad.abs().min() > 0
    assert real.grad is None


def test_one_picture_of_the_diverse_loss_is_the_plain_loss(loss: CalibratedPerceptualLoss) -> None:
    fake, real = pair(3)
    labels = torch.randint(4, (2, 16, 16))
    torch.testing.assert_close(loss.diverse(fake[:, None], real, labels, 4), loss(fake, real))


def test_each_class_is_won_by_the_picture_that_draws_it_best(loss: CalibratedPerceptualLoss) -> None:
    _, real = pair(4)
    labels = torch.zeros(2, 16, 16, dtype=torch.long)
    labels[:, 8:] = 1
    upper, lower = real.clone(), real.clone()
    upper[:, :, 8:] = -real[:, :, 8:].sign()  # draws class 0 exactly, class 1 badly
    lower[:, :, :8] = -real[:, :, :8].sign()
    errors = loss.per_class(torch.stack([upper, lower], 1), real, labels, 2)  # (B,k,K)
    assert (errors[:, 0, 0] == 0).all()
    assert (errors[:, 1, 1] == 0).all()
    assert (errors[:, 0, 1] > 0).all()
    # Between them they draw everything, so only the thousandth of the mean remains.
    expected = 0.001 * errors.mean(1).sum(1).mean()
    torch.testing.assert_close(loss.diverse(torch.stack([upper, lower], 1), real, labels, 2), expected)


def test_a_wrong_number_of_taps_is_named() -> None:
    with pytest.raises(ValueError, match="2 taps, not 5"):
        CalibratedPerceptualLoss(features)(*pair(0))
    with pytest.raises(ValueError, match="6 divisors"):
        CalibratedPerceptualLoss(features, 2, divisors=[1.0] * 6)
