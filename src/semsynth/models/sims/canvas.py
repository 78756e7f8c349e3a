"""The canvas: retrieved segments pasted back to front, with the seams taken out again.

Qi et al., CVPR 2018. Seams and the ground around objects are left to the refiner to draw.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from semsynth.models.sims.roles import ClassRoles
from semsynth.models.sims.segments import (
    Labels,
    Mask,
    border_band,
    bounding_box,
    dilate,
    enlarged,
    inside,
)

CLEARED = -1
"""In a canvas's label map: no class at all."""

INNER_BAND = 0.035
"""Width of the band inside a segment's border of which half the pixels turn white, a share of the height."""

SHADOW_BAND = 0.08
SHADOW_MARGIN = 0.125
"""Around objects, ground is taken out within the first (of the height) and a box wider by the second."""

VEHICLE_BAND, PLANT_BAND = 0.06, 0.04
"""How much is taken out around vehicles on roads and around plants, shares of the height."""


@dataclass(frozen=True)
class Placed:
    """A segment ready to be pasted.

    Attributes:
        class_id: its class.
        wanted: (H, W) bool, the place it was fetched for.
        mask: (H, W) bool, its own shape.
        pixels: (H, W, 3) float32 in [0, 1], valid inside the mask.
    """

    class_id: int
    wanted: Mask
    mask: Mask
    pixels: NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """What the refiner is given.

    Attributes:
        pixels: (H, W, 3) float32 in [0, 1]; 0 where nothing was pasted, white on seams.
        filled: (H, W) bool, false where nothing was pasted.
        labels: (H, W) int64, the label map as the pasted shapes have it; -1 where there is no class.
    """

    pixels: NDArray[np.float32]
    filled: Mask
    labels: NDArray[np.int64]


Front = Callable[[Placed, Placed], bool]
"""Whether the first stands in front of the second."""


def compose(
    labels: Labels,
    placed: Sequence[Placed],
    roles: ClassRoles,
    order: NDArray[np.floating],
    is_front: Front,
    source: np.random.Generator,
) -> Canvas:
    """Paste, rewrite the label map to what was pasted, and take the seams out.

    Args:
        labels: (H, W) ids.
        placed: the segments.
        roles: what the classes are.
        order: (K,) how far in front each class stands; the least is pasted first.
        is_front: asked for every two segments that overlap.
        source: of the random half of the seams.
    """
    visible = visible_parts(placed, order, is_front)
    pixels = np.zeros((*labels.shape, 3), np.float32)
    rewritten = labels.astype(np.int64)
    filled = np.zeros(labels.shape, np.bool_)
    for piece in placed:
        rewritten[piece.wanted] = CLEARED
    for piece, mask in visible:
        pixels[mask] = piece.pixels[mask]
        rewritten[mask] = piece.class_id
        filled |= mask
    kept = (rewritten == CLEARED) & np.isin(labels, list(roles.context))
    rewritten[kept] = labels[kept]
    for piece, mask in visible:
        own = mask & (rewritten == piece.class_id)
        band = border_band(own, round(INNER_BAND * len(labels)))
        pixels[band & (source.random(labels.shape) < 0.5)] = 1.0
    holes = surroundings(rewritten, visible, roles)
    pixels[holes] = 0.0
    return Canvas(pixels, filled & ~holes, rewritten)


def visible_parts(
    placed: Sequence[Placed], order: NDArray[np.floating], is_front: Front
) -> list[tuple[Placed, Mask]]:
    """Segments in the order of pasting, each clipped by what was pasted before and stands in front of it."""
    result: list[tuple[Placed, Mask]] = []
    # Within a class the larger goes first.
    for piece in sorted(placed, key=lambda piece: (order[piece.class_id], -int(piece.mask.sum()))):
        mask = piece.mask
        for other, other_mask in result:
            if (mask & other_mask).any() and is_front(other, piece):
                mask = mask & ~other_mask
        result.append((piece, mask))
    return result


def surroundings(labels: Labels, visible: Sequence[tuple[Placed, Mask]], roles: ClassRoles) -> Mask:
    """Where the canvas is emptied again: (H, W) bool.

    Around objects the ground, so that shadows can be drawn; around vehicles the road they were cut from;
    around plants whatever was pasted there.
    """
    height, size = len(labels), labels.shape
    ground = np.isin(labels, list(roles.ground)) | (labels == CLEARED)
    holes = np.zeros(size, np.bool_)
    for piece, mask in visible:
        if not mask.any():
            continue
        if piece.class_id in roles.objects:
            box = enlarged(
                bounding_box(mask), (height, size[1]), top=0.0, sides=SHADOW_MARGIN, bottom=SHADOW_MARGIN
            )
            holes |= dilate(mask, round(SHADOW_BAND * height)) & inside(box, (height, size[1])) & ground
        if piece.class_id in roles.vehicles:
            holes |= dilate(mask, round(VEHICLE_BAND * height)) & ground
        if piece.class_id in roles.plants:
            around = dilate(mask, round(PLANT_BAND * height)) & ~mask
            holes |= around & ~np.isin(labels, list(roles.plants | roles.objects))
    return holes
