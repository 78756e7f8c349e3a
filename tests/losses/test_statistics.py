"""Distances between statistics, of pictures whose answer is known."""

import pytest
import torch
import torch.nn.functional as F

from semsynth.losses.statistics import class_statistics_distance, group_statistics, statistics_distance
from semsynth.models.style_encoder import color_planes


def distance(fake: torch.Tensor, real: torch.Tensor, squares: int) -> float:
    return float(statistics_distance([fake], [real], squares=squares))


def test_a_smooth_picture_is_as_far_as_a_rough_one_and_places_do_not_matter() -> None:
    torch.manual_seed(0)
    real, other = torch.randn(2, 5, 64, 64), torch.randn(2, 5, 64, 64)
    assert distance(real, real, 4) == 0
    assert distance(other, real, 4) < 0.15  # the same texture, not one pixel alike
    smooth, rough = distance(0.5 * real, real, 4), distance(1.5 * real, real, 4)
    assert smooth == pytest.approx(0.5, abs=0.04)
    assert rough == pytest.approx(smooth)
    assert distance(real.flip(2, 3), real, 1) < 1e-5
    assert distance(real + 2, real, 1) == pytest.approx(2, rel=0.02)


def test_six_deviations_tell_covariances_apart() -> None:
    torch.manual_seed(0)
    noise = torch.randn(1, 1, 64, 64)
    noise -= noise.mean()
    together, apart = noise.expand(1, 3, 64, 64), torch.cat([noise, -noise, noise], 1)
    assert distance(together, apart, 1) < 1e-5  # channel by channel they are alike
    assert distance(color_planes(together), color_planes(apart), 1) > 0.2


def by_class(fake: torch.Tensor, real: torch.Tensor, of_fake: torch.Tensor, of_real: torch.Tensor) -> float:
    shares = [[F.one_hot(labels, 3).permute(0, 3, 1, 2)] for labels in (of_fake, of_real)]
    return float(class_statistics_distance([fake], [real], *shares))


def halves(upper: int, lower: int) -> torch.Tensor:
    """Two label maps of 32 pixels."""
    return torch.tensor([upper, lower]).repeat_interleave(16)[None, :, None].expand(2, 32, 32).contiguous()


def test_classes_are_compared_with_themselves_wherever_they_are() -> None:
    torch.manual_seed(0)
    up, down = halves(0, 1), halves(1, 0)
    noise = torch.randn(2, 4, 32, 32)
    light = torch.where(torch.arange(32)[:, None] < 16, 5.0, -5.0)  # the upper half is bright
    real = noise + light
    assert by_class(real, real, up, up) < 1e-5
    assert by_class(real.flip(2), real, down, up) < 1e-4  # class 0 is the bright one in both
    # As pictures the two are alike, class by class all is wrong: ten deviations.
    assert float(statistics_distance([real.flip(2)], [real], squares=1)) < 1e-5
    assert by_class(real.flip(2), real, up, up) > 5


def test_what_only_one_picture_shows_is_not_compared() -> None:
    torch.manual_seed(0)
    real, fake = torch.randn(2, 4, 32, 32), torch.randn(2, 4, 32, 32)
    fake[:, :, 16:] += 100
    assert by_class(fake, real, halves(0, 2), halves(0, 1)) < 0.5
    assert by_class(fake, real, halves(2, 2), halves(0, 1)) == 0
    # A class counts by the area it fills: all of the picture is twice as far off as half of it.
    whole = by_class(real + 1, real, halves(0, 0), halves(0, 0))
    assert by_class(real + 1, real, halves(0, 2), halves(0, 0)) == pytest.approx(whole / 2, rel=0.1)


def test_a_class_the_photograph_lacks_is_compared_with_its_group() -> None:
    torch.manual_seed(0)
    real = torch.randn(1, 4, 32, 32)
    river, sea = ([F.one_hot(halves(0, c)[:1], 3).permute(0, 3, 1, 2)] for c in (1, 2))
    dark = real - 5
    water = torch.tensor([[1.0, 0, 0], [0, 1, 1], [0, 1, 1]])
    of_group = [group_statistics(sea[0], water)]
    assert float(class_statistics_distance([dark], [real], river, sea)) == pytest.approx(2.5, rel=0.1)
    assert float(class_statistics_distance([dark], [real], river, of_group)) == pytest.approx(5, rel=0.1)
    # What the photograph does show is compared with itself alone.
    both = halves(1, 2)[:1]
    shown = F.one_hot(both, 3).permute(0, 3, 1, 2)
    torch.testing.assert_close(group_statistics(shown, water)[:, 1:], shown[:, 1:].float())
    assert not group_statistics(shown, water)[:, 0].any()


def test_a_flat_region_has_a_slope_and_the_photograph_has_none() -> None:
    fake = torch.zeros(1, 2, 32, 32, requires_grad=True)
    real = torch.randn(1, 2, 32, 32, requires_grad=True)
    shares = [F.one_hot(halves(0, 1)[:1], 3).permute(0, 3, 1, 2)]
    with torch.autocast("cpu", torch.bfloat16):
        loss = class_statistics_distance([fake], [real], shares, shares)
    assert loss.dtype == torch.float32
    loss.backward()
    assert torch.isfinite(fake.grad).all()
    assert fake.grad.abs().sum() > 0
    assert real.grad is None
