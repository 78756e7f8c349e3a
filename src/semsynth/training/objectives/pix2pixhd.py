"""pix2pixHD's objective (Wang et al., CVPR 2018, sections 3.2 and 3.3): SPADE's, joined differently.

The adversarial terms of the scales are summed, not averaged, so that they weigh more beside feature matching;
and the discriminator minimises half of its two terms. The recipe chooses least squares. Published, the
discriminator sees the fake of the generator's own step (`reuse_fake`).
"""

from semsynth.training.objectives.base import GeneratorResult, Losses, Networks, Step
from semsynth.training.objectives.spade import SpadeObjective


class Pix2PixHDObjective(SpadeObjective):
    """Losses of pix2pixHD."""

    over_scales = "sum"

    def discriminator_loss(self, step: Step, networks: Networks, result: GeneratorResult) -> Losses:
        """See `Objective`."""
        losses = super().discriminator_loss(step, networks, result)
        return {name: 0.5 * value for name, value in losses.items()}
