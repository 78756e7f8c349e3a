"""CC-FPSE's objective (Liu et al., NeurIPS 2019): SPADE's, on the feature-pyramid discriminator.

Hinge terms averaged over its three maps of scores; feature matching on its encoder's four maps, which the
paper weighs 20.
"""

from typing import cast

import torch
from torch import Tensor, nn

from semsynth.models.discriminators import FpseDiscriminator
from semsynth.training.objectives.base import LabelInputs
from semsynth.training.objectives.spade import DiscriminatorOutput, SpadeObjective


class CCFPSEObjective(SpadeObjective):
    """Losses of CC-FPSE."""

    def _label_inputs(
        self, discriminator: nn.Module, labels: Tensor, instances: Tensor | None
    ) -> LabelInputs:
        return labels, instances

    def _compare(
        self, discriminator: nn.Module, labels: LabelInputs, fake: Tensor, real: Tensor
    ) -> tuple[DiscriminatorOutput, DiscriminatorOutput]:
        ids, instances = cast(tuple[Tensor, Tensor | None], labels)
        answer = cast(FpseDiscriminator, discriminator)(ids, torch.cat([fake, real]), instances)
        fakes, reals = slice(None, len(fake)), slice(len(fake), None)
        on_fake, on_real = (
            DiscriminatorOutput(
                [[score[rows] for score in scale] for scale in answer.scores],
                [[features[rows]] for features in answer.features],
            )
            for rows in (fakes, reals)
        )
        return on_fake, on_real
