"""SPADE's objective: adversarial, feature matching, perceptual and, with a style encoder, KL terms.

Park et al., CVPR 2019, section 3.2 and appendix A; the defaults are its weights. What pix2pixHD and CC-FPSE
do differently is in their own files.
"""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple, cast

from torch import Tensor, nn

from semsynth.losses.diffaugment import Augmentation, Policy, draw_augmentation
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import Mode, OverScales, Prediction, discriminator_loss, generator_loss
from semsynth.losses.kl import kl_loss
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.discriminators.patchgan import LabelInput
from semsynth.training.objectives.adversarial import AdversarialObjective, Drawn, index_of
from semsynth.training.objectives.base import (
    GeneratorResult,
    HeadInputs,
    LabelInputs,
    Losses,
    Networks,
    Step,
)


class DiscriminatorOutput(NamedTuple):
    """A discriminator's answer to pictures.

    Attributes:
        scores: [scale][one map].
        features: [scale][layer], for feature matching.
    """

    scores: Prediction
    features: Prediction


@dataclass(kw_only=True, eq=False)
class SpadeObjective(AdversarialObjective):
    """Losses of SPADE.

    Args:
        gan: The adversarial loss: hinge, ls (least squares), original (cross-entropy) or w (Wasserstein).
        feature_matching: Weight of feature matching; 0 leaves it out.
        kl: Weight of the style's divergence, summed over the latent and over the whole batch, as published.
        augment: What the discriminator's pictures go through: any of color, translation, cutout.
    """

    gan: Mode = "hinge"
    feature_matching: float = 10.0
    kl: float = 0.05
    augment: tuple[Policy, ...] = ()

    over_scales: ClassVar[OverScales] = "mean"
    """How the adversarial terms of the discriminator's scales are joined."""

    def generator_loss(self, step: Step, networks: Networks) -> GeneratorResult:
        """See `Objective`."""
        drawn = self.draw(step, networks)
        on_fake, on_real, labels = self._discriminate(step, networks, drawn.pictures)
        gan = generator_loss(on_fake.scores, self.gan, over_scales=self.over_scales)
        losses = {"gan": self.adversarial * gan}
        if self.feature_matching:
            matching = drawn.pictures.new_zeros(())
            if drawn.paired:
                own = index_of(drawn.paired)
                fakes, reals = (
                    [[x[own] for x in scale] for scale in on.features] for on in (on_fake, on_real)
                )
                matching = feature_matching_loss(fakes, reals, with_last=True)
            losses["feature_matching"] = self.feature_matching * matching
        feature_losses, head_inputs = self._feature_losses(step, networks, drawn)
        losses |= feature_losses
        if drawn.mean is not None and drawn.log_variance is not None:
            whole = step.total / len(step.batch)  # the published term is a sum over the batch
            losses["kl"] = self.kl * whole * kl_loss(drawn.mean, drawn.log_variance)
        return GeneratorResult(losses, drawn.pictures.detach(), labels, head_inputs)

    def discriminator_loss(self, step: Step, networks: Networks, result: GeneratorResult) -> Losses:
        """See `Objective`."""
        fake = self.fake_for_discriminator(step, networks, result)
        on_fake, on_real, _ = self._discriminate(step, networks, fake, result.labels)
        fake_loss, real_loss = discriminator_loss(
            on_fake.scores, on_real.scores, self.gan, over_scales=self.over_scales
        )
        return {"fake": fake_loss, "real": real_loss}

    def _feature_losses(
        self, step: Step, networks: Networks, drawn: Drawn
    ) -> tuple[Losses, HeadInputs | None]:
        """The terms in the features of the frozen network, and what the heads saw, where there are heads."""
        return self.perceptual_term(drawn, step.batch.images), None

    def _discriminate(
        self, step: Step, networks: Networks, fake: Tensor, labels: LabelInputs | None = None
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput, LabelInputs]:
        """Answers to fakes (B, 3, H, W) and photographs, augmented alike, and the labels as they were taken.

        Labels of an earlier call are used again unless the augmentation moves them. Scores are float32.
        """
        discriminator = self._on_pictures(networks)
        augmentation = self._augmentation(step)
        if augmentation.shift is not None or labels is None:
            instances = step.batch.instances
            labels = self._label_inputs(
                discriminator,
                augmentation.labels(step.batch.labels),
                None if instances is None else augmentation.labels(instances),
            )
        real = step.batch.images
        answers = self._compare(discriminator, labels, augmentation.image(fake), augmentation.image(real))
        on_fake, on_real = (
            on._replace(scores=[[score.to(real.dtype) for score in scale] for scale in on.scores])
            for on in answers
        )
        return on_fake, on_real, labels

    def _on_pictures(self, networks: Networks) -> nn.Module:
        """What of the discriminator sees pictures."""
        return cast(nn.Module, networks.discriminator)

    def _augmentation(self, step: Step) -> Augmentation:
        height, width = step.batch.images.shape[2:]
        drawn = draw_augmentation(step.total, height, width, self.augment, generator=step.rng)
        parts = (drawn.color, drawn.shift, drawn.hole)
        return Augmentation(*(None if part is None else step.rows(part) for part in parts))

    def _label_inputs(
        self, discriminator: nn.Module, labels: Tensor, instances: Tensor | None
    ) -> LabelInputs:
        """Labels (B, H, W) as this kind of discriminator takes them, once for both of a step's losses."""
        return cast(MultiscaleDiscriminator, discriminator).see(labels, instances)

    def _compare(
        self, discriminator: nn.Module, labels: LabelInputs, fake: Tensor, real: Tensor
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        """This kind of discriminator's answers to fakes and photographs of the same labels."""
        scales = cast(list[LabelInput], labels)
        answers = cast(MultiscaleDiscriminator, discriminator).compare(scales, fake, real)
        on_fake, on_real = (
            DiscriminatorOutput([scale[-1:] for scale in on], [scale[:-1] for scale in on]) for on in answers
        )
        return on_fake, on_real
