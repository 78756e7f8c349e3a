"""What every objective works on: the networks, and one step's batch with what its two losses share."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from semsynth.data.sample import Batch
from semsynth.models.base import GeneratorModule
from semsynth.models.style_encoder import StyleEncoder

Losses = dict[str, Tensor]
"""Named, already weighted terms; their sum is minimised."""


@dataclass
class Networks:
    """The networks of a run; a method without one of them has None there."""

    generator: GeneratorModule
    discriminator: nn.Module | None = None
    style_encoder: StyleEncoder | None = None

    def modules(self) -> dict[str, nn.Module]:
        """Those that are there, by name."""
        named = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "style_encoder": self.style_encoder,
        }
        return {name: module for name, module in named.items() if module is not None}


@dataclass
class Step:
    """A batch on its way through one training step.

    Attributes:
        batch: this process's part of the step's pictures (or a part of that, with accumulation).
        rng: CPU generator of this step, in the same state in all processes.
        first: number of this part's first picture within the whole batch.
        total: pictures in the whole batch.
        shared: what the generator's loss leaves for the discriminator's: the fake, prepared labels.
    """

    batch: Batch
    rng: torch.Generator
    first: int
    total: int
    shared: dict[str, Any] = field(default_factory=dict)

    def rows(self, values: Tensor) -> Tensor:
        """This part's rows of something drawn for the whole batch, on the batch's device.

        Drawing for the whole batch and taking a part makes a run over several processes equal to one.
        """
        return values[self.first : self.first + len(self.batch)].to(self.batch.images.device)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal noise (B, *shape)."""
        return self.rows(torch.randn(self.total, *shape, generator=self.rng))


class Objective(Protocol):
    """One method's losses."""

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """The terms the generator (and the style encoder) minimise; they need the discriminator frozen."""
        ...

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses | None:
        """The discriminator's terms, or None for a method without one. Called after `generator_loss`."""
        ...
