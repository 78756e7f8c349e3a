"""OASIS's objective (Schönfeld, Sushko et al., ICLR 2021): the discriminator segments, and that is all.

Its only supervision is adversarial; a perceptual term is the paper's ablation. Class weights and LabelMix's
coins are those of this process's part of the batch, as published.
"""

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from semsynth.losses.labelmix import class_balance, fake_loss, label_mix, label_mix_loss, real_loss
from semsynth.training.objectives.adversarial import AdversarialObjective
from semsynth.training.objectives.base import GeneratorResult, Losses, Networks, Step, TrainingContext


@dataclass(kw_only=True, eq=False)
class OASISObjective(AdversarialObjective):
    """Losses of OASIS.

    Args:
        labelmix: Weight of LabelMix; 0 leaves it out.
    """

    labelmix: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.void_id: int | None = None

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Take the void class from the label set; it weighs nothing."""
        void = context.dataset.label_space.void_id
        self.void_id = void if void is not None and void < networks.generator.num_classes else None

    def generator_loss(self, step: Step, networks: Networks) -> GeneratorResult:
        """See `Objective`."""
        drawn = self.draw(step, networks)
        logits = self._segment(networks, drawn.pictures)
        gan = real_loss(logits, step.batch.labels, self._balance(step, networks))
        losses = {"gan": self.adversarial * gan} | self.perceptual_term(drawn, step.batch.images)
        return GeneratorResult(losses, drawn.pictures.detach())

    def discriminator_loss(self, step: Step, networks: Networks, result: GeneratorResult) -> Losses:
        """See `Objective`."""
        labels, real = step.batch.labels, step.batch.images
        fake = self.fake_for_discriminator(step, networks, result)
        on_real, on_fake = self._segment(networks, torch.cat([real, fake])).chunk(2)
        balance = self._balance(step, networks)
        losses = {"real": real_loss(on_real, labels, balance), "fake": fake_loss(on_fake)}
        if self.labelmix:
            mixed, mask = label_mix(
                real, fake, labels, num_classes=networks.generator.num_classes, generator=step.rng
            )
            term = label_mix_loss(self._segment(networks, mixed), on_real, on_fake, mask)
            losses["labelmix"] = self.labelmix * term
        return losses

    def _segment(self, networks: Networks, images: Tensor) -> Tensor:
        """(B, 3, H, W) → logits (B, K+1, H, W) in float32."""
        logits: Tensor = cast(nn.Module, networks.discriminator)(images)
        return logits.float()

    def _balance(self, step: Step, networks: Networks) -> Tensor:
        return class_balance(step.batch.labels, networks.generator.num_classes, self.void_id)
