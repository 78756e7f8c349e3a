"""Settings of a feature network's training."""

from dataclasses import dataclass
from typing import Annotated

from semsynth.files.settings import NonNegative, Positive, Range, check

WARM_UP = 2_000
"""Images over which the learning rate rises."""


@dataclass(frozen=True)
class FeatureRecipe:
    """Settings of a feature network's training. Schedules count images.

    Attributes:
        images: Length of the training; each image gives two crops.
        batch_size: Images in a step.
        learning_rate: Of AdamW; rises over the first 2,000 images, then falls to 0 as a cosine.
        weight_decay: Of AdamW.
        temperature: By which the similarities of crops are divided.
        held_out: Photographs, evenly spread over the names, that are never trained on; the network is scored
            on them.
        checkpoint_images: Images between checkpoints.
        seed: Of everything that is drawn.
    """

    images: Positive = 64_000
    batch_size: Annotated[int, Range(2, 4096)] = 64
    learning_rate: NonNegative = 2e-3
    weight_decay: NonNegative = 1e-3
    temperature: Annotated[float, Range(1e-3, 10)] = 0.2
    held_out: Annotated[int, Range(2, 1_000_000)] = 200
    checkpoint_images: Positive = 6_400
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0

    def __post_init__(self) -> None:
        check(self)
