import pytest
import torch

from semsynth.losses.kl import kl_loss


def test_zero_for_the_standard_normal_alone() -> None:
    zero = torch.zeros(3, 5)
    assert kl_loss(zero, zero) == 0
    for _ in range(5):
        assert kl_loss(torch.randn(3, 5), torch.randn(3, 5)) > 0


def test_equals_the_divergence_torch_knows() -> None:
    mean, log_variance = torch.randn(4, 6), torch.randn(4, 6)
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(mean, (log_variance / 2).exp()), normal(0.0, 1.0))
    torch.testing.assert_close(kl_loss(mean, log_variance), expected.sum())
    torch.testing.assert_close(kl_loss(mean, log_variance, over_batch="mean"), expected.sum(1).mean())


@pytest.mark.parametrize(("over_batch", "factor"), [("sum", 2), ("mean", 1)])
def test_growth_with_the_batch(over_batch: str, factor: float) -> None:
    one = torch.randn(3, 4)
    doubled = kl_loss(one.repeat(2, 1), one.repeat(2, 1), over_batch=over_batch)
    torch.testing.assert_close(doubled, factor * kl_loss(one, one, over_batch=over_batch))
