"""The refiner: its published size, and that cleared labels are no class."""

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils.flop_counter import FlopCounterMode

from semsynth.models.sims.refine import Refiner


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        network = Refiner(20)
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 55.7


def test_cost_is_the_published_one() -> None:
    with FakeTensorMode():
        network = Refiner(20)
        inputs = torch.zeros(1, 256, 512).long(), torch.zeros(1, 3, 256, 512), torch.zeros(1, 1, 256, 512)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(*inputs)
    assert round(counter.get_total_flops() / 2e9) == 331


def test_it_draws_a_picture_and_names_its_classes() -> None:
    torch.manual_seed(0)
    network = Refiner(5, width=4)
    labels = torch.randint(-1, 5, (2, 64, 128))
    image, logits = network(labels, torch.rand(2, 3, 64, 128), torch.ones(2, 1, 64, 128))
    assert image.shape == (2, 3, 64, 128)
    assert logits.shape == (2, 5, 64, 128)
    (image.square().mean() + logits.square().mean()).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())


def test_cleared_pixels_have_no_class() -> None:
    network = Refiner(3, width=2)
    seen = []
    network.encoder[0].register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    labels = torch.full((1, 64, 64), -1)
    labels[:, :32] = 2
    network(labels, torch.zeros(1, 3, 64, 64), torch.zeros(1, 1, 64, 64))
    assert seen[0].shape == (1, 7, 64, 64)
    assert (seen[0][:, :3, 32:] == 0).all()
    assert (seen[0][:, 2, :32] == 1).all()
    assert seen[0].sum() == 32 * 64
