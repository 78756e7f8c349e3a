"""What a style is worth: how much it changes a picture, and how far it follows a photograph.

Both are measured with simple statistics that everyone can recompute; neither is a published metric, so
neither borrows a published name.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import Pixels

Array = npt.NDArray[np.float64]
Stages = Callable[[Tensor], list[Tensor]]
"""Pictures (B, 3, H, W) in [-1, 1] → features of several stages, as ``efficientnet_lite`` gives them."""


@torch.inference_mode()
def perceptual_distances(pictures: Sequence[Pixels], stages: Stages) -> Array:
    """Distance between every two pictures of one size, (N (N-1) / 2,).

    As in LPIPS (Zhang et al. 2018) but without learned weights: at every position the features are scaled to
    length 1; the squared difference is averaged over positions and over stages. 0 is equal, 2 is opposite.
    """
    if len(pictures) < 2:
        raise SemsynthError(
            f"{len(pictures)} picture has no distance to another: at least two styles are needed."
        )
    features = [F.normalize(level.float(), dim=1) for level in stages(to_tensor(pictures))]
    values = []
    for i, j in combinations(range(len(pictures)), 2):
        levels = [(level[i] - level[j]).square().sum(dim=0).mean().item() for level in features]
        values.append(sum(levels) / len(levels))
    return np.array(values, dtype=np.float64)


def diversity(groups: Sequence[Sequence[Pixels]], stages: Stages) -> float:
    """Mean perceptual distance between styles of one label map, over maps; 0 means styles do nothing."""
    return float(np.mean([perceptual_distances(group, stages).mean() for group in groups]))


@dataclass(frozen=True)
class Faithfulness:
    """How far guided pictures move from where they were to the style photograph: 0 not at all, 1 all the way.

    Attributes:
        colour: By mean and covariance of Lab colours.
        texture: By mean and deviation of the features of the network's first two stages.
    """

    colour: float
    texture: float


def faithfulness(
    guided: Sequence[Pixels], unguided: Sequence[Pixels], photos: Sequence[Pixels], stages: Stages
) -> Faithfulness:
    """Compare guided and unguided pictures of the same maps with the style photographs.

    For each statistic the answer is 1 - d(guided, photo) / d(unguided, photo), the distances summed over all
    pictures; negative where guidance moves away.
    """
    if not len(guided) == len(unguided) == len(photos) or not guided:
        raise SemsynthError(
            f"{len(guided)} guided pictures, {len(unguided)} unguided and {len(photos)} photographs: "
            "one of each is needed for every map."
        )

    def moved(statistics: Callable[[Pixels], Array]) -> float:
        after = before = 0.0
        for made, plain, photo in zip(guided, unguided, photos):
            goal = statistics(photo)
            after += float(np.linalg.norm(statistics(made) - goal))
            before += float(np.linalg.norm(statistics(plain) - goal))
        return 1.0 - after / before if before > 0 else 0.0

    return Faithfulness(moved(color_statistics), moved(lambda picture: texture_statistics(picture, stages)))


def nearness(guided: Sequence[Pixels], own: Sequence[int], photos: Iterable[Pixels]) -> float:
    """Mean share of the other photographs that a guided picture is farther from than from its own, 0..1.

    By `color_statistics`. Half would be chance.

    Args:
        guided: Pictures.
        own: Which of the photographs guided each.
        photos: All of them, two at least.
    """
    statistics = np.stack([color_statistics(photo) for photo in photos])
    shares = []
    for picture, number in zip(guided, own, strict=True):
        apart = np.linalg.norm(statistics - color_statistics(picture), axis=1)
        shares.append(np.mean(np.delete(apart, number) > apart[number]))
    return float(np.mean(shares))


def color_statistics(picture: Pixels) -> Array:
    """Mean (3) and square root of the covariance (9) of a picture's CIE Lab colours, (12,).

    The Euclidean distance of two such vectors is close to the Fréchet distance of their colours, in Lab
    units.
    """
    lab = to_lab(picture).reshape(-1, 3)
    eigenvalues, vectors = np.linalg.eigh(np.cov(lab, rowvar=False))
    root = vectors * np.sqrt(np.maximum(eigenvalues, 0)) @ vectors.T
    return np.concatenate([lab.mean(axis=0), root.ravel()])


@torch.inference_mode()
def texture_statistics(picture: Pixels, stages: Stages) -> Array:
    """Mean and deviation over positions of every channel of the first two stages."""
    early = stages(to_tensor([picture]))[:2]
    parts = [torch.cat([level.float().mean((2, 3)), level.float().std((2, 3))], 1)[0] for level in early]
    return torch.cat(parts).double().numpy()


def to_lab(picture: Pixels) -> Array:
    """sRGB (H, W, 3) uint8 → CIE L*a*b* under D65, (H, W, 3)."""
    unit = picture.astype(np.float64) / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    matrix = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    xyz = linear @ matrix.T / matrix.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack(
        [116 * f[..., 1] - 16, 500 * (f[..., 0] - f[..., 1]), 200 * (f[..., 1] - f[..., 2])], axis=-1
    )


def to_tensor(pictures: Sequence[Pixels]) -> Tensor:
    """Pictures (H, W, 3) uint8 of one size → (B, 3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
