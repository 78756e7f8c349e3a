"""SPADE's objective, with a discriminator that also sees the features of the perceptual loss's network.

The feature network is run once on each picture. The perceptual loss and the heads share its features, in the
generator's step and in the discriminator's. See `semsynth.models.discriminators.projected`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.losses.perceptual import feature_distance
from semsynth.losses.statistics import (
    class_statistics_distance,
    color_distance,
    group_statistics,
    statistics_distance,
)
from semsynth.models.discriminators import ProjectedDiscriminator
from semsynth.models.style_encoder import color_planes
from semsynth.ops.lookup import halved_shares
from semsynth.training.objectives.adversarial import Drawn, index_of
from semsynth.training.objectives.base import (
    GeneratorResult,
    HeadInputs,
    Losses,
    Networks,
    Step,
    TrainingContext,
)
from semsynth.training.objectives.spade import SpadeObjective

TEXTURE_SQUARES = 4
"""Squares a side in the texture term."""

TEXTURE_STAGES = 3
"""Stages of the feature network that the texture term compares, from the finest on: strides 2, 4 and 8."""

STYLE_STAGES = 1
"""Stages that the style term compares beside colours: fine features say less of what is shown."""

CLASS_STYLE_STAGES = 3
"""Stages that the style term class by class compares: within the sky, coarser features are style too."""

CONTENT_STAGES = 3
"""First of the stages that the content term compares, strides 16 and 32: what is shown, not how it looks."""

STYLE_GROUPS = ("water", "land", "plants", "roads", "buildings")
"""Groups of labels whose classes look alike: in style transfer a missing class takes its group's colours."""

MEASURED = 256
"""Photographs whose features say how large features are."""


