"""Which style a picture is drawn in."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from semsynth.errors import SemsynthError
from semsynth.training.objectives.adversarial import index_of, unpaired_rows
from semsynth.training.objectives.base import Networks, Step
from semsynth.training.objectives.oasis import OASISObjective
from semsynth.training.objectives.spade import SpadeObjective


class _Styled(torch.nn.Module):
    """Paints its style's first three numbers."""

    style_dim, noise_period, num_classes = 3, 0, 1

    def __init__(self) -> None:
        super().__init__()
        self.styles: list[torch.Tensor] = []

    def forward(self, labels, *, style, instances, noise_offset):
        self.styles.append(style)
        return style[:, :, None, None].expand(-1, -1, *labels.shape[1:])


class _Discriminator(torch.nn.Module):
    """Logits of "fake" and of one class."""

    def forward(self, images):
        return images[:, :2]


class _Encoder(torch.nn.Module):
    """The mean colour, exactly."""

    def forward(self, images):
        mean = F.adaptive_avg_pool2d(images, 1).flatten(1)
        return mean, torch.full_like(mean, -60.0)


def networks() -> Networks:
    return Networks(_Styled(), _Discriminator(), _Encoder())


@pytest.mark.parametrize(
    ("share", "expected"), [(0.0, [0, 1, 2, 3]), (0.5, [0, 0, 2, 2]), (0.25, [0, 1, 2, 0])]
)
def test_style_transfer_takes_the_styles_of_other_photographs(
    share: float, expected: list[int], step_of
) -> None:
    images = torch.rand(4, 3, 8, 8)
    objective = SpadeObjective(perceptual=0.0, prior_share=share, prior="photographs")
    drawn = objective.draw(step_of(images), networks())
    assert drawn.style_source == expected
    torch.testing.assert_close(drawn.pictures.mean((2, 3)), images[expected].mean((2, 3)))


def test_normal_styles_have_no_source_and_style_transfer_needs_two_pictures(step_of) -> None:
    normal = SpadeObjective(perceptual=0.0, prior_share=0.5)
    drawn = normal.draw(step_of(torch.rand(4, 3, 8, 8)), networks())
    assert drawn.style_source == [0, -1, 2, -1]
    alone = SpadeObjective(perceptual=0.0, prior_share=1.0, prior="photographs")
    with pytest.raises(SemsynthError, match="two or more"):
        alone.draw(step_of(torch.rand(1, 3, 8, 8)), networks())


def test_oasis_draws_both_its_losses_in_the_same_styles(step_of) -> None:
    objective = OASISObjective(perceptual=0.0, prior_share=0.5, prior="photographs")
    step, both = step_of(torch.rand(4, 3, 8, 8)), networks()
    result = objective.generator_loss(step, both)
    objective.discriminator_loss(step, both, result)
    of_generator, of_discriminator = both.generator.styles
    assert torch.equal(of_generator[0], of_generator[1])
    torch.testing.assert_close(of_generator, of_discriminator)


@pytest.mark.parametrize(
    "rows", [[], [2], [0, 1, 2, 3], [1, 3], [0, 3], [0, 1, 3], [0, 0], [3, 1], [2, 0, 2]]
)
def test_rows_are_indexed_by_slices_where_they_are_evenly_spaced(rows: list[int]) -> None:
    values, index = torch.arange(4), index_of(rows)
    assert values[index].tolist() == rows
    assert isinstance(index, slice) == (rows not in ([0, 1, 3], [0, 0], [3, 1], [2, 0, 2]))


@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.5, 0.99, 1.0])
def test_unpaired_rows_of_parts_are_those_of_the_whole_batch(share: float, step_of) -> None:
    whole = unpaired_rows(step_of(torch.zeros(12, 3, 1, 1)), share)
    assert len(whole) == int(12 * share)
    parts = [
        unpaired_rows(replace(step_of(torch.zeros(4, 3, 1, 1)), first=n, total=12), share) for n in (0, 4, 8)
    ]
    assert whole == [4 * number + row for number, part in enumerate(parts) for row in part]


@pytest.fixture
def step_of():
    from semsynth.data.sample import Batch

    def make(images: torch.Tensor) -> Step:
        labels = torch.zeros(len(images), *images.shape[2:], dtype=torch.int64)
        batch = Batch(images, labels, None, tuple(str(i) for i in range(len(images))))
        return Step(batch, torch.Generator().manual_seed(0), 0, len(images))

    return make
