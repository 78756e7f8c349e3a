"""SPADE's objective: adversarial, feature matching, perceptual and, with a style encoder, KL terms.

Park et al., CVPR 2019, section 3.2 and appendix A; its weights are `ObjectiveSettings`' defaults. pix2pixHD's
objective is the same with a least-squares adversarial term.
"""

from typing import cast

import torch
from torch import Tensor

from semsynth.losses.diffaugment import Augmentation, draw_augmentation
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import discriminator_loss, generator_loss
from semsynth.losses.kl import kl_loss
from semsynth.models.discriminators import LabelInput, MultiscaleDiscriminator
from semsynth.models.discriminators.patchgan import Prediction
from semsynth.models.style_encoder import reparameterize
from semsynth.training.objectives.base import Losses, Networks, Step
from semsynth.training.objectives.perceptual import Perceptual
from semsynth.training.recipe import ObjectiveSettings


class SpadeObjective:
    """Losses of SPADE.

    Args:
        settings: weights and switches.
        perceptual: the frozen network's loss; None where its weight is 0.
    """

    def __init__(self, settings: ObjectiveSettings, perceptual: Perceptual | None) -> None:
        self.settings = settings
        self.perceptual = perceptual

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        settings, batch = self.settings, step.batch
        fake, mean, log_variance = draw_fake(step, networks, settings.prior_share)
        step.shared["fake"] = fake.detach()
        on_fake, on_real = self._judge(step, networks, fake)
        losses = {"gan": settings.adversarial * generator_loss(on_fake, settings.gan)}  # type: ignore[arg-type]
        # Pictures in a style of the prior have no photograph to be compared with.
        paired = ~prior_rows(step, settings.prior_share)
        if settings.feature_matching and paired.any():
            fakes = [[x[paired] for x in scale] for scale in on_fake]
            reals = [[x[paired] for x in scale] for scale in on_real]
            losses["feature_matching"] = settings.feature_matching * feature_matching_loss(fakes, reals)
        if self.perceptual is not None and paired.any():
            losses["perceptual"] = settings.perceptual * self.perceptual(fake[paired], batch.images[paired])
        if mean is not None and log_variance is not None:
            whole = step.total / len(batch)  # the published term is a sum over the batch
            losses["kl"] = settings.kl * whole * kl_loss(mean, log_variance)
        return losses

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        if self.settings.reuse_fake:
            fake = step.shared["fake"]
        else:
            with torch.no_grad():
                fake, _, _ = draw_fake(step, networks, self.settings.prior_share)
        on_fake, on_real = self._judge(step, networks, fake)
        fake_loss, real_loss = discriminator_loss(on_fake, on_real, self.settings.gan)  # type: ignore[arg-type]
        return {"fake": fake_loss, "real": real_loss}

    def _judge(self, step: Step, networks: Networks, fake: Tensor) -> tuple[Prediction, Prediction]:
        """The discriminator's answers to fakes and photographs, augmented alike; scores in float32."""
        discriminator = cast(MultiscaleDiscriminator, networks.discriminator)
        augmentation = self._augmentation(step)
        seen = self._see(step, discriminator, augmentation)
        real = step.batch.images
        on_fake, on_real = discriminator.compare(seen, augmentation.image(fake), augmentation.image(real))
        for scale in (*on_fake, *on_real):
            scale[-1] = scale[-1].to(real.dtype)
        return on_fake, on_real

    def _augmentation(self, step: Step) -> Augmentation:
        height, width = step.batch.images.shape[2:]
        drawn = draw_augmentation(step.total, height, width, self.settings.augment, generator=step.rng)
        parts = (drawn.color, drawn.shift, drawn.hole)
        return Augmentation(*(None if part is None else step.rows(part) for part in parts))

    def _see(
        self, step: Step, discriminator: MultiscaleDiscriminator, augmentation: Augmentation
    ) -> list[LabelInput]:
        """The labels as the discriminator wants them, moved with the pictures; kept while nothing moves."""
        if augmentation.shift is None and "seen" in step.shared:
            return step.shared["seen"]  # type: ignore[no-any-return]
        labels, instances = step.batch.labels, step.batch.instances
        if augmentation.shift is not None:
            labels = augmentation.labels(labels)
            instances = None if instances is None else augmentation.labels(instances)
        seen = step.shared["seen"] = discriminator.see(labels, instances)
        return seen


def prior_rows(step: Step, share: float) -> Tensor:
    """Which of this part's pictures (B,) are drawn in styles of the prior: `share` of them, evenly spread."""
    numbers = torch.arange(step.total + 1, dtype=torch.float64)
    counted = (numbers * share).floor()
    return step.rows(counted[1:] > counted[:-1])


def draw_fake(
    step: Step, networks: Networks, prior_share: float = 0.0
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Draw the batch, in the photographs' own styles where there is a style encoder.

    Returns:
        the pictures (B, 3, H, W) float, and the encoded mean and log-variance (rows with an encoded style,
        Z) or None.
    """
    generator, batch = networks.generator, step.batch
    style, mean, log_variance = None, None, None
    if generator.style_dim is not None:
        style = step.normal(generator.style_dim)
        if networks.style_encoder is not None:
            encoded = ~prior_rows(step, prior_share)
            mean, log_variance = (part.float() for part in networks.style_encoder(batch.images[encoded]))
            style = style.index_put((encoded,), reparameterize(mean, log_variance, style[encoded]))
    fake = generator(batch.labels, style=style, instances=batch.instances)
    return fake.to(batch.images.dtype), mean, log_variance
