"""Which of two neighbours stands in front.

Qi et al., CVPR 2018. The paper learns it from depth maps. Few data sets have any, so the rule is
a prior per class, counted in the label maps themselves; `OrderingNetwork` is there for those that have depth.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from semsynth.labels import LabelSpace
from semsynth.models.crn import SLOPE
from semsynth.models.sims.alignment import SegmentTrunk
from semsynth.models.sims.roles import roles_of
from semsynth.models.sims.segments import Labels, Mask, Segment, dilate

DEPTH_BAND = 11
"""Width in pixels of the band along a common border in which depths are compared."""


class HasClass(Protocol):
    """Anything of one class."""

    @property
    def class_id(self) -> int:
        """Its class."""


@dataclass(frozen=True)
class FrontCounts:
    """How often each class stood in front of a neighbour: (K,) counts, and (K,) of comparisons."""

    in_front: NDArray[np.int64]
    compared: NDArray[np.int64]

    @classmethod
    def none(cls, num_classes: int) -> "FrontCounts":
        """Nothing counted yet."""
        return cls(np.zeros(num_classes, np.int64), np.zeros(num_classes, np.int64))

    def count(self, segments: list[Segment], space: LabelSpace) -> None:
        """Add the neighbours among the segments of one label map, in place.

        Without depth, the one the other surrounds more is taken to be in front: the car whose outline is
        mostly road, not the road whose outline is hardly car. Objects are in front of the ground, always.
        """
        roles = roles_of(space)
        outlines = [dilate(segment.mask, 1) & ~segment.mask for segment in segments]
        for i, a in enumerate(segments):
            for j, b in enumerate(segments[:i]):
                a_in_b, b_in_a = int((outlines[i] & b.mask).sum()), int((outlines[j] & a.mask).sum())
                if a_in_b == 0 or a.class_id == b.class_id:
                    continue
                a_wins = a_in_b / outline_length(a) > b_in_a / outline_length(b)
                for one, other, wins in ((a, b, True), (b, a, False)):
                    if one.class_id in roles.objects and other.class_id in roles.ground:
                        a_wins = wins
                front = a if a_wins else b
                self.in_front[front.class_id] += 1
                self.compared[[a.class_id, b.class_id]] += 1

    def share(self) -> NDArray[np.float64]:
        """(K,) share of comparisons won, drawn towards a half where a class was seldom compared."""
        return (self.in_front + 1.0) / (self.compared + 2.0)

    def is_front(self, a: HasClass, b: HasClass) -> bool:
        """Whether a stands in front of b, by class alone."""
        share = self.share()
        return bool(share[a.class_id] > share[b.class_id])


def outline_length(segment: Segment) -> int:
    """Pixels just outside a segment; where the picture cuts it off, those just inside."""
    mask = segment.mask
    rim = mask[0].sum() + mask[-1].sum() + mask[:, 0].sum() + mask[:, -1].sum()
    return int((dilate(mask, 1) & ~mask).sum() + rim)


def front_by_disparity(disparity: NDArray[np.floating], a: Mask, b: Mask) -> bool | None:
    """Whether a is in front of b by the medians of disparity (larger is nearer) along their border.

    Returns:
        None where the two do not touch.
    """
    radius = DEPTH_BAND // 2
    band = dilate(a, radius) & dilate(b, radius)
    if not (band & a).any() or not (band & b).any():
        return None
    return bool(np.median(disparity[band & a]) > np.median(disparity[band & b]))


class OrderingNetwork(nn.Module):
    """Tells the class of the front one of two segments from colour renderings: (B, 6, H, W) → (B, K).

    Trained by cross-entropy to the class `front_by_disparity` names. The published network's last pooling
    leaves out the right quarter of the picture; here it covers all of it.

    Args:
        num_classes: K.
        width: channels of the trunk's first stage (64 published).
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        super().__init__()
        self.trunk = SegmentTrunk(6, width)
        self.hidden = nn.Conv2d(8 * width, 16 * width, 1, bias=False)
        self.norm = nn.GroupNorm(1, 16 * width, eps=1e-12)
        self.logits = nn.Conv2d(16 * width, num_classes, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 6, H, W) of `pair_pictures` → (B, K) logits of the class in front."""
        x = self.norm(self.hidden(self.trunk(pictures)))
        x = F.dropout(F.leaky_relu(x, SLOPE), 0.5, self.training)
        return self.logits(x).flatten(1)  # type: ignore[no-any-return]


def pair_pictures(labels: Labels, a: Mask, b: Mask, space: LabelSpace) -> Tensor:
    """What the network sees of two segments: (6, H, W), the two alone and the whole map, in colours 0..1."""
    colors = space.colorize(labels)
    alone = np.where((a | b)[..., None], colors, 0)
    return torch.from_numpy(np.concatenate([alone, colors], 2)).permute(2, 0, 1).float() / 255
