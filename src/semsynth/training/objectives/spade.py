"""SPADE's objective: adversarial, feature matching, perceptual and, with a style encoder, KL terms.

Park et al., CVPR 2019, section 3.2 and appendix A; its weights are `ObjectiveSettings`' defaults. What
pix2pixHD and CC-FPSE do differently is in their own files.
"""

from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.losses.diffaugment import Augmentation, draw_augmentation
from semsynth.losses.feature_matching import feature_matching_loss
from semsynth.losses.gan import OverScales, Prediction, discriminator_loss, generator_loss
from semsynth.losses.kl import kl_loss
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.style_encoder import reparameterize
from semsynth.training.objectives.base import Losses, Networks, Objective, Step
from semsynth.training.objectives.perceptual import Perceptual
from semsynth.training.settings import ObjectiveSettings

PRIORS = ("normal", "photographs")
"""See `ObjectiveSettings.prior`."""


class Judgement(NamedTuple):
    """A discriminator's answer to pictures.

    Attributes:
        scores: [scale][one map].
        features: [scale][layer], for feature matching.
    """

    scores: Prediction
    features: Prediction


class SpadeObjective(Objective):
    """Losses of SPADE.

    Args:
        settings: weights and switches.
        perceptual: the frozen network's loss; None where its weight is 0.
    """

    over_scales: OverScales = "mean"
    """How the adversarial terms of the discriminator's scales are joined."""

    def __init__(self, settings: ObjectiveSettings, perceptual: Perceptual | None) -> None:
        if settings.prior not in PRIORS:
            raise SemsynthError(f"objective.prior is {settings.prior!r}; allowed are {', '.join(PRIORS)}")
        self.settings = settings
        self.perceptual = perceptual

    def loss_networks(self) -> dict[str, nn.Module]:
        """See `Objective`."""
        return {} if self.perceptual is None else {self.perceptual.network: self.perceptual}

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        settings, batch = self.settings, step.batch
        drawn = draw_fake(step, networks, settings)
        fake, mean, log_variance = drawn.pictures, drawn.mean, drawn.log_variance
        step.shared["fake"], step.shared["style_source"] = fake.detach(), drawn.style_source
        on_fake, on_real = self._judge(step, networks, fake)
        gan = generator_loss(on_fake.scores, settings.gan, over_scales=self.over_scales)  # type: ignore[arg-type]
        losses = {"gan": settings.adversarial * gan}
        # Pictures in a style of the prior have no photograph to be compared with.
        paired = ~unpaired_mask(step, settings.prior_share)
        some = bool(paired.any())
        if settings.feature_matching:
            fakes = [[x[paired] for x in scale] for scale in on_fake.features]
            reals = [[x[paired] for x in scale] for scale in on_real.features]
            matching = feature_matching_loss(fakes, reals, with_last=True) if some else fake.new_zeros(())
            losses["feature_matching"] = settings.feature_matching * matching
        losses |= self._through_features(step, networks, fake, paired)
        if mean is not None and log_variance is not None:
            whole = step.total / len(batch)  # the published term is a sum over the batch
            losses["kl"] = settings.kl * whole * kl_loss(mean, log_variance)
        return losses

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        fake = fake_for_discriminator(step, networks, self.settings)
        on_fake, on_real = self._judge(step, networks, fake)
        fake_loss, real_loss = discriminator_loss(
            on_fake.scores,
            on_real.scores,
            self.settings.gan,  # type: ignore[arg-type]
            over_scales=self.over_scales,
        )
        return {"fake": fake_loss, "real": real_loss}

    def _through_features(self, step: Step, networks: Networks, fake: Tensor, paired: Tensor) -> Losses:
        """What the frozen network says of the fakes (B, 3, H, W); `paired` (B,) have a photograph."""
        if self.perceptual is None:
            return {}
        if not bool(paired.any()):
            return {"perceptual": fake.new_zeros(())}
        distance = self.perceptual(fake[paired], step.batch.images[paired])
        return {"perceptual": self.settings.perceptual * distance}

    def _judge(self, step: Step, networks: Networks, fake: Tensor) -> tuple[Judgement, Judgement]:
        """The discriminator's answers to fakes and photographs, augmented alike; scores in float32."""
        discriminator = cast(nn.Module, networks.discriminator)
        augmentation = self._augmentation(step)
        seen = self._labels(step, discriminator, augmentation)
        real = step.batch.images
        answers = self._compare(discriminator, seen, augmentation.image(fake), augmentation.image(real))
        on_fake, on_real = (
            on._replace(scores=[[score.to(real.dtype) for score in scale] for scale in on.scores])
            for on in answers
        )
        return on_fake, on_real

    def _augmentation(self, step: Step) -> Augmentation:
        height, width = step.batch.images.shape[2:]
        drawn = draw_augmentation(step.total, height, width, self.settings.augment, generator=step.rng)
        parts = (drawn.color, drawn.shift, drawn.hole)
        return Augmentation(*(None if part is None else step.rows(part) for part in parts))

    def _labels(self, step: Step, discriminator: nn.Module, augmentation: Augmentation) -> Any:
        """The labels as the discriminator wants them, moved with the pictures; kept while nothing moves."""
        if augmentation.shift is None and "seen" in step.shared:
            return step.shared["seen"]
        labels, instances = step.batch.labels, step.batch.instances
        if augmentation.shift is not None:
            labels = augmentation.labels(labels)
            instances = None if instances is None else augmentation.labels(instances)
        seen = step.shared["seen"] = self._see(discriminator, labels, instances)
        return seen

    def _see(self, discriminator: nn.Module, labels: Tensor, instances: Tensor | None) -> Any:
        """What this kind of discriminator makes of labels (B, H, W), once for both of a step's losses."""
        return cast(MultiscaleDiscriminator, discriminator).see(labels, instances)

    def _compare(
        self, discriminator: nn.Module, seen: Any, fake: Tensor, real: Tensor
    ) -> tuple[Judgement, Judgement]:
        """This kind of discriminator's answers to fakes and photographs of the same labels."""
        answers = cast(MultiscaleDiscriminator, discriminator).compare(seen, fake, real)
        on_fake, on_real = (
            Judgement([scale[-1:] for scale in on], [scale[:-1] for scale in on]) for on in answers
        )
        return on_fake, on_real


