"""OASIS's objective (Schönfeld, Sushko et al., ICLR 2021): the discriminator segments, and that is all.

Its only supervision is adversarial; a perceptual term is the paper's ablation. Class weights and LabelMix's
coins are those of this process's part of the batch, as published.
"""

from typing import cast

import torch
from torch import Tensor, nn

from semsynth.losses.labelmix import class_balance, fake_loss, label_mix, label_mix_loss, real_loss
from semsynth.training.objectives.base import Losses, Networks, Objective, Step, TrainingContext
from semsynth.training.objectives.perceptual import Perceptual
from semsynth.training.objectives.spade import draw_fake, fake_for_discriminator
from semsynth.training.settings import ObjectiveSettings


class OASISObjective(Objective):
    """Losses of OASIS.

    Args:
        settings: weights and switches; of `gan`, `feature_matching`, `kl` and `augment` it uses none.
        perceptual: the frozen network's loss; None where its weight is 0.
    """

    def __init__(self, settings: ObjectiveSettings, perceptual: Perceptual | None) -> None:
        self.settings = settings
        self.perceptual = perceptual
        self.void_id: int | None = None

    def frozen(self) -> dict[str, nn.Module]:
        """See `Objective`."""
        return {} if self.perceptual is None else {self.perceptual.network: self.perceptual}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Learn which class is void, which weighs nothing."""
        void = context.dataset.label_space.void_id
        self.void_id = void if void is not None and void < networks.generator.num_classes else None

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        labels, images = step.batch.labels, step.batch.images
        fake = draw_fake(step, networks).pictures
        step.shared["fake"] = fake.detach()
        logits = self._segment(networks, fake)
        losses = {"gan": self.settings.adversarial * real_loss(logits, labels, self._balance(step, networks))}
        if self.perceptual is not None:
            losses["perceptual"] = self.settings.perceptual * self.perceptual(fake, images)
        return losses

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        labels, real = step.batch.labels, step.batch.images
        fake = fake_for_discriminator(step, networks, self.settings)
        on_real, on_fake = self._segment(networks, torch.cat([real, fake])).chunk(2)
        balance = self._balance(step, networks)
        losses = {"real": real_loss(on_real, labels, balance), "fake": fake_loss(on_fake)}
        if self.settings.labelmix:
            mixed, mask = label_mix(
                real, fake, labels, num_classes=networks.generator.num_classes, generator=step.rng
            )
            term = label_mix_loss(self._segment(networks, mixed), on_real, on_fake, mask)
            losses["labelmix"] = self.settings.labelmix * term
        return losses

    def _segment(self, networks: Networks, images: Tensor) -> Tensor:
        """(B, 3, H, W) → logits (B, K+1, H, W) in float32."""
        logits: Tensor = cast(nn.Module, networks.discriminator)(images)
        return logits.float()

    def _balance(self, step: Step, networks: Networks) -> Tensor:
        return class_balance(step.batch.labels, networks.generator.num_classes, self.void_id)
