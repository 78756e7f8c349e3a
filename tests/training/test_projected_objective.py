"""Whose style a picture takes."""

import pytest
import torch
import torch.nn.functional as F

from semsynth.errors import SemsynthError
from semsynth.training.objectives.base import Networks, Step
from semsynth.training.objectives.spade import draw_fake
from semsynth.training.settings import ObjectiveSettings


class _Styled(torch.nn.Module):
    """Paints its style's first three numbers."""

    style_dim, shifts = 3, 0

    def forward(self, labels, *, style, instances):
        return style[:, :, None, None].expand(-1, -1, *labels.shape[1:])


class _Encoder(torch.nn.Module):
    """The mean colour, exactly."""

    def forward(self, images):
        mean = F.adaptive_avg_pool2d(images, 1).flatten(1)
        return mean, torch.full_like(mean, -60.0)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, [0, 1, 2, 3]), (0.5, [0, 0, 2, 2]), (0.25, [0, 1, 2, 0])]
)
def test_style_transfer_takes_the_styles_of_other_photographs(
    share: float, expected: list[int], step_of
) -> None:
    images = torch.rand(4, 3, 8, 8)
    networks = Networks(_Styled(), None, _Encoder())
    settings = ObjectiveSettings(prior_share=share, prior="photographs")
    drawn = draw_fake(step_of(images), networks, settings)
    assert drawn.style_source.tolist() == expected
    torch.testing.assert_close(drawn.pictures.mean((2, 3)), images[expected].mean((2, 3)))


def test_normal_styles_have_no_source_and_style_transfer_needs_two_pictures(step_of) -> None:
    networks = Networks(_Styled(), None, _Encoder())
    settings = ObjectiveSettings(prior_share=0.5)
    assert draw_fake(step_of(torch.rand(4, 3, 8, 8)), networks, settings).style_source.tolist() == [
        0,
        -1,
        2,
        -1,
    ]
    with pytest.raises(SemsynthError, match="two or more"):
        draw_fake(
            step_of(torch.rand(1, 3, 8, 8)), networks, ObjectiveSettings(prior_share=1.0, prior="photographs")
        )


@pytest.fixture
def step_of():
    from semsynth.data.sample import Batch

    def make(images: torch.Tensor) -> Step:
        labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)
        batch = Batch(images, labels, None, tuple(str(i) for i in range(len(images))))
        return Step(batch, torch.Generator().manual_seed(0), 0, len(images))

    return make