@dataclass(kw_only=True, eq=False)
class ProjectedObjective(SpadeObjective):
    """Losses of SPADE and of the heads, which always score the fake of the generator's step.

    Args:
        projected: Weight of the adversarial term in the frozen network's features. With weight 0 it is
            computed and logged as 0.
        color: Weight of the distance between colours averaged over large squares.
        texture: Weight of the distance between statistics of features over squares.
        style: Weight of the distance between statistics of a whole picture and those of the photograph that
            its style comes from, see `prior`.
        class_style: Weight of the same distance taken class by class, of what both pictures show, and of the
            colours of a class's group where the photograph lacks the class.
        content: Weight of the distance between deep features of such a picture and those of the photograph of
            its own label map.

    Raises:
        SemsynthError: Another feature network than EfficientNet-Lite0.
    """

    projected: float = 1.0
    color: float = 0.0
    texture: float = 0.0
    style: float = 0.0
    class_style: float = 0.0
    content: float = 0.0

    def __post_init__(self) -> None:
        if self.network_name() != "efficientnet-lite0":
            raise SemsynthError(
                "The heads are made for efficientnet-lite0; objective.perceptual_network is "
                f"{self.network_name()!r}."
            )
        self.perceptual_loss = self.network = self.build_perceptual()

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Take the groups of classes from the label set; measure the features of photographs, once."""
        self.groups = _same_group(context.dataset.label_space)
        discriminator = cast(ProjectedDiscriminator, networks.discriminator)
        if bool(discriminator.mixing.measured):
            return
        with torch.no_grad():
            batches = context.pictures(MEASURED, 32)
            features = [_head_stages(self.network.features(batch.images)) for batch in batches]
        discriminator.mixing.measure(features)

    def _feature_losses(
        self, step: Step, networks: Networks, drawn: Drawn
    ) -> tuple[Losses, HeadInputs | None]:
        """The perceptual term and the heads', from one pass over fakes and photographs augmented alike."""
        discriminator = cast(ProjectedDiscriminator, networks.discriminator)
        augmentation = self._augmentation(step)
        with torch.no_grad():
            of_real = self.network.features(augmentation.image(step.batch.images))
        of_fake = self.network.features(augmentation.image(drawn.pictures))
        labels, classes = augmentation.labels(step.batch.labels), networks.generator.num_classes
        shares = halved_shares(labels, classes, len(of_fake))
        scores = _float(discriminator.score_features(_head_stages(of_fake), _head_stages(shares)))
        losses = {"projected": self.projected * generator_loss(scores, self.gan)}
        losses |= self._reconstruction(step, drawn, of_fake, of_real)
        losses |= self._style_transfer(step, drawn, of_fake, of_real, shares)
        kept = [x.detach() for x in _head_stages(of_fake)]
        return losses, HeadInputs(kept, _head_stages(of_real), _head_stages(shares))

    def _reconstruction(
        self, step: Step, drawn: Drawn, of_fake: Sequence[Tensor], of_real: Sequence[Tensor]
    ) -> Losses:
        """The distances of pictures in their own photograph's style from that photograph."""
        weights = {"perceptual": self.perceptual, "color": self.color, "texture": self.texture}
        losses = {name: drawn.pictures.new_zeros(()) for name, weight in weights.items() if weight}
        if not drawn.paired:
            return losses
        own = index_of(drawn.paired)
        ours, theirs = [x[own] for x in of_fake], [x[own] for x in of_real]
        if self.perceptual:
            losses["perceptual"] = self.perceptual * feature_distance(
                ours, theirs, self.network.weights, relative=self.network.relative
            )
        if self.color:
            losses["color"] = self.color * color_distance(drawn.pictures[own], step.batch.images[own])
        if self.texture:
            stages = ours[:TEXTURE_STAGES], theirs[:TEXTURE_STAGES]
            losses["texture"] = self.texture * statistics_distance(*stages, squares=TEXTURE_SQUARES)
        return losses

    def _style_transfer(
        self,
        step: Step,
        drawn: Drawn,
        of_fake: Sequence[Tensor],
        of_real: Sequence[Tensor],
        shares: Sequence[Tensor],
    ) -> Losses:
        """The terms of style transfer: another photograph's style, and the content of the labels' own one.

        Style is compared by statistics of fine features, content by deep features (Gatys et al. 2015). A
        class that the other photograph lacks takes the colours, but no textures, of its group.
        """
        weights = {"style": self.style, "class_style": self.class_style, "content": self.content}
        losses = {name: drawn.pictures.new_zeros(()) for name, weight in weights.items() if weight}
        transferred = [row for row in drawn.unpaired if drawn.style_source[row] >= 0]
        if not transferred:
            return losses
        rows, others = index_of(transferred), index_of([drawn.style_source[row] for row in transferred])
        fake, real = drawn.pictures[rows], step.batch.images[others]
        if self.style:
            ours = [color_planes(fake), *(x[rows] for x in of_fake[:STYLE_STAGES])]
            theirs = [color_planes(real), *(x[others] for x in of_real[:STYLE_STAGES])]
            losses["style"] = self.style * statistics_distance(ours, theirs, squares=1)
        if self.class_style:
            colors, colors_real = (color_planes(F.avg_pool2d(picture, 2)) for picture in (fake, real))
            unmoved = halved_shares(step.batch.labels, shares[0].shape[1], 1)
            levels = [*unmoved, *shares[:CLASS_STYLE_STAGES]]
            groups = self.groups.to(fake.device)
            losses["class_style"] = self.class_style * class_statistics_distance(
                [colors, *(x[rows] for x in of_fake[:CLASS_STYLE_STAGES])],
                [colors_real, *(x[others] for x in of_real[:CLASS_STYLE_STAGES])],
                [x[rows] for x in levels],
                [group_statistics(unmoved[0][others], groups), *(x[others] for x in levels[1:])],
            )
        if self.content:
            deep, own = ([x[rows] for x in of[CONTENT_STAGES:]] for of in (of_fake, of_real))
            distance = feature_distance(deep, own, [1 / len(deep)] * len(deep), relative=True)
            losses["content"] = self.content * distance
        return losses

    def discriminator_loss(self, step: Step, networks: Networks, result: GeneratorResult) -> Losses:
        """See `Objective`."""
        losses = super().discriminator_loss(step, networks, result)
        discriminator = cast(ProjectedDiscriminator, networks.discriminator)
        seen = cast(HeadInputs, result.head_inputs)
        both = [torch.cat([fake, real]) for fake, real in zip(seen.fake, seen.real)]
        scores = _float(discriminator.score_features(both, seen.shares))
        half = len(seen.fake[0])
        on_fake = [[score[:half] for score in scale] for scale in scores]
        on_real = [[score[half:] for score in scale] for scale in scores]
        fake_loss, real_loss = discriminator_loss(on_fake, on_real, self.gan)
        return losses | {"projected_fake": fake_loss, "projected_real": real_loss}

    def _on_pictures(self, networks: Networks) -> nn.Module:
        return cast(ProjectedDiscriminator, networks.discriminator).patches


def _head_stages(features: Sequence[Tensor]) -> Sequence[Tensor]:
    """The stages the heads see: all but the first, whose features are little more than pixels."""
    return features[1:]


def _same_group(space: LabelSpace) -> Tensor:
    """(K, K) 1 where two classes are of one group of `STYLE_GROUPS`, and for a class and itself, else 0."""
    same = torch.eye(space.num_classes, dtype=torch.float32)
    for group, ids in space.groups.items():
        if group in STYLE_GROUPS:
            same[torch.tensor(ids)[:, None], torch.tensor(ids)] = 1
    return same


def _float(scores: list[list[Tensor]]) -> list[list[Tensor]]:
    return [[score.float() for score in scale] for scale in scores]