def fake_for_discriminator(step: Step, networks: Networks, settings: ObjectiveSettings) -> Tensor:
    """The pictures (B, 3, H, W) the discriminator learns from: the step's own, or drawn anew."""
    if settings.reuse_fake:
        fake: Tensor = step.shared["fake"]
        return fake
    with torch.no_grad():
        return draw_fake(step, networks, settings).pictures


def unpaired_mask(step: Step, share: float) -> Tensor:
    """Which of this part's pictures (B,) are drawn in styles of the prior: `share` of them, evenly spread."""
    numbers = torch.arange(step.total + 1, dtype=torch.float64)
    counted = (numbers * share).floor()
    return step.rows(counted[1:] > counted[:-1])


class Drawn(NamedTuple):
    """Pictures of a batch, and where their styles come from.

    Attributes:
        pictures: (B, 3, H, W) float.
        style_source: (B,) which photograph of the batch each has its style from; -1 is none.
        mean: (E, Z) of the encoded styles, or None.
        log_variance: likewise.
    """

    pictures: Tensor
    style_source: Tensor
    mean: Tensor | None
    log_variance: Tensor | None


def draw_fake(step: Step, networks: Networks, settings: ObjectiveSettings | None = None) -> Drawn:
    """Draw the batch, in the photographs' own styles where there is a style encoder.

    Args:
        step: with the batch.
        networks: that draw.
        settings: their `prior_share` and `prior` count; without them every style is the photograph's own.

    Raises:
        SemsynthError: a style is to be transferred, and no picture of the part has one.
    """
    settings = settings or ObjectiveSettings()
    generator, batch = networks.generator, step.batch
    style, mean, log_variance = None, None, None
    style_source = torch.full((len(batch),), -1)
    if generator.style_dim is not None:
        style = step.normal(generator.style_dim)
        if networks.style_encoder is not None:
            others = unpaired_mask(step, settings.prior_share)
            mean, log_variance = (part.float() for part in networks.style_encoder(batch.images[~others]))
            codes = reparameterize(mean, log_variance, style[~others])
            style = style.index_put((~others,), codes)
            owners = (~others).nonzero()[:, 0].cpu()
            style_source[owners] = owners
            if settings.prior == "photographs" and bool(others.any()):
                if not len(codes):
                    raise SemsynthError(
                        'objective.prior is "photographs", but no picture of this part has an encoded style; '
                        "draw two or more at once (run.batch_size, run.accumulate), or lower "
                        "objective.prior_share"
                    )
                sources = torch.arange(int(others.sum())) % len(codes)
                style = style.index_put((others,), codes[sources.to(codes.device)])
                style_source[others.cpu()] = owners[sources]
    # Were the code of positions never moved, it would be where clouds of the training pictures are learned.
    moved = {"shift": step.integers(generator.shifts, 2)} if generator.shifts else {}
    pictures = generator(batch.labels, style=style, instances=batch.instances, **moved)
    return Drawn(pictures.to(batch.images.dtype), style_source, mean, log_variance)
