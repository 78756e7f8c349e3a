"""What the objectives with a discriminator share: pictures, their styles, and the perceptual term."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, NamedTuple, cast

import torch
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.files.settings import NonNegative
from semsynth.models.style_encoder import reparameterize
from semsynth.training.objectives.base import GeneratorResult, Losses, Networks, Step
from semsynth.training.objectives.perceptual import FeatureObjective, Perceptual

Prior = Literal["normal", "photographs"]


class Drawn(NamedTuple):
    """Generated pictures of a batch, and where their styles come from.

    Attributes:
        pictures: (B, 3, H, W) float.
        paired: Rows in their own photograph's style, or all but a share of the batch where there is no
            encoder; they are compared with that photograph.
        unpaired: The other rows, in a style of the prior.
        style_source: Row of the photograph that each row's style comes from; -1 is none.
        mean: (E, Z) of the encoded styles, or None.
        log_variance: likewise.
    """

    pictures: Tensor
    paired: list[int]
    unpaired: list[int]
    style_source: list[int]
    mean: Tensor | None
    log_variance: Tensor | None


@dataclass(kw_only=True, eq=False)
class AdversarialObjective(FeatureObjective):
    """An objective with a discriminator.

    Args:
        adversarial: Weight of the generator's adversarial term. With weight 0 it is computed and logged as 0.
        perceptual: Weight of the perceptual loss; 0 leaves it out.
        perceptual_weights: One a stage of the feature network; empty is the network's default.
        prior_share: Share of each batch drawn in styles from the prior instead of the photographs' own, at
            least one picture where it is not 0. Those pictures are not compared with their photographs.
        prior: What that prior is: "normal", or "photographs", the styles of the batch's other photographs.
        reuse_fake: Show the discriminator the pictures of the generator's step instead of pictures drawn
            again by the stepped generator, as published; saves a forward pass.
    """

    adversarial: float = 1.0
    perceptual: float = 10.0
    perceptual_weights: tuple[float, ...] = ()
    prior_share: NonNegative = 0.0
    prior: Prior = "normal"
    reuse_fake: bool = False

    def __post_init__(self) -> None:
        self.perceptual_loss: Perceptual | None = None
        if self.perceptual:
            self.perceptual_loss = self.build_perceptual()

    def build_perceptual(self) -> Perceptual:
        """The perceptual loss on the feature network of the settings."""
        return Perceptual(self.network_name(), self.build_features(), self.perceptual_weights)

    def loss_networks(self) -> dict[str, nn.Module]:
        """See `Objective`."""
        return {} if self.perceptual_loss is None else {self.perceptual_loss.network: self.perceptual_loss}

    def draw(self, step: Step, networks: Networks) -> Drawn:
        """Draw the batch, in the photographs' own styles where there is a style encoder.

        Raises:
            SemsynthError: A style is to be transferred, and no picture of the part has an encoded one.
        """
        generator, batch = networks.generator, step.batch
        unpaired = unpaired_rows(step, self.prior_share)
        paired = [row for row in range(len(batch)) if row not in unpaired]
        style_source = [-1] * len(batch)
        style, mean, log_variance = None, None, None
        if generator.style_dim is not None:
            style = step.normal(generator.style_dim)
            if networks.style_encoder is not None:
                own = index_of(paired)
                mean, log_variance = (part.float() for part in networks.style_encoder(batch.images[own]))
                codes = reparameterize(mean, log_variance, style[own])
                style = style.clone()  # the noise itself is kept for the gradient
                style[own] = codes
                numbers = self._transferred(len(unpaired), len(paired))
                if numbers:
                    style[index_of(unpaired)] = codes[index_of(numbers)]
                sources = [paired[number] for number in numbers]
                for row, source in (*zip(paired, paired), *zip(unpaired, sources)):
                    style_source[row] = source
        # Fixed noise that was never moved would tell where things are in the training photographs.
        offset = step.integers(generator.noise_period, 2) if generator.noise_period else None
        pictures = generator(batch.labels, style=style, instances=batch.instances, noise_offset=offset)
        return Drawn(pictures.to(batch.images.dtype), paired, unpaired, style_source, mean, log_variance)

    def _transferred(self, wanted: int, encoded: int) -> list[int]:
        """Which of the encoded styles the unpaired rows take in style transfer; none with a normal prior."""
        if self.prior == "normal" or not wanted:
            return []
        if not encoded:
            raise SemsynthError(
                'objective.prior is "photographs", but no picture of this part has an encoded style; draw '
                "two or more at once (run.batch_size, run.accumulate), or lower objective.prior_share."
            )
        return [number % encoded for number in range(wanted)]

    def fake_for_discriminator(self, step: Step, networks: Networks, result: GeneratorResult) -> Tensor:
        """The pictures (B, 3, H, W) the discriminator learns from: the generator's, or drawn again."""
        if self.reuse_fake:
            return cast(Tensor, result.fake)
        with torch.no_grad():
            return self.draw(step, networks).pictures

    def perceptual_term(self, drawn: Drawn, images: Tensor) -> Losses:
        """The perceptual loss of the paired rows against their photographs, images (B, 3, H, W)."""
        if self.perceptual_loss is None:
            return {}
        if not drawn.paired:
            return {"perceptual": drawn.pictures.new_zeros(())}
        own = index_of(drawn.paired)
        return {"perceptual": self.perceptual * self.perceptual_loss(drawn.pictures[own], images[own])}


def unpaired_rows(step: Step, share: float) -> list[int]:
    """The rows of this part that are drawn in styles of the prior: `share` of the batch, evenly spread."""
    counted = [math.floor((step.first + row) * share) for row in range(len(step.batch) + 1)]
    return [row for row, (before, after) in enumerate(pairwise(counted)) if after > before]


def index_of(rows: Sequence[int]) -> slice | list[int]:
    """An index of rows of a tensor: a slice where they are evenly spaced, so that nothing is copied.

    On a GPU a list of rows is copied to the device, and the program waits for it; a slice needs neither.
    """
    spaces = {after - before for before, after in pairwise(rows)} or {1}
    if len(spaces) > 1 or min(spaces) < 1:
        return list(rows)
    return slice(rows[0], rows[-1] + 1, spaces.pop()) if rows else slice(0)
