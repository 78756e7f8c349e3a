"""The settings of a training run: what the sections of a recipe fill."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from semsynth.files.settings import Natural, NonNegative, Positive, Range
from semsynth.ops.init import Scheme

Side = Annotated[int, Range(1, 8192)]
"""Of a picture, in pixels. A batch of larger ones fits into no memory."""


@dataclass(frozen=True)
class DataSettings:
    """What is trained on, and how pictures become batches.

    Attributes:
        name: Data set or layout, as `load_dataset` knows it; "auto" recognises a folder by its layout.
        root: Folder of the data set.
        split: Which part of it.
        label_set: A label set of the package, or a labels.json; empty is the data set's own.
        preprocess: Geometry: resize_and_crop, crop, scale_width, scale_width_and_crop, scale_shortside,
            scale_shortside_and_crop, fixed or none.
        load_size: Side in pixels pictures are resized to before cropping; with stages, theirs.
        crop_size: Side in pixels of what the networks see; with stages, theirs.
        aspect_ratio: Width / height, for "fixed".
        flip: Mirror half of the pictures.
        cache: Decode once into a memory-mapped file.
        options: Further keyword arguments of the data set, such as ADE20K's numbering = "raw" or "shifted".
    """

    name: str = "auto"
    root: str = ""
    split: str = "train"
    label_set: str = ""
    preprocess: str = "resize_and_crop"
    load_size: Side = 286
    crop_size: Side = 256
    aspect_ratio: float = 1.0
    flip: bool = True
    cache: bool = True
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OptimizerSettings:
    """Adam for both sides.

    Attributes:
        lr_generator: Learning rate of the generator and the style encoder.
        lr_discriminator: Learning rate of the discriminator.
        beta1: Decay of the first moment.
        beta2: Decay of the second moment.
    """

    lr_generator: NonNegative = 1e-4
    lr_discriminator: NonNegative = 4e-4
    beta1: float = 0.0
    beta2: float = 0.9


@dataclass(frozen=True)
class InitSettings:
    """How fresh weights are drawn, see `semsynth.ops.init.initialize`.

    Attributes:
        scheme: Xavier, xavier_uniform, normal, kaiming, orthogonal or none.
        gain: Its gain.
        spectral: "default" as the published training on GPUs, "scheme" as on a CPU.
    """

    scheme: Scheme = "xavier"
    gain: float = 0.02
    spectral: Literal["default", "scheme"] = "default"


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one picture size; all weights are carried on.

    Attributes:
        images: How many training pictures it sees; a multiple of `batch_size` where another stage follows.
        load_size: Side in pixels pictures are resized to before cropping.
        crop_size: Side in pixels of what the networks see.
        batch_size: Pictures a step.
        outer_only: Train only the generator's outer part (pix2pixHD's last enhancer), the rest held fixed.
            Where this changes, the generator's optimizer starts without moments.
    """

    images: Positive
    load_size: Side
    crop_size: Side
    batch_size: Positive
    outer_only: bool = False


@dataclass(frozen=True)
class RunSettings:
    """How long, how fast and what is kept. Everything is counted in training pictures, not steps.

    Attributes:
        images: Length of the run; with stages, their sum.
        constant_images: Learning rates fall linearly from here to zero at the end; 0 never.
        batch_size: Pictures a step, over all processes; with stages, theirs.
        accumulate: Parts a batch is cut into, for small memories.
        recompute: Keep only the inputs of the generator's blocks and compute them again in the backward pass,
            for small memories.
        precision: Auto, float32 or bfloat16.
        ema_images: half-life of the averaged generator; 0 keeps none.
        ema_rampup: The half-life is at most this share of the pictures seen, so that an early average
            forgets the first noise; 0 is none.
        seed: Of everything random.
        workers: Threads that read pictures.
        log_images: Pictures between lines of the log.
        sample_images: Pictures between sample grids.
        checkpoint_images: Pictures between checkpoints.
        keep: How many checkpoints stay, at least 1.
        keep_discriminator: Keep the discriminator in the model folder too, so that a run that starts from it
            (`start_from`) continues with it.
        tensorboard: Write the log and the sample grids as TensorBoard events too.
        start_from: Run or model folder whose weights the networks start with.
    """

    images: Positive = 1_000_000
    constant_images: Natural = 0
    batch_size: Positive = 1
    accumulate: Positive = 1
    recompute: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    ema_images: Natural = 0
    ema_rampup: NonNegative = 0.05
    seed: Natural = 0
    workers: Natural = 2
    log_images: Positive = 500
    sample_images: Positive = 10_000
    checkpoint_images: Positive = 10_000
    keep: Positive = 2
    keep_discriminator: bool = False
    tensorboard: bool = False
    start_from: str = ""


@dataclass(frozen=True)
class Recipe:
    """Everything about a run.

    Attributes:
        method: Row of `semsynth.training.objective.METHODS`.
        data: See `DataSettings`.
        generator: Keyword arguments of the method's generator, without the classes.
        style_encoder: Keyword arguments of `StyleEncoder`, or None for none.
        discriminator: Keyword arguments of the method's discriminator, without the classes.
        objective: Keyword arguments of the method's objective; `recipe_from_dict` puts in the defaults.
        optimizer: See `OptimizerSettings`.
        init: See `InitSettings`.
        run: See `RunSettings`.
        stages: See `Stage`; none is one stage of the settings in `data` and `run`.
    """

    method: str = "spade"
    data: DataSettings = field(default_factory=DataSettings)
    generator: dict[str, Any] = field(default_factory=dict)
    style_encoder: dict[str, Any] | None = None
    discriminator: dict[str, Any] = field(default_factory=dict)
    objective: dict[str, Any] = field(default_factory=dict)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    init: InitSettings = field(default_factory=InitSettings)
    run: RunSettings = field(default_factory=RunSettings)
    stages: tuple[Stage, ...] = ()

    def schedule(self) -> tuple[Stage, ...]:
        """The stages, or the one that `data` and `run` describe."""
        if self.stages:
            return self.stages
        return (Stage(self.run.images, self.data.load_size, self.data.crop_size, self.run.batch_size),)

    def stage_at(self, images_seen: int) -> Stage:
        """The stage of the last of so many pictures."""
        end = 0
        for stage in self.schedule():
            end += stage.images
            if images_seen <= end:
                break
        return stage

    def total_images(self) -> int:
        """Length of the whole run."""
        return sum(stage.images for stage in self.schedule())

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The values in nested tables by their dotted names."""
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
