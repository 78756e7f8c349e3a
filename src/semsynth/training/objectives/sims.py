"""SIMS's objective (Qi et al., CVPR 2018): a bank of the training set, then its networks side by side.

The refiner learns on canvases stencilled out of the photographs, by CRN's loss and a semantic head that is
held to the unaltered label map. The alignment network puts back segments that were moved a little. They share
no weights, so one optimiser steps both; the published learning rates differ. The ordering network learns from
depth, which no data set here has: classes decide (see docs/methods.md).
"""

from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.models.sims import SegmentBank, SIMSGenerator, build_bank
from semsynth.models.sims.alignment import training_loss
from semsynth.models.sims.generator import stack
from semsynth.models.sims.segments import find_segments
from semsynth.models.sims.stencil import training_canvas
from semsynth.ops.edges import one_hot
from semsynth.training import distributed
from semsynth.training.objectives.base import GeneratorResult, Networks, Step, TrainingContext
from semsynth.training.objectives.crn import ReconstructionObjective

SEMANTIC_WEIGHT = 10.0
"""Of the cross-entropy of the refiner's semantic head."""

BANK = "bank"
"""Where in the run's folder the memory bank lies."""


class SIMSObjective(ReconstructionObjective):
    """Losses of SIMS's refiner and alignment network."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.numbers: dict[str, int] = {}

    def prepare(self, context: TrainingContext, networks: Networks) -> None:
        """Build the bank of the training set, unless the run's folder has it; calibrate the loss.

        Raises:
            SemsynthError: A recipe that wants the ordering network trained.
        """
        generator = cast(SIMSGenerator, networks.generator)
        if generator.order is not None:
            raise SemsynthError(
                "The ordering network of SIMS is trained from depth maps, which this data set does not have; "
                "set generator.ordering = false, and the classes decide what is in front."
            )
        height, width = next(context.pictures(1, 1)).labels.shape[1:]
        folder = context.folder / BANK
        if distributed.rank() == 0 and not (folder / "bank.json").is_file():
            context.folder.mkdir(parents=True, exist_ok=True)
            bank = build_bank(context.dataset, folder, (height, width))
            context.log(f"built a memory bank of {len(bank)} segments in {folder}")
        distributed.barrier()
        bank = SegmentBank.open(folder)
        self.numbers = {key: number for number, key in enumerate(bank.keys)}
        generator.attach(bank)
        super().prepare(context, networks)

    def generator_loss(self, step: Step, networks: Networks) -> GeneratorResult:
        """See `Objective`."""
        batch, generator = step.batch, cast(SIMSGenerator, networks.generator)
        seeds = step.rows(torch.randint(2**31, (step.total,), generator=step.rng)).tolist()
        photos = ((batch.images + 1) / 2).clamp(0, 1)  # (B,3,H,W) in [0,1]
        levels = np.asarray((photos * 255).round().byte().permute(0, 2, 3, 1).cpu())
        maps = np.asarray(batch.labels.cpu())
        canvases = [
            training_canvas(
                generator.bank, photo, labels, np.random.default_rng(seed), exclude=self.numbers.get(key)
            )
            for photo, labels, seed, key in zip(levels, maps, seeds, batch.keys, strict=True)
        ]
        image, logits = generator.refine(*stack(canvases, maps.shape[1:], like=batch.images), generator.run)
        aligned = [
            self._alignment(generator, photos[i], maps[i], batch.labels[i], seed)
            for i, seed in enumerate(seeds)
        ]
        losses = {
            "reconstruction": self.loss(image.to(batch.images.dtype), batch.images),
            "semantic": SEMANTIC_WEIGHT * F.cross_entropy(logits.float(), batch.labels),
            "alignment": torch.stack(aligned).mean(),
        }
        return GeneratorResult(losses)

    def _alignment(
        self, generator: SIMSGenerator, photo: Tensor, ids: Any, labels: Tensor, seed: int
    ) -> Tensor:
        """One photograph (3, H, W) with ids as array and as tensor (H, W) → a scalar."""
        masks = [segment.mask for segment in find_segments(ids, generator.bank.space)]
        # A picture without a segment is one, so that every process has gradients for every weight.
        shapes = np.stack(masks or [np.ones(ids.shape, np.bool_)])[:, None]  # (n,1,H,W)
        planes = one_hot(labels[None], generator.num_classes, dtype=photo.dtype)
        wanted = torch.from_numpy(shapes).to(photo)
        source = torch.Generator().manual_seed(seed)
        return training_loss(generator.align, photo, wanted, planes, source)
