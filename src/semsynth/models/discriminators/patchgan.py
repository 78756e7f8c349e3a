"""The multi-scale patch discriminator of pix2pixHD and SPADE.

It sees [one-hot labels, instance edges, picture]. A convolution is linear, so the first one is computed in
two parts: the labels' part once per label map, for fake and real pictures alike, and the pictures' part. At
full resolution the labels' part may be a look-up, a sum of 16 columns of the weight per output, which gives
the same numbers without ever making the one-hot planes. Between scales everything is averaged; labels become
soft there, and are counted into planes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from semsynth.models.base import check_labels, label_planes
from semsynth.models.published import Imported, blank, require, translate
from semsynth.ops.blocks import conv_norm
from semsynth.ops.convolution import Conv2d
from semsynth.ops.edges import instance_edges
from semsynth.ops.lookup import halve, halved_one_hot, label_windows, lookup_conv

KERNEL, PAD, SLOPE = 4, 2, 0.2
MAX_WIDTH = 512

Prediction = list[list[Tensor]]
"""[scale][layer]: every layer's features; each scale ends with its map of scores (B,1,h,w)."""


def _convolution(before: int, after: int, stride: int) -> nn.Conv2d:
    return (Conv2d if stride == 1 else nn.Conv2d)(before, after, KERNEL, stride, PAD)


@dataclass(frozen=True)
class LabelInput:
    """What one scale sees of a batch of label maps.

    Attributes:
        windows: (B,h',w',16) symbols of the labels under each output; or None.
        planes: (B,C,h,w) dense planes: all S of them, or only the edges beside `windows`; or None.
    """

    windows: Tensor | None
    planes: Tensor | None


