import pytest
import torch
from torch import Tensor

from semsynth.losses.perceptual import perceptual_loss


def features(images: Tensor) -> list[Tensor]:
    return [images, 100 * images[:, :, ::2, ::2]]


def test_zero_for_equal_pictures_and_no_gradient_to_the_photograph() -> None:
    image = torch.randn(1, 3, 8, 8)
    assert perceptual_loss(features, image, image, (1, 1)) == 0
    fake, real = image.clone().requires_grad_(), (image + 1).requires_grad_()
    perceptual_loss(features, fake, real, (1, 1)).backward()
    assert fake.grad is not None
    assert real.grad is None


def test_relative_distances_forget_the_size_of_a_stage() -> None:
    fake, real = torch.randn(1, 3, 8, 8), torch.randn(1, 3, 8, 8)
    first = perceptual_loss(
        features, fake[:, :, ::2, ::2].contiguous(), real[:, :, ::2, ::2], (1, 0), relative=True
    )
    second = perceptual_loss(features, fake, real, (0, 1), relative=True)
    torch.testing.assert_close(first, second)
    assert perceptual_loss(features, fake, torch.zeros_like(real), (1, 1), relative=True).isfinite()


def test_weights_are_one_a_stage() -> None:
    image = torch.randn(1, 3, 8, 8)
    with pytest.raises(ValueError, match="3 weights for a network of 2 stages"):
        perceptual_loss(features, image, image, (1, 1, 1))
