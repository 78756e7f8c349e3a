"""SPADE's objective, with a discriminator that also sees the features of the perceptual loss's network.

The feature network is run once on each picture. The perceptual loss and the heads share its features, in the
generator's step and in the discriminator's. See `semsynth.models.discriminators.projected`.
"""

from collections.abc import Sequence
from typing import Any, cast

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
from semsynth.training.objectives.base import Losses, Networks, Step, TrainingContext
from semsynth.training.objectives.perceptual import Perceptual
from semsynth.training.objectives.spade import Judgement, SpadeObjective
from semsynth.training.settings import ObjectiveSettings

TEXTURE_SQUARES = 4
"""Squares a side in the texture term."""

TEXTURE_STAGES = 3
"""Stages of the frozen network that the texture term looks at, from the finest on: strides 2, 4 and 8."""

STYLE_STAGES = 1
"""Those that the style term looks at, beside colours: finer ones say less of what is shown."""

CLASS_STYLE_STAGES = 3
"""Those that the same term class by class looks at: sky may show what sky shows, clouds too."""

CONTENT_STAGES = 3
"""The content term looks at the stages from this on, strides 16 and 32: what is shown, not how it looks."""

STYLE_GROUPS = ("water", "land", "plants", "roads", "buildings")
"""Groups of labels whose classes look alike: in style transfer a missing class takes its group's colours."""

MEASURED = 256
"""Photographs whose features say how large features are."""


