"""CC-FPSE's discriminator: a feature pyramid, compared with embedded labels (Liu et al. 2019)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.models.base import label_planes
from semsynth.models.published import Imported, blank, require, translate
from semsynth.ops.blocks import ConvNorm, conv_norm
from semsynth.ops.edges import instance_edges

SLOPE = 0.2


class FpseOutput(NamedTuple):
    """What the discriminator says.

    Attributes:
        features: four maps of the encoder, strides 4, 8, 16, 32; for feature matching (each as a scale of one
            layer, `with_last=True`, weight 20).
        scores: [scale][one map]: strides 4, 8, 16, as the GAN losses take them.
    """

    features: list[Tensor]
    scores: list[list[Tensor]]


def _layer(before: int, after: int, kernel: int, stride: int = 1) -> ConvNorm:
    return conv_norm(nn.Conv2d(before, after, kernel, stride, kernel // 2), "instance")


class FpseDiscriminator(nn.Module):
    """Labels and picture to scores at three scales.

    Args:
        num_classes: K.
        instances: whether an instance edge plane follows the classes.
        width: base width (64).
    """

    def __init__(self, *, num_classes: int, instances: bool = False, width: int = 64) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.uses_instances = instances
        widths = [width, 2 * width, 4 * width, 8 * width, 8 * width]
        self.encoder = nn.ModuleList(
            _layer(before, after, 3, stride=2) for before, after in pairwise([3, *widths])
        )
        self.lateral = nn.ModuleList(_layer(after, 4 * width, 1) for after in widths[1:])  # strides 4 to 32
        self.head = nn.ModuleList(_layer(4 * width, 2 * width, 3) for _ in range(3))  # strides 4, 8, 16
        self.realism = nn.Conv2d(2 * width, 1, 1)
        self.meaning = nn.Conv2d(2 * width, 2 * width, 1)
        self.embedding = nn.Conv2d(num_classes + instances, 2 * width, 1)

    def forward(self, labels: Tensor, images: Tensor, instances: Tensor | None = None) -> FpseOutput:
        """Score pictures.

        Args:
            labels: (B,H,W) int64 ids, or (B,S,H,W) floating dense planes, edges last.
            images: (n*B,3,H,W) in [-1,1]: n pictures for each label map, e.g. all fakes and then all
                photographs.
            instances: (B,H,W), where used; None takes the boundaries between classes.
        """
        features, x = [], images
        for layer in self.encoder:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        features = features[1:]  # strides 4, 8, 16, 32
        sides = [F.leaky_relu(layer(x), SLOPE) for layer, x in zip(self.lateral, features, strict=True)]
        merged, x = [], sides[-1]
        for side in reversed(sides[:-1]):
            x = side + F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            merged.append(x)
        embedded = self._embed(labels, instances)
        scores = []
        for layer, x, wanted in zip(self.head, reversed(merged), embedded, strict=True):
            x = F.leaky_relu(layer(x), SLOPE)
            wanted = wanted.repeat(images.shape[0] // labels.shape[0], 1, 1, 1)
            agreement = (self.meaning(x) * wanted).sum(1, keepdim=True)  # (n*B,1,h,w)
            scores.append([self.realism(x) + agreement])
        return FpseOutput(features, scores)

    def _embed(self, labels: Tensor, instances: Tensor | None) -> list[Tensor]:
        """Embedded labels averaged to strides 4, 8, 16."""
        planes = labels
        if not labels.is_floating_point():
            edges = (
                instance_edges(labels if instances is None else instances) if self.uses_instances else None
            )
            planes = label_planes(labels, self.num_classes, edges, self.embedding.weight.dtype)
        # A 1x1 convolution and a mean change places freely: averaging the planes first is cheaper.
        quarter = F.avg_pool2d(planes, 4)
        return [self.embedding(F.avg_pool2d(quarter, factor)) for factor in (1, 2, 4)]


def import_published(state: Mapping[str, Tensor], *, instances: bool = False) -> Imported:
    """Read the discriminator of the CC-FPSE release: arguments of `FpseDiscriminator`, and its state.

    Args:
        state: published names → tensors.
        instances: whether one of the label planes is the edge plane; a file does not say.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    embedding = require(state, "embedding.weight", "CC-FPSE discriminator")
    config: dict[str, Any] = {
        "num_classes": embedding.shape[1] - instances,
        "instances": instances,
        "width": embedding.shape[0] // 2,
    }
    modules = {"realism": "tf", "meaning": "seg", "embedding": "embedding"}
    modules |= {f"encoder.{i}.conv": f"enc{i + 1}.0.0" for i in range(5)}
    modules |= {f"lateral.{i}.conv": f"lat{i + 2}.0.0" for i in range(4)}
    modules |= {f"head.{i}.conv": f"final{i + 2}.0.0" for i in range(3)}
    return config, translate(state, modules, blank(FpseDiscriminator, config))