class PatchDiscriminator(nn.Module):
    """One scale: 4x4 convolutions, each halving the picture but for the last hidden one, then a score map.

    Args:
        in_channels: planes of labels, edges and picture together.
        width: channels of the first layer; doubled by each up to 512.
        layers: hidden layers (4 in both papers).
        norm: after all but the first and last layer, see `conv_norm`.
        spectral: spectral norm on those same layers.
    """

    def __init__(self, in_channels: int, width: int, layers: int, norm: str, spectral: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(in_channels, width, KERNEL, stride=2, padding=PAD)
        widths = [min(width * 2**i, MAX_WIDTH) for i in range(layers)]
        self.hidden = nn.ModuleList(
            conv_norm(_convolution(before, after, 1 if i == layers - 2 else 2), norm, spectral=spectral)
            for i, (before, after) in enumerate(pairwise(widths))
        )
        self.score = nn.Conv2d(widths[-1], 1, KERNEL, padding=PAD)

    def label_part(self, seen: LabelInput, label_channels: int) -> Tensor:
        """The first convolution of the labels alone, without bias: (B,width,h',w')."""
        weight = self.first.weight[:, :label_channels]  # (width,S,4,4)
        out: Tensor | None = None
        if seen.windows is not None:
            classes = label_channels - (0 if seen.planes is None else seen.planes.shape[1])
            out = lookup_conv(seen.windows, weight[:, :classes])
            weight = weight[:, classes:]
        if seen.planes is not None:
            dense = F.conv2d(seen.planes.to(weight.dtype), weight, stride=2, padding=PAD)
            out = dense if out is None else out + dense
        assert out is not None  # a label map always has classes
        return out

    def forward(self, label_part: Tensor, images: Tensor) -> list[Tensor]:
        """Labels' part (B,width,h',w'), pictures (n*B,3,h,w) → features of every layer, then scores."""
        repeats = images.shape[0] // label_part.shape[0]
        weight = self.first.weight[:, self.first.in_channels - images.shape[1] :]
        x = F.conv2d(images, weight, self.first.bias, stride=2, padding=PAD)
        x = F.leaky_relu(x + label_part.repeat(repeats, 1, 1, 1).to(x.dtype), SLOPE)
        features = [x]
        for layer in self.hidden:
            x = F.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return [*features, self.score(x)]


class MultiscaleDiscriminator(nn.Module):
    """Patch discriminators on ever smaller versions of the same input (pix2pixHD, SPADE appendix A).

    Args:
        num_classes: K.
        instances: whether an instance edge plane follows the classes.
        width: channels of the first layer; doubled by each up to 512.
        layers: hidden layers (4 in both papers).
        norm: after all but the first and last layer: "instance", "batch", "sync_batch" or "none".
        spectral: spectral norm on those same layers.
        scales: how many discriminators (2; pix2pixHD takes 3 for pictures 2048 wide).
        image_channels: planes of a picture.
        lookup: compute the labels' part at full resolution by look-up; the numbers are the same.
    """

    def __init__(
        self,
        *,
        num_classes: int,
        instances: bool = False,
        width: int = 64,
        layers: int = 4,
        scales: int = 2,
        norm: str = "instance",
        spectral: bool = True,
        image_channels: int = 3,
        lookup: bool = True,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.uses_instances = instances
        self.label_channels = num_classes + instances
        self.lookup = lookup
        self.batch_statistics = norm in ("batch", "sync_batch")
        self.scales = nn.ModuleList(
            PatchDiscriminator(self.label_channels + image_channels, width, layers, norm, spectral)
            for _ in range(scales)
        )

    def start_from(self, state: Mapping[str, Tensor]) -> None:
        """Take over the state of one with as many scales, or with fewer: those are the coarser ones here.

        Raises:
            RuntimeError: the shapes differ.
        """
        new = len(self.scales) - len({name.split(".")[1] for name in state})
        moved = dict(self.state_dict())
        for name, value in state.items():
            _, number, rest = name.split(".", 2)
            moved[f"scales.{int(number) + new}.{rest}"] = value
        self.load_state_dict(moved)

    def see(self, labels: Tensor, instances: Tensor | None = None) -> list[LabelInput]:
        """Prepare a batch's labels for every scale, to be used by several passes.

        Args:
            labels: (B,H,W) int64 ids; or (B,S,H,W) floating dense planes, edges last, for labels that are
                soft or padded.
            instances: (B,H,W) instance ids, where used; None takes the boundaries between classes.

        Raises:
            SemsynthError: ids without a class; the look-up would read beyond its table.
        """
        with torch.no_grad():
            if labels.is_floating_point():
                return [LabelInput(None, planes) for planes in self._halvings(labels)]
            check_labels(labels, self.num_classes)
            dtype = cast(PatchDiscriminator, self.scales[0]).first.weight.dtype
            edges = None
            if self.uses_instances:
                edges = instance_edges(labels if instances is None else instances).to(dtype)
            if not self.lookup:
                full = label_planes(labels, self.num_classes, edges, dtype)
                return [LabelInput(None, planes) for planes in self._halvings(full)]
            seen = [LabelInput(label_windows(labels, KERNEL, stride=2, padding=PAD), edges)]
            if len(self.scales) > 1:
                half = halved_one_hot(labels, self.num_classes, dtype)
                half = half if edges is None else torch.cat([half, halve(edges)], 1)
                seen += [LabelInput(None, planes) for planes in self._halvings(half)[: len(self.scales) - 1]]
            return seen

    def _halvings(self, planes: Tensor) -> list[Tensor]:
        pyramid = [planes]
        while len(pyramid) < len(self.scales):
            pyramid.append(halve(pyramid[-1]))
        return pyramid

    def forward(
        self, labels: Tensor | Sequence[LabelInput], images: Tensor, instances: Tensor | None = None
    ) -> Prediction:
        """Score pictures.

        Args:
            labels: (B,H,W) ids, or what `see` made of them.
            images: (n*B,3,H,W): n pictures for each label map, e.g. all fakes and then all photographs.
            instances: see `see`.

        Returns:
            [scale][layer] tensors of batch n*B.
        """
        seen = self.see(labels, instances) if isinstance(labels, Tensor) else labels
        return self._score(self._label_parts(seen), images)

    def compare(
        self,
        labels: Tensor | Sequence[LabelInput],
        fake: Tensor,
        real: Tensor,
        instances: Tensor | None = None,
    ) -> tuple[Prediction, Prediction]:
        """Score fakes and photographs of the same label maps together, as published: [fake, real] stacked.

        Where no gradient reaches the photographs' side, it is computed without one. That holds when neither
        `real` nor any parameter here wants a gradient, as in a generator's step with this network frozen; the
        numbers stay those of the stacked pass, of which one power iteration is a part.
        """
        seen = self.see(labels, instances) if isinstance(labels, Tensor) else labels
        with parametrize.cached():
            parts = self._label_parts(seen)
            frozen = not real.requires_grad and not any(p.requires_grad for p in self.parameters())
            if frozen and not (self.batch_statistics and self.training):
                scored_fake = self._score(parts, fake)
                with torch.no_grad():
                    return scored_fake, self._score(parts, real)
            both = self._score(parts, torch.cat([fake, real]))
        half = len(fake)
        return [[x[:half] for x in scale] for scale in both], [[x[half:] for x in scale] for scale in both]

    def _label_parts(self, seen: Sequence[LabelInput]) -> list[Tensor]:
        return [
            cast(PatchDiscriminator, scale).label_part(level, self.label_channels)
            for scale, level in zip(self.scales, seen, strict=True)
        ]

    def _score(self, parts: Sequence[Tensor], images: Tensor) -> Prediction:
        prediction: Prediction = []
        for scale, part in zip(self.scales, parts, strict=True):
            if prediction:
                images = halve(images)
            prediction.append(scale(part, images))
        return prediction


def import_published(state: Mapping[str, Tensor], *, instances: bool = False) -> Imported:
    """Read a discriminator of either release: arguments of `MultiscaleDiscriminator`, and its state.

    Args:
        state: published names → tensors.
        instances: whether one of the label planes is the edge plane; a file does not say.

    Raises:
        SemsynthError: names the first tensor that does not fit.
    """
    spade = any(key.startswith("discriminator_") for key in state)
    count = len({key.split(".")[0] if spade else key.split("_")[0] for key in state})
    # pix2pixHD numbers its scales from the smallest.
    names = [f"discriminator_{i}.model" if spade else f"scale{count - 1 - i}_layer" for i in range(count)]
    depth = len({key[len(names[0]) :].split(".")[0] for key in state if key.startswith(names[0])}) - 1
    first = require(
        state, f"{names[0]}0.0.weight" if names else "discriminator_0.model0.0.weight", "discriminator"
    )
    spectral = any(key.endswith("weight_orig") for key in state)
    nested = f"{names[0]}1.0.0.weight{'_orig' * spectral}" in state  # a norm makes a Sequential of its own
    batch = f"{names[0]}1.0.1.running_mean" in state
    config: dict[str, Any] = {
        "num_classes": first.shape[1] - 3 - instances,
        "instances": instances,
        "width": first.shape[0],
        "layers": depth,
        "scales": count,
        "norm": "sync_batch" if batch else "instance" if nested or not spade else "none",
        "spectral": spectral,
    }
    inner = ".0.0" if nested else ".0"
    modules, unused = {}, set()
    for i, name in enumerate(names):
        modules[f"scales.{i}.first"] = f"{name}0.0"
        modules[f"scales.{i}.score"] = f"{name}{depth}.0"
        for j in range(1, depth):
            modules[f"scales.{i}.hidden.{j - 1}.conv"] = f"{name}{j}{inner}"
            modules[f"scales.{i}.hidden.{j - 1}.norm"] = f"{name}{j}.0.1"
            if not spade:  # a bias in front of an instance norm changes nothing
                unused.add(f"{name}{j}.0.bias")
    return config, translate(state, modules, blank(MultiscaleDiscriminator, config), unused=unused)
