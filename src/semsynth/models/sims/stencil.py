"""Training pairs for the refiner: canvases stencilled out of real photographs.

Qi et al., CVPR 2018. Of each real segment only what a retrieved one would also cover is kept, so that the
canvas has the holes, seams and colours a real one has, and the photograph is still its right answer.
"""

import math

import numpy as np
from numpy.typing import NDArray

from semsynth.errors import SemsynthError
from semsynth.models.sims.bank import SegmentBank
from semsynth.models.sims.canvas import CLEARED, Canvas
from semsynth.models.sims.retrieval import coarse_mask_iou
from semsynth.models.sims.segments import Labels, dilate, find_segments

TRIES = 100
"""How many other photographs are searched for a mask."""

RECOLORED = 0.2
"""Share of segments that take on the colours of the retrieved one."""

SEAM = 0.05
"""Width of the band across a segment's border of which half the pixels turn white, a share of the height."""

ROTATION = math.radians(2.5)
SHIFT = 0.01
"""How far label maps are turned and shifted, at most; shifts are a share of the side."""


def training_canvas(
    bank: SegmentBank,
    image: NDArray[np.uint8],
    labels: Labels,
    source: np.random.Generator,
    *,
    exclude: int | None = None,
) -> Canvas:
    """Make the canvas of a photograph.

    Args:
        bank: where masks and colours are borrowed from.
        image: (H, W, 3), at the bank's size.
        labels: (H, W) its label map.
        source: of every draw.
        exclude: the photograph's own number in the bank.

    Raises:
        SemsynthError: the photograph is not of the bank's size.
    """
    if labels.shape != bank.size:
        raise SemsynthError(
            f"The memory bank {bank.folder} holds pictures of {'x'.join(map(str, bank.size))}, training has "
            f"{'x'.join(map(str, labels.shape))}; build the bank at the training size."
        )
    pixels = np.zeros((*labels.shape, 3), np.float32)
    filled = np.zeros(labels.shape, np.bool_)
    seams = filled.copy()
    others = np.delete(np.arange(len(bank.keys)), [] if exclude is None else exclude)
    searched = source.choice(others, min(TRIES, len(others)), replace=False)
    for segment in find_segments(labels, bank.space):
        rows = bank.by_class.get(segment.class_id, np.empty(0, np.intp))
        rows = rows[np.isin(bank.segments[rows, 0], searched)]
        if not len(rows):
            continue
        row = int(rows[np.argmax(coarse_mask_iou(bank, rows, segment.mask))])
        borrowed = bank.mask(row)
        kept = borrowed & segment.mask
        colors = image[kept].astype(np.float64)
        if len(colors) and source.random() < RECOLORED:
            colors = transfer_colors(colors, bank.pixels(row)[borrowed].astype(np.float64))
        pixels[kept] = np.clip(colors, 0, 255) / 255
        filled |= kept
        radius = round(SEAM * len(labels) / 2)
        seams |= dilate(kept, radius) & dilate(~kept, radius)
    white = seams & (source.random(labels.shape) < 0.5)
    pixels[white] = 1.0
    return Canvas(pixels, filled | white, jitter_labels(labels, source))


def transfer_colors(colors: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give colours the mean and covariance of others by the linear map that moves them least.

    The Monge-Kantorovich map between two Gaussians: x -> A (x - m) + m', with
    A = S^(-1/2) (S^(1/2) S' S^(1/2))^(1/2) S^(-1/2).

    Args:
        colors: (n, 3), mean m, covariance S.
        like: (n', 3), mean m', covariance S'.

    Returns:
        (n, 3), not clipped.
    """
    covariance, wanted = (_covariance(c) for c in (colors, like))
    root, inverse_root = _power(covariance, 0.5), _power(covariance, -0.5)
    mapping = inverse_root @ _power(root @ wanted @ root, 0.5) @ inverse_root
    moved: NDArray[np.float64] = (colors - colors.mean(0)) @ mapping.T + like.mean(0)
    return moved


def _covariance(colors: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = colors - colors.mean(0)
    covariance: NDArray[np.float64] = centred.T @ centred / len(colors) + 1e-3 * np.eye(3)  # flat colours
    return covariance


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    """A power of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(matrix)
    result: NDArray[np.float64] = (vectors * np.maximum(values, 1e-12) ** exponent) @ vectors.T
    return result


def jitter_labels(labels: Labels, source: np.random.Generator) -> NDArray[np.int64]:
    """Turn and shift a label map a little; where four neighbours disagree about a pixel it gets no class.

    Args:
        labels: (H, W) ids.
        source: of the angle and the shift.

    Returns:
        (H, W) int64, -1 where there is no class.
    """
    height, width = labels.shape
    angle = source.uniform(-ROTATION, ROTATION)
    shift = source.uniform(-SHIFT, SHIFT, 2) * (height, width)
    y, x = np.mgrid[:height, :width].astype(np.float64)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    rows = math.cos(angle) * y - math.sin(angle) * x + (height - 1) / 2 + shift[0]
    columns = math.sin(angle) * y + math.cos(angle) * x + (width - 1) / 2 + shift[1]
    padded = np.pad(labels.astype(np.int64), 1, constant_values=CLEARED)
    top = np.clip(np.floor(rows).astype(np.int64), -1, height - 1) + 1
    left = np.clip(np.floor(columns).astype(np.int64), -1, width - 1) + 1
    corners = np.stack([padded[top + i, left + j] for i in (0, 1) for j in (0, 1)])
    jittered: NDArray[np.int64] = np.where((corners == corners[0]).all(0), corners[0], CLEARED)
    return jittered
