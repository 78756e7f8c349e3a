"""Differentiable augmentation for training on little data (Zhao et al. 2020).

What the discriminator sees, real and fake alike, is augmented; gradients pass to the generator. Where the
picture moves, the labels move along. A fake and the photograph it is matched with must share one
`Augmentation`, else feature matching compares different places.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

Policy = Literal["color", "translation", "cutout"]
POLICIES: tuple[Policy, ...] = get_args(Policy)

SHIFT = 1 / 8
"""Greatest translation, as a share of the side."""

HOLE = 1 / 2
"""Side of the square cut out, as a share of the side."""


@dataclass(frozen=True)
class Augmentation:
    """One drawn augmentation of a batch; None where the policy leaves a step out.

    Attributes:
        color: (B,3): brightness added, saturation factor, contrast factor.
        shift: (B,2) int64: pixels down and to the right.
        hole: (B,2) int64: the centre of the square cut out, row and column.
    """

    color: Tensor | None
    shift: Tensor | None
    hole: Tensor | None

    def image(self, image: Tensor) -> Tensor:
        """Augment pictures (B,3,H,W); what comes in from outside and what is cut out is 0, mid-grey."""
        if self.color is not None:
            image = _recolor(image, self.color.to(image))
        if self.shift is not None:
            image = self.move(image)
        if self.hole is not None:
            image = image * _outside_hole(self.hole.to(image.device), image.shape[2], image.shape[3])
        return image

    def labels(self, labels: Tensor, fill: int = 0) -> Tensor:
        """Move an id map (B,H,W) with the picture; `fill` comes in from outside."""
        return self.move(labels.unsqueeze(1), fill).squeeze(1)

    def move(self, planes: Tensor, fill: float = 0) -> Tensor:
        """Move any planes (B,C,H,W) with the picture, e.g. dense semantics; `fill` comes in from outside."""
        if self.shift is None:
            return planes
        batch, _, height, width = planes.shape
        shift = self.shift.to(planes.device)
        rows = torch.arange(height, device=planes.device) - shift[:, :1]  # (B,H): the row each row comes from
        cols = torch.arange(width, device=planes.device) - shift[:, 1:]  # (B,W)
        inside = _within(rows, height)[:, :, None] & _within(cols, width)[:, None, :]  # (B,H,W)
        index = torch.arange(batch, device=planes.device)[:, None, None]
        moved = planes.permute(0, 2, 3, 1)[
            index, rows.clamp(0, height - 1)[:, :, None], cols.clamp(0, width - 1)[:, None, :]
        ]  # (B,H,W,C)
        return torch.where(inside.unsqueeze(1), moved.permute(0, 3, 1, 2), fill)


def draw_augmentation(
    batch: int,
    height: int,
    width: int,
    policies: Collection[str] = POLICIES,
    *,
    generator: torch.Generator | None = None,
) -> Augmentation:
    """Draw one augmentation a picture.

    Args:
        batch: number of pictures B.
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.
        policies: which of "color", "translation", "cutout".
        generator: a CPU generator.

    Raises:
        ValueError: an unknown policy.
    """
    if unknown := set(policies) - set(POLICIES):
        raise ValueError(f"unknown augmentations {sorted(unknown)}; allowed are {', '.join(POLICIES)}")
    # Always all numbers, so that a policy does not move another's.
    uniform = torch.rand(batch, 7, dtype=torch.float32, generator=generator)
    low = torch.tensor([-0.5, 0.0, 0.5], dtype=torch.float32)
    span = torch.tensor([1.0, 2.0, 1.0], dtype=torch.float32)
    side = torch.tensor([height, width], dtype=torch.float32)
    reach = (side * SHIFT + 0.5).long()
    return Augmentation(
        color=low + span * uniform[:, :3] if "color" in policies else None,
        shift=(uniform[:, 3:5] * (2 * reach + 1)).long() - reach if "translation" in policies else None,
        hole=(uniform[:, 5:] * side).long() if "cutout" in policies else None,
    )


def _recolor(image: Tensor, color: Tensor) -> Tensor:
    brightness, saturation, contrast = color[:, :, None, None, None].unbind(1)  # each (B,1,1,1)
    image = image + brightness
    grey = image.mean(dim=1, keepdim=True)
    image = grey + (image - grey) * saturation
    level = image.mean(dim=(1, 2, 3), keepdim=True)
    return level + (image - level) * contrast


def _within(position: Tensor, size: int) -> Tensor:
    return (position >= 0) & (position < size)


def _outside_hole(centre: Tensor, height: int, width: int) -> Tensor:
    """(B,1,H,W) bool: False inside the square around `centre` (B,2)."""
    half_h, half_w = int(height * HOLE + 0.5) // 2, int(width * HOLE + 0.5) // 2
    rows = torch.arange(height, device=centre.device) - centre[:, :1]
    cols = torch.arange(width, device=centre.device) - centre[:, 1:]
    in_rows = (rows >= -half_h) & (rows < max(half_h, 1))  # (B,H)
    in_cols = (cols >= -half_w) & (cols < max(half_w, 1))  # (B,W)
    return ~(in_rows[:, None, :, None] & in_cols[:, None, None, :])
