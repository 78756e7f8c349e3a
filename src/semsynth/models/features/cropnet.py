"""CropNet: a small feature network that is trained from nothing on photographs, without labels.

It shares no weights and no training images with the networks that are trained on ImageNet, which losses use.
``semsynth features train`` trains it to tell which two crops are of one photograph.
"""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_json
from semsynth.files.tensors import read_safetensors
from semsynth.files.writing import write_atomically

FEATURES_FILE = "features.json"
WEIGHTS_FILE = "model.safetensors"
NETWORK = "cropnet"
"""What reports and ``loss_networks`` call it."""
WIDTHS = (24, 48, 96, 128)
"""Channels at strides 2, 4, 8 and 16."""


class CropNet(nn.Module):
    """Four stages, each a convolution of stride 2 and one with a residual connection: 0.4 million weights."""

    dimensions = sum(WIDTHS)

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList(_Stage(before, after) for before, after in pairwise((3, *WIDTHS)))
        self.float()  # whatever the program's default dtype is

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B,3,H,W) in [-1,1] → features at strides 2, 4, 8, 16; 16 must divide the sides."""
        features = []
        for stage in self.stages:
            images = stage(images)
            features.append(images)
        return features

    def maps(self, images: Tensor) -> Tensor:
        """(B,3,H,W) in [-1,1] → (B,296,H/8,W/8): all stages at stride 8, each with the mean it had."""
        first, second, third, fourth = self(images)
        pooled = [F.avg_pool2d(first, 4), F.avg_pool2d(second, 2)]
        return torch.cat([*pooled, third, F.interpolate(fourth, scale_factor=2, mode="nearest")], 1)

    def save(self, folder: Path, card: dict[str, Any]) -> None:
        """Write ``features.json`` and ``model.safetensors`` (bfloat16) into a folder.

        Args:
            folder: Made if missing.
            card: How it was trained, as plain data.
        """
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            name: value.to(torch.bfloat16).contiguous()
            for name, value in self.state_dict().items()
            if value.is_floating_point()
        }
        write_atomically(folder / WEIGHTS_FILE, save(weights))
        described = json.dumps({"format": 1, "network": NETWORK, **card}, indent=2, ensure_ascii=False)
        write_atomically(folder / FEATURES_FILE, (described + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> "CropNet":
        """Read what `save` wrote, as float32, for evaluation.

        Raises:
            SemsynthError: A file is missing, damaged or of another network.
        """
        described_by = folder / FEATURES_FILE
        card = read_json(described_by)
        if not isinstance(card, dict) or card.get("network") != NETWORK:
            raise SemsynthError(f"{described_by} does not describe a {NETWORK}.")
        network = cls()
        expected = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
        network.load_state_dict(
            read_safetensors(folder / WEIGHTS_FILE, expected, FEATURES_FILE), strict=False
        )
        return network.eval().requires_grad_(False)


class _Stage(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.down = _convolution(before, after, 2)
        self.refine = _convolution(after, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return x + self.refine(x)  # type: ignore[no-any-return]


def _convolution(before: int, after: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )
