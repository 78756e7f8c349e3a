"""The refiner: a U-shaped network that turns a canvas and a label map into a picture.

Qi et al., CVPR 2018. Layer norm throughout; a second head names the classes of what was drawn,
which keeps the picture true to the labels that were asked for, not those the canvas happens to have.
"""

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.crn import NormedConv2d
from semsynth.models.sims.canvas import CLEARED

STRIDE = 64
"""Height and width must be multiples of it."""


class Refiner(nn.Module):
    """Six halvings down, six doublings up; the canvas is seen again at every size.

    Args:
        num_classes: K.
        width: channels of the first stage (64 published).
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.num_classes = num_classes
        seen = num_classes + 3 + 1
        widths = [seen, *(width * m for m in (1, 2, 4, 8, 8, 8))]
        depths = (2, 2, 3, 3, 3, 3)
        self.encoder = nn.ModuleList(
            nn.Sequential(
                NormedConv2d(before, after),
                *(NormedConv2d(after, after) for _ in range(depth - 1)),
                nn.AvgPool2d(3, 2, ceil_mode=True),
            )
            for (before, after), depth in zip(pairwise(widths), depths, strict=True)
        )
        skips = [*reversed(widths[1:]), 0]
        ups = [width * m for m in (8, 8, 8, 8, 8, 4, 4)]
        self.decoder = nn.ModuleList(
            nn.Sequential(NormedConv2d(seen + skip + before, own), NormedConv2d(own, own))
            for skip, (before, own) in zip(skips, pairwise([0, *ups]), strict=True)
        )
        self.to_image = nn.Conv2d(ups[-1], 3, 1)
        self.to_classes = nn.Conv2d(ups[-1], num_classes, 1)

    def forward(
        self,
        labels: Tensor,
        pixels: Tensor,
        filled: Tensor,
        run: Callable[[nn.Module, Tensor], Tensor] = nn.Module.__call__,
    ) -> tuple[Tensor, Tensor]:
        """Draw.

        Args:
            labels: (B, H, W) int64 as the canvas has them, -1 for no class.
            pixels: (B, 3, H, W) the canvas in [0, 1].
            filled: (B, 1, H, W) 1 where the canvas holds something.
            run: calls the stages, see `GeneratorModule.run`.

        Returns:
            the picture (B, 3, H, W), about [-1, 1] and not clamped, and logits of its classes (B, K, H, W).
        """
        planes = F.one_hot(labels - CLEARED, self.num_classes + 1)[..., 1:].movedim(3, 1).to(pixels.dtype)
        canvas = torch.cat([planes, pixels, filled], 1)  # (B,K+4,H,W)
        maps = [canvas]
        for stage in self.encoder:
            maps.append(run(stage, maps[-1]))
        x: Tensor | None = None
        for (
            stage
        ) in self.decoder:  # coarsest first; the last one, at full size, has only the canvas beside it
            size = maps[-1].shape[2:]
            beside = [_resize(canvas, size), maps.pop()] if len(maps) > 1 else [canvas]
            x = run(stage, torch.cat([*beside, *([] if x is None else [_resize(x, size)])], 1))
        return self.to_image(x), self.to_classes(x)


def _resize(planes: Tensor, size: torch.Size) -> Tensor:
    return F.interpolate(planes, size=size, mode="bilinear", align_corners=True)
