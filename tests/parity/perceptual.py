"""The perceptual loss over a VGG-19 with seeded random weights."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from semsynth.losses.perceptual import perceptual_loss
from semsynth.models.features.vgg import BLOCKS, Vgg19
from tests.exactness import GRADIENT, relative_norm
from tests.parity.rows import NEAR, Row, compare


def seeded_vgg() -> dict[str, Tensor]:
    """The weights the recording drew: parameter i of torchvision's `features` from seed 1000 + i."""
    state, before, layer, number = {}, 3, 0, 0
    for widths in BLOCKS:
        for width in widths:
            for part, shape in (("weight", (width, before, 3, 3)), ("bias", (width,))):
                draws = torch.Generator().manual_seed(1000 + number)
                scale = (2 / (before * 9)) ** 0.5 if part == "weight" else 0.05
                state[f"features.{layer}.{part}"] = torch.randn(shape, generator=draws) * scale
                number += 1
            before, layer = width, layer + 2
        layer += 1  # the pooling layer
    return state


def check_perceptual(golden: Mapping[str, Any]) -> list[Row]:
    """Loss, its gradient, and each stage's distance."""
    runs: list[dict[str, Tensor]] = []
    for dtype in (torch.float64, torch.float32):
        network = Vgg19()
        network.load_torchvision(seeded_vgg())
        network = network.to(dtype)
        x, y = golden["x"].to(dtype).requires_grad_(), golden["y"].to(dtype)
        loss = perceptual_loss(network, x, y)
        loss.backward()
        with torch.no_grad():
            distances = [(a - b).abs().mean() for a, b in zip(network(x), network(y), strict=True)]
        assert x.grad is not None
        runs.append({"loss": loss, "grad_x": x.grad, "l1_per_slice": torch.stack(distances)})
    rows = []
    for name in runs[0]:
        recorded = golden[name] if isinstance(golden[name], Tensor) else torch.tensor(golden[name])
        if name != "grad_x":
            rows.append(compare(name, runs[0][name], runs[1][name], recorded, absolute=1e-8, relative=NEAR))
            continue
        errors = [relative_norm(run[name], recorded) for run in runs]
        rows.append(Row(name, *errors, max(errors) <= GRADIENT, "in the L2 norm"))
    return rows
