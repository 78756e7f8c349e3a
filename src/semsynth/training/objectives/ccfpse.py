"""CC-FPSE's objective (Liu et al., NeurIPS 2019): SPADE's, on the feature-pyramid discriminator.

Hinge terms averaged over its three maps of scores; feature matching on its encoder's four maps, which the
paper weighs 20.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn

from semsynth.models.discriminators import FpseDiscriminator
from semsynth.training.objectives.spade import Judgement, SpadeObjective


class CCFPSEObjective(SpadeObjective):
    """Losses of CC-FPSE."""

    def _see(self, discriminator: nn.Module, labels: Tensor, instances: Tensor | None) -> Any:
        return labels, instances

    def _compare(
        self, discriminator: nn.Module, seen: Any, fake: Tensor, real: Tensor
    ) -> tuple[Judgement, Judgement]:
        labels, instances = seen
        judge = cast(FpseDiscriminator, discriminator)
        answer = judge(labels, torch.cat([fake, real]), instances)
        fakes, reals = slice(None, len(fake)), slice(len(fake), None)
        on_fake, on_real = (
            Judgement(
                [[score[rows] for score in scale] for scale in answer.scores],
                [[features[rows]] for features in answer.features],
            )
            for rows in (fakes, reals)
        )
        return on_fake, on_real
