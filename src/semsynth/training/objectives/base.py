"""What every objective works on: the networks, one step's batch, and the data before the first step."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semsynth.data.loader import in_order
from semsynth.data.sample import Batch, Dataset
from semsynth.data.transforms import Geometry
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
    discriminator_config: dict[str, Any] = field(default_factory=dict)
    """Keyword arguments that rebuild the discriminator."""

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
        part = values[self.first : self.first + len(self.batch)]
        return part.to(self.batch.images.device, non_blocking=True)

    def normal(self, *shape: int) -> Tensor:
        """Standard normal noise (B, *shape)."""
        return self.rows(torch.randn(self.total, *shape, dtype=torch.float32, generator=self.rng))

    def integers(self, below: int, *shape: int) -> Tensor:
        """Uniform int64 numbers of 0..below-1, (B, *shape)."""
        return self.rows(torch.randint(below, (self.total, *shape), generator=self.rng))


@dataclass(frozen=True)
class TrainingContext:
    """What a method may look at before its first step.

    Attributes:
        dataset: the training pictures, as stored.
        geometry: how the first stage brings them to size.
        folder: of the run; a method may keep files of its own there.
        device: of the networks.
        log: Called with a sentence for each thing that happens.
    """

    dataset: Dataset
    geometry: Geometry
    folder: Path
    device: torch.device
    log: Callable[[str], None]

    def pictures(self, count: int, batch_size: int) -> Iterator[Batch]:
        """`count` pictures, evenly spread over the data set and cut from their centres.

        Several to a batch need one size; a geometry that leaves sizes unlike is given a crop for them.
        """
        count = min(count, len(self.dataset))
        indices = [i * len(self.dataset) // count for i in range(count)]
        geometry = self.geometry if batch_size == 1 else self.geometry.to_one_size()
        still = replace(geometry, training=False)
        for batch in in_order(self.dataset, still, batch_size, indices=indices):
            yield batch.to(self.device)


class Objective:
    """One method's losses, and what its training needs beside them."""

    def generator_loss(self, step: Step, networks: Networks) -> Losses:
        """The terms the generator (and the style encoder) minimise; they need the discriminator frozen."""
        raise NotImplementedError

    def discriminator_loss(self, step: Step, networks: Networks) -> Losses:
        """The discriminator's terms, where the method has one. Called after `generator_loss`."""
        raise NotImplementedError

    def frozen(self) -> dict[str, nn.Module]:
        """Networks that are looked through and never trained, by name; an evaluation must not use them."""
        return {}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Get ready before the first step, and before a run goes on: then `load_state_dict` came first."""

    def state_dict(self) -> dict[str, Any]:
        """What `prepare` or training found out that a checkpoint must keep: tensors and numbers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
