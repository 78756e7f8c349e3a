"""Settings of a segmenter's training."""

import math
from dataclasses import dataclass

from semsynth.errors import SemsynthError

ENCODERS = {
    "efficientnet-lite0": "lite0",
    "efficientnet-lite1": "lite1",
    "efficientnet-lite2": "lite2",
    "scratch": None,
}
"""Encoder name → variant of EfficientNet-Lite; None for the plain one that starts from nothing."""


LEAST = {
    "width": 1,
    "pictures": 1,
    "minutes": 0,
    "batch_size": 1,
    "learning_rate": 0,
    "encoder_rate": 0,
    "weight_decay": 0,
    "ema": 0,
    "class_power": 0,
    "rare_share": 0,
    "least_crop": 0,
    "validate_every": 1,
    "seed": 0,
}
"""The smallest values that settings may have."""

MOST = {
    "size": 4096,
    "ema": 1,
    "class_power": 10,
    "rare_share": 1,
    "least_crop": 1,
    "seed": 2**63 - 1,
}
"""The largest."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """Settings of a segmenter's training. Schedules count pictures.

    Attributes:
        encoder: "efficientnet-lite0", "-lite1", "-lite2" (pretrained on ImageNet), or "scratch".
        width: Channels of the decoder.
        size: Side of the square pictures it trains on, in pixels.
        pictures: Length of the training.
        minutes: If above 0, the training also ends after so many minutes, its schedule pulled together.
        batch_size: Pictures in a step.
        learning_rate: Of the decoder, and of an encoder that starts from nothing; cosine to 0.
        encoder_rate: Of the late stages of a pretrained encoder.
        frozen_steps: How many of the eight steps (stem and seven stages) of a pretrained encoder stay as they
            are.
        weight_decay: Of AdamW.
        ema: Decay of the averaged weights, which are what is kept.
        class_power: Classes weigh (share of pixels) ** -class_power in the loss.
        rare_share: Pictures holding a class that fewer than this share of pictures hold are drawn more often.
        least_crop: The smallest part of a photograph an augmented view shows, as a share of its area.
        validate_every: Pictures between validations.
        seed: Of everything that is drawn.
    """

    encoder: str = "efficientnet-lite2"
    width: int = 128
    size: int = 256
    pictures: int = 40_000
    minutes: float = 0.0
    batch_size: int = 8
    learning_rate: float = 2e-3
    encoder_rate: float = 2e-4
    frozen_steps: int = 4
    weight_decay: float = 1e-2
    ema: float = 0.998
    class_power: float = 0.2
    rare_share: float = 0.1
    least_crop: float = 0.35
    validate_every: int = 4_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in LEAST.items():
            if not least <= getattr(self, name) < math.inf:  # nor what is not a number
                raise SemsynthError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        for name, most in MOST.items():
            if getattr(self, name) > most:
                raise SemsynthError(f"{name} is {getattr(self, name)}; it must be at most {most}.")
        if self.encoder not in ENCODERS:
            raise SemsynthError(f"There is no encoder {self.encoder!r}; there are {', '.join(ENCODERS)}.")
        if self.size % 32 or self.size < 64:
            raise SemsynthError(f"size is {self.size}; it must be a multiple of 32, at least 64.")
        if not 0 <= self.frozen_steps <= 8:
            raise SemsynthError(f"frozen_steps is {self.frozen_steps}; a pretrained encoder has 8 steps.")

    @property
    def frozen(self) -> int:
        """Steps that stay as they are; an encoder that starts from nothing has none."""
        return 0 if ENCODERS[self.encoder] is None else self.frozen_steps