class ProjectedObjective(SpadeObjective):
    """Losses of SPADE and of the heads.

    Args:
        settings: weights and switches. The heads always judge the fake of the generator's step.
        perceptual: the frozen network and its weights.

    Raises:
        SemsynthError: another frozen network than EfficientNet-Lite0.
    """

    def __init__(self, settings: ObjectiveSettings, perceptual: Perceptual) -> None:
        if perceptual.network != "efficientnet-lite0":
            raise SemsynthError(
                f"the heads are made for efficientnet-lite0; objective.perceptual_network is "
                f"{perceptual.network!r}"
            )
        super().__init__(settings, perceptual)
        self.seeing = perceptual

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Learn the groups of classes; measure the features of photographs, once."""
        self.groups = _same_group(context.dataset.label_space)
        discriminator = cast(ProjectedDiscriminator, networks.discriminator)
        if bool(discriminator.mixing.measured):
            return
        with torch.no_grad():
            seen = [self._stages(self.seeing.features(b.images)) for b in context.pictures(MEASURED, 32)]
        discriminator.mixing.measure(seen)

    def _through_features(self, step: Step, networks: Networks, fake: Tensor, paired: Tensor) -> Losses:
        """The perceptual term and the heads', from one look at fakes and photographs augmented alike."""
        settings, discriminator = self.settings, cast(ProjectedDiscriminator, networks.discriminator)
        augmentation = self._augmentation(step)
        with torch.no_grad():
            of_real = self.seeing.features(augmentation.image(step.batch.images))
        of_fake = self.seeing.features(augmentation.image(fake))
        labels, classes = augmentation.labels(step.batch.labels), networks.generator.num_classes
        under = halved_shares(labels, classes, len(of_fake))
        shares = self._stages(under)
        step.shared["features"] = ([x.detach() for x in self._stages(of_fake)], self._stages(of_real), shares)
        scores = _float(discriminator.judge_features(self._stages(of_fake), shares))
        gan = generator_loss(scores, settings.gan)  # type: ignore[arg-type]
        losses = {"projected": settings.projected * gan}
        losses |= self._reconstruction(of_fake, of_real, fake, step, paired)
        return losses | self._style_transfer(of_fake, of_real, under, fake, step, paired)

    def _reconstruction(
        self,
        of_fake: Sequence[Tensor],
        of_real: Sequence[Tensor],
        fake: Tensor,
        step: Step,
        paired: Tensor,
    ) -> Losses:
        """The distances of pictures in their own photograph's style from that photograph."""
        settings = self.settings
        weights = {
            "perceptual": settings.perceptual, "color": settings.color, "texture": settings.texture
        }  # fmt: skip
        losses = {name: fake.new_zeros(()) for name, weight in weights.items() if weight}
        if not bool(paired.any()):
            return losses
        ours, theirs = [x[paired] for x in of_fake], [x[paired] for x in of_real]
        if "perceptual" in losses:
            losses["perceptual"] = weights["perceptual"] * feature_distance(
                ours, theirs, self.seeing.weights, relative=self.seeing.relative
            )
        if "color" in losses:
            losses["color"] = weights["color"] * color_distance(fake[paired], step.batch.images[paired])
        if "texture" in losses:
            stages = ours[:TEXTURE_STAGES], theirs[:TEXTURE_STAGES]
            losses["texture"] = weights["texture"] * statistics_distance(*stages, squares=TEXTURE_SQUARES)
        return losses

    def _style_transfer(
        self,
        of_fake: Sequence[Tensor],
        of_real: Sequence[Tensor],
        under: Sequence[Tensor],
        fake: Tensor,
        step: Step,
        paired: Tensor,
    ) -> Losses:
        """The terms of style transfer: another photograph's style, and the content of the labels' own one.

        Style is compared by statistics of fine features, content by deep features (Gatys et al. 2015). A
        class that the other photograph lacks takes the colours, but no textures, of its group.
        """
        settings = self.settings
        weights = {
            "style": settings.style, "class_style": settings.class_style, "content": settings.content
        }  # fmt: skip
        losses = {name: fake.new_zeros(()) for name, weight in weights.items() if weight}
        source = step.shared["style_source"].to(fake.device)
        rows = (~paired & (source >= 0)).nonzero()[:, 0]
        if not len(rows):
            return losses
        others = source[rows]
        if "style" in losses:
            ours = [color_planes(fake[rows]), *(x[rows] for x in of_fake[:STYLE_STAGES])]
            colors = color_planes(step.batch.images[others])
            theirs = [colors, *(x[others] for x in of_real[:STYLE_STAGES])]
            losses["style"] = weights["style"] * statistics_distance(ours, theirs, squares=1)
        if "class_style" in losses:
            halves = (F.avg_pool2d(picture, 2) for picture in (fake[rows], step.batch.images[others]))
            colors, colors_real = (color_planes(half) for half in halves)
            unmoved = halved_shares(step.batch.labels, under[0].shape[1], 1)
            shares = [*unmoved, *under[:CLASS_STYLE_STAGES]]
            groups = self.groups.to(fake.device)
            losses["class_style"] = weights["class_style"] * class_statistics_distance(
                [colors, *(x[rows] for x in of_fake[:CLASS_STYLE_STAGES])],
                [colors_real, *(x[others] for x in of_real[:CLASS_STYLE_STAGES])],
                [x[rows] for x in shares],
                [group_statistics(unmoved[0][others], groups), *(x[others] for x in shares[1:])],
            )
        if "content" in losses:
            deep, own = ([x[rows] for x in seen[CONTENT_STAGES:]] for seen in (of_fake, of_real))
            distance = feature_distance(deep, own, [1 / len(deep)] * len(deep), relative=True)
            losses["content"] = weights["content"] * distance
        return losses

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        losses = super().discriminator_loss(step, networks)
        discriminator = cast(ProjectedDiscriminator, networks.discriminator)
        of_fake, of_real, shares = step.shared["features"]
        both = [torch.cat([fake, real]) for fake, real in zip(of_fake, of_real)]
        scores = _float(discriminator.judge_features(both, shares))
        half = len(of_fake[0])
        on_fake = [[score[:half] for score in scale] for scale in scores]
        on_real = [[score[half:] for score in scale] for scale in scores]
        fake_loss, real_loss = discriminator_loss(on_fake, on_real, self.settings.gan)  # type: ignore[arg-type]
        return losses | {"projected_fake": fake_loss, "projected_real": real_loss}

    def _see(self, discriminator: nn.Module, labels: Tensor, instances: Tensor | None) -> Any:
        return super()._see(cast(ProjectedDiscriminator, discriminator).patches, labels, instances)

    def _compare(
        self, discriminator: nn.Module, seen: Any, fake: Tensor, real: Tensor
    ) -> tuple[Judgement, Judgement]:
        return super()._compare(cast(ProjectedDiscriminator, discriminator).patches, seen, fake, real)

    @staticmethod
    def _stages(features: Sequence[Tensor]) -> Sequence[Tensor]:
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
