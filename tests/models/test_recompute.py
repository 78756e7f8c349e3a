"""Computing blocks again in the backward pass changes memory, not numbers."""

import copy
from collections.abc import Callable

import pytest
import torch

from semsynth.models.ablations import ConcatGenerator, LabelledPix2PixHDGenerator
from semsynth.models.base import GeneratorModule
from semsynth.models.ccfpse import CCFPSEGenerator
from semsynth.models.oasis import OASISGenerator

NETWORKS: dict[str, Callable[[], GeneratorModule]] = {
    "oasis": lambda: OASISGenerator(num_classes=4, width=1, style_dim=3, hidden=4),
    "ccfpse": lambda: CCFPSEGenerator(num_classes=4, width=1, hidden=4),
    "concat": lambda: ConcatGenerator(num_classes=4, width=1),
    "pix2pixhd-labelled": lambda: LabelledPix2PixHDGenerator(num_classes=4, width=1, blocks=2, hidden=4),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_state_are_the_same(name: str) -> None:
    torch.manual_seed(0)
    plain = NETWORKS[name]().double()
    again = copy.deepcopy(plain)
    again.recompute = True
    labels = torch.randint(4, (2, 32, 64))
    style = None if plain.style_dim is None else torch.randn(2, plain.style_dim, dtype=torch.float64)
    for network in (plain, again):
        network(labels, style=style).square().mean().backward()
    for (key, ours), theirs in zip(again.named_parameters(), plain.parameters()):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-9, rtol=1e-6, msg=key)
    for (key, ours), theirs in zip(again.named_buffers(), plain.buffers()):
        torch.testing.assert_close(ours, theirs, atol=1e-12, rtol=0, msg=key)
