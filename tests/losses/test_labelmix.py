import pytest
import torch
import torch.nn.functional as F

from semsynth.losses.labelmix import class_balance, fake_loss, label_mix, label_mix_loss, real_loss


def test_balance_makes_every_class_weigh_the_same() -> None:
    labels = torch.randint(0, 4, (2, 16, 16))
    labels[0] = 3
    balance = class_balance(labels, 6)
    shares = torch.stack([balance[labels][labels == c].sum() for c in range(4)])
    torch.testing.assert_close(shares, torch.full((4,), labels.numel() / 4))
    assert balance[4:].tolist() == [0, 0]
    assert balance[labels].mean().item() == pytest.approx(1)


def test_void_weighs_nothing_and_counts_for_nothing() -> None:
    labels = torch.tensor([[[0, 0, 1, 2]]])
    assert class_balance(labels, 3, void_id=0).tolist() == [0, 2, 2]
    assert class_balance(torch.zeros(1, 2, 2, dtype=torch.long), 3, void_id=0).tolist() == [0, 0, 0]


def test_cross_entropy_shifts_classes_by_one() -> None:
    labels = torch.randint(0, 3, (2, 5, 5))
    perfect = 50 * F.one_hot(labels + 1, 4).permute(0, 3, 1, 2).float()
    assert real_loss(perfect, labels) < 1e-6
    assert fake_loss(perfect) > 10
    calling_fake = torch.zeros(2, 4, 5, 5)
    calling_fake[:, 0] = 50
    assert fake_loss(calling_fake) < 1e-6


def test_mixture_is_whole_classes_of_either_picture() -> None:
    labels = torch.randint(0, 5, (2, 8, 8))
    real, fake = torch.ones(2, 3, 8, 8), torch.zeros(2, 3, 8, 8)
    mixed, mask = label_mix(real, fake, labels, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mixed, mask.expand_as(mixed))
    for c in range(5):
        assert mask[:, 0][labels == c].unique().numel() == 1
    again, _ = label_mix(real, fake, labels, generator=torch.Generator().manual_seed(1))
    assert torch.equal(mixed, again)


@pytest.mark.parametrize(("flaw", "share"), [(False, 0.5), (True, 0.25)])
def test_how_often_class_0_is_real(flaw: bool, share: float) -> None:
    labels = torch.tensor([[[0, 1, 2]]])
    real, fake = torch.ones(1, 3, 1, 3), torch.zeros(1, 3, 1, 3)
    draw = torch.Generator().manual_seed(0)
    masks = [label_mix(real, fake, labels, generator=draw, published_flaw=flaw)[1] for _ in range(1000)]
    shares = torch.stack(masks).mean(dim=(0, 1, 2, 3))
    assert shares.tolist() == pytest.approx([share, 0.5, 0.5], abs=0.05)


def test_consistency_is_free_for_a_pixelwise_discriminator() -> None:
    real, fake, mask = (
        torch.randn(1, 4, 6, 6),
        torch.randn(1, 4, 6, 6),
        (torch.rand(1, 1, 6, 6) > 0.5).float(),
    )
    assert label_mix_loss(mask * real + (1 - mask) * fake, real, fake, mask) == 0
    assert label_mix_loss(real, real, fake, mask) > 0
