import pytest
import torch

from semsynth.losses.diffaugment import POLICIES, Augmentation, draw_augmentation


def draw(*policies: str, seed: int = 0, batch: int = 4, size: tuple[int, int] = (32, 48)) -> Augmentation:
    return draw_augmentation(batch, *size, policies, generator=torch.Generator().manual_seed(seed))


def test_no_policy_changes_nothing() -> None:
    image = torch.randn(4, 3, 32, 48)
    assert torch.equal(draw().image(image), image)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_reach_the_picture(policy: str) -> None:
    image = torch.randn(4, 3, 32, 48, requires_grad=True)
    out = draw(policy).image(image)
    out.square().sum().backward()
    assert out.shape == image.shape
    assert not torch.equal(out, image)
    assert image.grad.abs().sum() > 0


def test_labels_move_with_the_picture() -> None:
    labels = torch.randint(1, 9, (4, 32, 48))
    picture = labels.unsqueeze(1).expand(-1, 3, -1, -1).float()
    moves = draw("translation")
    assert torch.equal(moves.image(picture)[:, 0].long(), moves.labels(labels))
    filled = moves.labels(labels, fill=77)
    assert torch.equal(filled == 77, moves.labels(labels) == 0)
    assert moves.labels(labels).dtype == torch.int64


def test_translation_is_a_shift_by_at_most_an_eighth() -> None:
    for seed in range(20):
        moves = draw("translation", seed=seed, batch=1)
        assert (moves.shift.abs() <= torch.tensor([4, 6])).all()
        down, right = moves.shift[0].tolist()
        image = torch.randn(1, 3, 32, 48)
        moved = moves.image(image)
        inner = moved[:, :, max(down, 0) : 32 + min(down, 0), max(right, 0) : 48 + min(right, 0)]
        source = image[:, :, max(-down, 0) : 32 + min(-down, 0), max(-right, 0) : 48 + min(-right, 0)]
        assert torch.equal(inner, source)


def test_cutout_takes_a_square_of_at_most_a_half() -> None:
    out = draw("cutout", batch=16).image(torch.ones(16, 3, 32, 48))
    holes = (out == 0)[:, 0].flatten(1).sum(1)
    assert (holes > 0).all()
    assert holes.max() <= 16 * 24
    assert holes.float().min() >= 16 * 24 / 4  # a quarter where the centre is a corner


def test_policies_do_not_disturb_one_another() -> None:
    assert torch.equal(draw("translation").shift, draw("color", "translation").shift)
    with pytest.raises(ValueError, match="blur"):
        draw("blur")


def test_color_keeps_grey_grey_and_means_brightness() -> None:
    grey = torch.rand(4, 1, 32, 48).expand(-1, 3, -1, -1)
    out = draw("color").image(grey)
    torch.testing.assert_close(out[:, 0], out[:, 2])
    changed = draw("color")
    torch.testing.assert_close(
        changed.image(grey).mean(dim=(1, 2, 3)),
        grey.mean(dim=(1, 2, 3)) + changed.color[:, 0],
        rtol=1e-4,
        atol=1e-5,
    )
