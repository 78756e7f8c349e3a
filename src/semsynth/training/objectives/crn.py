"""CRN's objective (Chen and Koltun, ICCV 2017): reconstruct features; no adversary.

The terms are divided by their usual sizes, which depend on the feature network: `prepare` measures them on
photographs paired with others, and the checkpoint keeps them.
"""

from collections.abc import Iterator
from typing import Any, cast

from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.losses.crn import CalibratedPerceptualLoss
from semsynth.models.crn import CRNGenerator
from semsynth.training.objectives.base import Losses, Networks, Objective, Step, TrainingContext
from semsynth.training.objectives.perceptual import build_features
from semsynth.training.settings import ObjectiveSettings

VGG19_TAPS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")

CALIBRATION_PICTURES = 64
CALIBRATION_BATCH = 8


class Reconstruction:
    """CRN's calibrated loss with its feature network and its calibration pass; SIMS takes it over.

    Args:
        settings: which feature network; its weights are those of the loss, not of the settings.
    """

    def __init__(self, settings: ObjectiveSettings) -> None:
        # Average pooling as published; ImageNet scaling, since the weights at hand are torchvision's.
        self.name, self.features = build_features(
            settings, taps=VGG19_TAPS, pooling="avg", scaling="imagenet"
        )
        self.loss = CalibratedPerceptualLoss(self.features, len(VGG19_TAPS))
        self.calibrated = False

    def calibrate(self, context: TrainingContext) -> None:
        """Measure the divisors, unless a checkpoint gave them.

        Raises:
            SemsynthError: there are no two photographs that differ.
        """
        self.loss.to(context.device)
        if not self.calibrated:
            try:
                divisors = self.loss.calibrate(_pairs(context))
            except ValueError as error:
                raise SemsynthError(
                    f"{error}; photographs in the data set: {len(context.dataset)}"
                ) from error
            self.calibrated = True
            shown = ", ".join(f"{value:.3g}" for value in divisors)
            context.log(f"calibrated the loss: its terms are divided by {shown}")

    def state_dict(self) -> dict[str, Any]:
        """The divisors."""
        return {"divisors": self.loss.divisors.cpu()} if self.calibrated else {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the divisors of an earlier run."""
        if "divisors" in state:
            self.loss.divisors.copy_(state["divisors"])
            self.calibrated = True


def _pairs(context: TrainingContext) -> Iterator[tuple[Tensor, Tensor]]:
    """Photographs, each with another of its batch."""
    for batch in context.pictures(CALIBRATION_PICTURES, CALIBRATION_BATCH):
        if len(batch) > 1:
            yield batch.images.roll(1, 0), batch.images


class CRNObjective(Objective):
    """The diverse loss for a network that draws several pictures, the plain one else."""

    def __init__(self, settings: ObjectiveSettings) -> None:
        self.reconstruction = Reconstruction(settings)

    def loss_networks(self) -> dict[str, nn.Module]:
        """See `Objective`."""
        return {self.reconstruction.name: self.reconstruction.features}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """See `Objective`."""
        self.reconstruction.calibrate(context)

    def state_dict(self) -> dict[str, Any]:
        """See `Objective`."""
        return self.reconstruction.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See `Objective`."""
        self.reconstruction.load_state_dict(state)

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """See `Objective`."""
        batch, loss = step.batch, self.reconstruction.loss
        generator = cast(CRNGenerator, networks.generator)
        fakes = generator.all_images(batch.labels).to(batch.images.dtype)  # (B,k,3,H,W)
        if generator.num_images == 1:
            return {"reconstruction": loss(fakes[:, 0], batch.images)}
        return {"reconstruction": loss.diverse(fakes, batch.images, batch.labels, generator.num_classes)}
