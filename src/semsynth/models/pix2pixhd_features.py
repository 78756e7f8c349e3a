"""pix2pixHD's instance features (section 3.4): look of each instance in a few numbers, to edit or to draw.

In training an encoder reads them off the photograph, one mean per instance. Without a photograph they are
drawn from clusters of what the encoder found in the training set, class by class.
"""

from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.pix2pixhd import Stage
from semsynth.ops.blocks import conv_norm


class InstanceEncoder(nn.Module):
    """Photograph to features that are constant on each instance.

    Args:
        style_dim: channels of the features (3).
        width: base width (16).
        downsamplings: how often the picture is halved, and doubled again (4).
    """

    def __init__(self, *, style_dim: int = 3, width: int = 16, downsamplings: int = 4) -> None:
        super().__init__()
        self.stage = Stage(3, width, downsamplings, 0, partial(conv_norm, norm="instance", spectral=False))
        self.to_features = nn.Conv2d(width, style_dim, 7, padding=3, padding_mode="reflect")

    def forward(self, images: Tensor, instances: Tensor) -> Tensor:
        """Encode.

        Args:
            images: (B,3,H,W) in [-1,1]; H and W multiples of 2^downsamplings.
            instances: (B,H,W) integer ids; or labels, for features per class.

        Returns:
            (B,Z,H,W) in [-1,1].
        """
        features = self.to_features(self.stage(images)).tanh()
        means, index = instance_means(features, instances)
        return means[index].permute(0, 3, 1, 2)


def instance_means(features: Tensor, instances: Tensor) -> tuple[Tensor, Tensor]:
    """Mean features of every instance of every picture.

    Args:
        features: (B,Z,H,W).
        instances: (B,H,W) integer ids; equal ids in two pictures are two instances.

    Returns:
        means (N,Z); index (B,H,W): each pixel's row of `means`.
    """
    span = instances.max() - instances.min() + 1
    offsets = torch.arange(len(instances), device=instances.device) * span
    _, index = torch.unique(instances - instances.min() + offsets[:, None, None], return_inverse=True)
    rows = features.permute(0, 2, 3, 1).flatten(0, 2)  # (B*H*W,Z)
    counts = torch.bincount(index.flatten()).to(rows)  # (N,)
    sums = rows.new_zeros(len(counts), rows.shape[1]).index_add(0, index.flatten(), rows)
    return sums / counts[:, None], index


def cluster(points: Tensor, count: int, *, generator: torch.Generator, rounds: int = 50) -> Tensor:
    """Centres of at most `count` clusters (k-means, started by k-means++).

    Args:
        points: (N,Z), at least one: an instance's features each.
        count: clusters wanted (10 a class in the paper).
        generator: a generator on the points' device.
        rounds: at most so many rounds.

    Returns:
        (min(count, N), Z).
    """
    first = int(torch.randint(len(points), (1,), generator=generator, device=points.device))
    centres = points[first : first + 1]
    while len(centres) < min(count, len(points)):
        distance = torch.cdist(points, centres).amin(1).square() + 1e-12
        chosen = torch.multinomial(distance, 1, generator=generator)
        centres = torch.cat([centres, points[chosen]])
    for _ in range(rounds):
        nearest = torch.cdist(points, centres).argmin(1)
        members = F.one_hot(nearest, len(centres)).to(points)  # (N,k)
        sizes = members.sum(0)[:, None]
        moved = torch.where(sizes > 0, members.t() @ points / sizes.clamp_min(1), centres)
        if torch.equal(moved, centres):
            break
        centres = moved
    return centres


def draw_features(
    labels: Tensor, instances: Tensor | None, centres: dict[int, Tensor], *, generator: torch.Generator
) -> Tensor:
    """Features for pictures that are not there: a centre of its class for each instance.

    Args:
        labels: (B,H,W) int64.
        instances: (B,H,W) integer ids, or None for one instance a class.
        centres: class id → (k,Z) centres; a class without any gets 0.
        generator: a CPU generator.

    Returns:
        (B,Z,H,W).
    """
    means, index = instance_means(labels.unsqueeze(1).double(), labels if instances is None else instances)
    dim = next(iter(centres.values())).shape[1]
    rows = torch.zeros(len(means), dim, dtype=torch.float32, device=labels.device)
    for i, mean in enumerate(means[:, 0].tolist()):
        choices = centres.get(round(mean))  # an instance has one class
        if choices is not None:
            rows[i] = choices[int(torch.randint(len(choices), (1,), generator=generator))]
    return rows[index].permute(0, 3, 1, 2)
