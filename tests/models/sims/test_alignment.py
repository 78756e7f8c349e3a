"""Alignment: begins as the identity, is kept only where better, and can learn to put a segment back."""

import pytest
import torch
from torch import Tensor

from semsynth.models.sims.alignment import (
    AlignmentNetwork,
    alignment_loss,
    fit,
    identity,
    overlap,
    random_misfit,
    training_loss,
    warp,
)
from semsynth.ops.init import initialize


def square(top: int, left: int, size: int = 64) -> Tensor:
    mask = torch.zeros(1, 1, size, size)
    mask[:, :, top : top + 16, left : left + 16] = 1
    return mask


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        network = AlignmentNetwork(20)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 14.7


def test_it_begins_as_the_identity_whatever_it_sees() -> None:
    network = AlignmentNetwork(3, width=4)
    initialize(network, "xavier_uniform", generator=torch.Generator().manual_seed(0))
    seen = torch.rand(2, 3, 64, 32), torch.rand(2, 1, 64, 32), torch.rand(2, 3, 64, 32)
    assert torch.equal(network(*seen), identity(2))
    assert not network.trained
    with torch.no_grad():
        network.bias[2] = 0.1
    assert network.trained


def test_the_identity_changes_nothing() -> None:
    planes = torch.rand(2, 3, 16, 24)
    torch.testing.assert_close(warp(planes, identity(2)), planes, atol=1e-5, rtol=0)


def test_a_warp_is_kept_only_where_it_fits_better() -> None:
    wanted, stored = square(20, 24), square(20, 20)
    colors = stored * torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
    right, wrong = identity(1).clone(), identity(1).clone()
    right[:, 0, 2], wrong[:, 0, 2] = -4 * 2 / 64, 4 * 2 / 64  # sampled from four pixels left, right
    theta = torch.cat([right, wrong])
    fitted, masks = fit(*(planes.expand(2, -1, -1, -1) for planes in (colors, stored, wanted)), theta)
    torch.testing.assert_close(masks[:1], wanted)
    torch.testing.assert_close(fitted[:1, :1], wanted, atol=1e-5, rtol=0)
    assert torch.equal(masks[1:], stored)
    assert torch.equal(fitted[1:], colors)


def test_overlap_is_intersection_over_union() -> None:
    assert overlap(square(0, 0), square(0, 8)).item() == pytest.approx(128 / (256 + 256 - 128))


def test_the_loss_is_the_mean_difference_in_levels_over_the_masks() -> None:
    image, wanted = torch.full((3, 64, 64), 0.5), square(8, 8)
    assert alignment_loss(image[None], wanted, image) == 0
    off = alignment_loss(image[None] + 0.1, wanted, image)
    torch.testing.assert_close(off, torch.tensor(3 * 25.5 * 256 / 257))


def test_misfits_stay_in_their_ranges() -> None:
    theta = random_misfit(500, torch.Generator().manual_seed(0))
    scale, shift = theta[:, 0, 0], theta[:, :, 2] / 2
    assert 0.9 <= scale.min() < 0.92
    assert 1.08 < scale.max() <= 1.1
    assert 0.03 < shift.abs().max() <= 0.03125
    assert (theta[:, 0, 1] == 0).all()
    assert torch.equal(theta[:, 0, 0], theta[:, 1, 1])


def test_it_learns_to_put_segments_back() -> None:
    torch.manual_seed(0)
    network = AlignmentNetwork(2, width=2)
    gradient = torch.linspace(0, 1, 64)
    image = torch.stack([gradient.expand(64, 64), gradient[:, None].expand(64, 64), torch.ones(64, 64)])
    masks, labels = torch.cat([square(10, 30), square(30, 20)]), torch.zeros(1, 2, 64, 64)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    losses = []
    for step in range(60):
        loss = training_loss(network, image, masks, labels, torch.Generator().manual_seed(step % 3))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert sum(losses[-6:]) < 0.8 * sum(losses[:6])
