"""What every objective works on: the networks, one step's batch, and the data before the first step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from semsynth.data.loader import in_order
from semsynth.data.sample import Batch, Dataset
from semsynth.data.transforms import Geometry
from semsynth.models.base import GeneratorModule
from semsynth.models.discriminators.patchgan import LabelInput
from semsynth.models.style_encoder import StyleEncoder

Losses = dict[str, Tensor]
"""Named, already weighted terms; their sum is minimised."""


@dataclass
class Networks:
    """The networks of a run; a method without one of them has None there."""

    generator: GeneratorModule
    discriminator: nn.Module | None = None
    style_encoder: StyleEncoder | None = None
    discriminator_config: dict[str, Any] | None = None
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
        batch: This process's part of the step's pictures (or a part of that, with accumulation).
        rng: CPU generator of this step, in the same state in all processes.
        first: Number of this part's first picture within the whole batch.
        total: Pictures in the whole batch.
    """

    batch: Batch
    rng: torch.Generator
    first: int
    total: int

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


class HeadInputs(NamedTuple):
    """What the projected heads see, a tensor a stage.

    Attributes:
        fake: Features of the generated pictures, (B, C, h, w), without a gradient.
        real: Features of the photographs, likewise.
        shares: How much of each class lies under each feature, (B, K, h, w).
    """

    fake: Sequence[Tensor]
    real: Sequence[Tensor]
    shares: Sequence[Tensor]


LabelInputs = Sequence[LabelInput] | tuple[Tensor, Tensor | None]
"""Labels and instances as a discriminator takes them: prepared for each of its scales, or (B, H, W) ids."""


@dataclass(frozen=True)
class GeneratorResult:
    """The generator's losses, and what the discriminator's loss of the same step takes over.

    Attributes:
        losses: The terms that the generator and the style encoder minimise.
        fake: The pictures (B, 3, H, W), without a gradient; None in methods without a discriminator.
        labels: The labels as the discriminator took them, where its input is kept.
        head_inputs: What the projected heads saw, where there are heads.
    """

    losses: Losses
    fake: Tensor | None = None
    labels: LabelInputs | None = None
    head_inputs: HeadInputs | None = None


@dataclass(frozen=True)
class TrainingContext:
    """What a method may look at before its first step.

    Attributes:
        dataset: The training pictures, as stored.
        geometry: How the first stage brings them to size.
        folder: Of the run; a method may keep files of its own there.
        device: Of the networks.
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
    """One method's losses, and what its training needs beside them.

    The keyword arguments of a subclass are the settings of its method: `[objective]` in a recipe.
    """

    def generator_loss(self, step: Step, networks: Networks) -> GeneratorResult:
        """The terms of the generator and the style encoder; the discriminator's parameters are frozen."""
        raise NotImplementedError

    def discriminator_loss(self, step: Step, networks: Networks, result: GeneratorResult) -> Losses:
        """The terms of the discriminator, where the method has one.

        Args:
            step: The step that `generator_loss` had.
            networks: The generator has been stepped since.
            result: Of `generator_loss`.
        """
        raise NotImplementedError

    def loss_networks(self) -> dict[str, nn.Module]:
        """The frozen feature networks of its losses, by name; none of them may be the evaluator."""
        return {}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Prepare for the first step. In a run that goes on, `load_state_dict` has been called before."""

    def state_dict(self) -> dict[str, Any]:
        """What `prepare` or training has measured and a checkpoint must keep: tensors and numbers."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what `state_dict` gave."""
