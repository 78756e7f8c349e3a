"""Computing blocks again in the backward pass changes memory, not numbers."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.models import GENERATORS
from semsynth.models.ablations import ConcatGenerator, LabelledPix2PixHDGenerator
from semsynth.models.base import GeneratorModule
from semsynth.models.ccfpse import CCFPSEGenerator
from semsynth.models.crn import CRNGenerator
from semsynth.models.oasis import OASISGenerator
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.sims.refine import Refiner
from semsynth.models.spade import SpadeGenerator


class Refined(GeneratorModule):
    """SIMS's refiner with an empty canvas."""

    def __init__(self) -> None:
        super().__init__(num_classes=4, uses_instances=False, style_dim=None, stride=64)
        self.refine = Refiner(4, 2)

    def forward(self, labels: Tensor, **_: object) -> Tensor:
        pixels = self.refine.to_image.weight.new_zeros(len(labels), 3, *labels.shape[1:])
        image: Tensor = self.refine(labels, pixels, pixels[:, :1], self.run)[0]
        return image


NETWORKS: dict[str, Callable[[], GeneratorModule]] = {
    "spade": lambda: SpadeGenerator(num_classes=4, width=1, hidden=4),
    "oasis": lambda: OASISGenerator(num_classes=4, width=1, style_dim=3, hidden=4),
    "ccfpse": lambda: CCFPSEGenerator(num_classes=4, width=1, hidden=4),
    "concat": lambda: ConcatGenerator(num_classes=4, width=1),
    "pix2pixhd-labelled": lambda: LabelledPix2PixHDGenerator(num_classes=4, width=1, blocks=2, hidden=4),
    "pix2pixhd": lambda: Pix2PixHDGenerator(num_classes=4, width=2, downsamplings=2, blocks=4, enhancers=1),
    "crn": lambda: CRNGenerator(num_classes=4, width=2, modules=5),
    "sims": Refined,
}


def count_convolutions(network: nn.Module) -> list[str]:
    """A list that grows with every call of a convolution."""
    calls: list[str] = []
    for name, layer in network.named_modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda *_, name=name: calls.append(name))
    return calls


def test_a_family_that_cannot_is_refused() -> None:
    assert {name for name, kind in GENERATORS.items() if kind.can_recompute} == NETWORKS.keys()
    plain = GeneratorModule(num_classes=4, uses_instances=False, style_dim=None, stride=1)
    with pytest.raises(SemsynthError, match=r"run\.recompute is true, but GeneratorModule cannot"):
        plain.enable_recompute()


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_state_are_the_same_and_blocks_are_computed_twice(name: str) -> None:
    torch.manual_seed(0)
    plain = NETWORKS[name]().double()
    again = copy.deepcopy(plain)
    again.recompute = True
    labels = torch.randint(4, (2, 64, 64))
    style = None if plain.style_dim is None else torch.randn(2, plain.style_dim, dtype=torch.float64)
    once, twice = count_convolutions(plain), count_convolutions(again)
    for network in (plain, again):
        network(labels, style=style).square().mean().backward()
    assert len(twice) > 1.3 * len(once) > 0
    for (key, ours), theirs in zip(again.named_parameters(), plain.parameters(), strict=True):
        if theirs.grad is None:
            assert ours.grad is None, key
            continue
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=1e-6, msg=key)
    for (key, ours), theirs in zip(again.named_buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0, msg=key)
