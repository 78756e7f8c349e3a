"""Settings of a segmenter's training."""

from dataclasses import dataclass
from typing import Annotated, Literal

from semsynth.errors import SemsynthError
from semsynth.files.settings import NonNegative, Positive, Range, check

Share = Annotated[float, Range(0, 1)]
EncoderName = Literal["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "scratch"]
"""Those of `semsynth.models.segmenter`, without torch: help must not wait for it."""


@dataclass(frozen=True)
class SegmenterRecipe:
    """Settings of a segmenter's training. Schedules count pictures.

    Attributes:
        encoder: "efficientnet-lite0", "-lite1", "-lite2" (pretrained on ImageNet), or "scratch".
        width: Channels of the decoder.
        size: Side of the square pictures it trains on, in pixels; a multiple of 32.
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

    encoder: EncoderName = "efficientnet-lite2"
    width: Positive = 128
    size: Annotated[int, Range(64, 4096)] = 256
    pictures: Positive = 40_000
    minutes: NonNegative = 0.0
    batch_size: Positive = 8
    learning_rate: NonNegative = 2e-3
    encoder_rate: NonNegative = 2e-4
    frozen_steps: Annotated[int, Range(0, 8)] = 4
    weight_decay: NonNegative = 1e-2
    ema: Share = 0.998
    class_power: Annotated[float, Range(0, 10)] = 0.2
    rare_share: Share = 0.1
    least_crop: Share = 0.35
    validate_every: Positive = 4_000
    seed: Annotated[int, Range(0, 2**63 - 1)] = 0

    def __post_init__(self) -> None:
        check(self)
        if self.size % 32:
            raise SemsynthError(f"size is {self.size}; it must be a multiple of 32.")

    @property
    def frozen(self) -> int:
        """Steps that stay as they are; an encoder that starts from nothing has none."""
        return 0 if self.encoder == "scratch" else self.frozen_steps
