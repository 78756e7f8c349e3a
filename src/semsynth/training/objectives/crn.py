"""CRN's objective (Chen and Koltun, ICCV 2017): reconstruct features; no adversary.

The terms are divided by their usual sizes, which depend on the feature network: `prepare` measures them on
photographs paired with others, and the checkpoint keeps them.
"""

from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from semsynth.errors import SemsynthError
from semsynth.losses.crn import CalibratedPerceptualLoss
from semsynth.models.crn import CRNGenerator
from semsynth.training.objectives.base import GeneratorResult, Networks, Step, TrainingContext
from semsynth.training.objectives.perceptual import FeatureObjective

VGG19_TAPS = ("relu1_2", "relu2_2", "relu3_2", "relu4_2", "relu5_2")

CALIBRATION_PICTURES = 64
CALIBRATION_BATCH = 8


@dataclass(kw_only=True, eq=False)
class ReconstructionObjective(FeatureObjective):
    """CRN's calibrated loss with its feature network and its calibration; SIMS has it too."""

    def __post_init__(self) -> None:
        # Average pooling as published; ImageNet scaling, since the weights at hand are torchvision's.
        self.features = self.build_features(taps=VGG19_TAPS, pooling="avg", scaling="imagenet")
        self.loss = CalibratedPerceptualLoss(self.features, len(VGG19_TAPS))
        self.calibrated = False

    def loss_networks(self) -> dict[str, nn.Module]:
        """See `Objective`."""
        return {self.network_name(): self.features}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Measure the divisors, unless a checkpoint gave them.

        Raises:
            SemsynthError: There are no two photographs that differ.
        """
        self.loss.to(context.device)
        if self.calibrated:
            return
        batches = context.pictures(CALIBRATION_PICTURES, CALIBRATION_BATCH)
        pairs = ((batch.images.roll(1, 0), batch.images) for batch in batches if len(batch) > 1)
        try:
            divisors = self.loss.calibrate(pairs)
        except ValueError as error:
            raise SemsynthError(f"{error}; photographs in the data set: {len(context.dataset)}.") from error
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


class CRNObjective(ReconstructionObjective):
    """The diverse loss for a network that draws several pictures, else the plain one."""

    def generator_loss(self, step: Step, networks: Networks) -> GeneratorResult:
        """See `Objective`."""
        batch, generator = step.batch, cast(CRNGenerator, networks.generator)
        fakes = generator.all_images(batch.labels).to(batch.images.dtype)  # (B,k,3,H,W)
        if generator.num_images == 1:
            loss = self.loss(fakes[:, 0], batch.images)
        else:
            loss = self.loss.diverse(fakes, batch.images, batch.labels, generator.num_classes)
        return GeneratorResult({"reconstruction": loss})
