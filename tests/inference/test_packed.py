"""Convolutions with packed weights draw what ordinary ones draw, in any order of sizes."""

import copy

import pytest
import torch
from torch import nn

from semsynth.inference.packed import PackedConv
from tests.exactness import assert_as_exact


@pytest.mark.parametrize(("channels", "size"), [(1024, 3), (1024, 1), (24, 3)])
def test_float32_is_exact_at_every_size(channels: int, size: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 8, size, padding=size // 2)
    twin = nn.Conv2d(channels, 8, size, padding=size // 2).double()
    twin.load_state_dict(conv.state_dict())
    plain = copy.deepcopy(conv)
    packed = PackedConv(conv, torch.float32)
    for batch, height, width in [(1, 4, 6), (2, 20, 24), (1, 4, 6), (3, 8, 8)]:
        x = torch.randn(batch, channels, height, width).to(memory_format=torch.channels_last)
        add = torch.randn(batch, 8, height, width).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            expected = twin(x.double())
            usual = plain(x.contiguous())
            found, added = packed(x), packed(x, add=add.clone(memory_format=torch.preserve_format))
        assert_as_exact(found, usual, expected)
        assert_as_exact(added, usual + add, expected + add)
        assert found.is_contiguous(memory_format=torch.channels_last)
