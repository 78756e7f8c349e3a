"""A recipe: one TOML file that says everything about a training run.

Sections fill the frozen dataclasses below; a flag `--section.key value` overrides a value. The sections
`generator`, `style_encoder` and `discriminator` hold keyword arguments of the classes they build. Unknown
keys are refused with the nearest known one named. The settings in force are written beside the checkpoints.
"""

import dataclasses
import difflib
import inspect
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError


@dataclass(frozen=True)
class DataSettings:
    """What is trained on, and how pictures become batches.

    Attributes:
        name: data set or layout, as `load_dataset` knows it; "auto" recognises a folder by its layout.
        root: folder of the data set.
        split: which part of it.
        label_set: a label set of the package, or a labels.json; empty is the data set's own.
        preprocess: geometry: resize_and_crop, crop, scale_width, scale_width_and_crop, scale_shortside,
            scale_shortside_and_crop, fixed or none.
        load_size: side in pixels pictures are resized to before cropping.
        crop_size: side in pixels of what the networks see.
        aspect_ratio: width / height, for "fixed".
        flip: mirror half of the pictures.
        cache: decode once into a memory-mapped file.
        options: further keyword arguments of the data set, such as ADE20K's ids = "raw" or "shifted".
    """

    name: str = "auto"
    root: str = ""
    split: str = "train"
    label_set: str = ""
    preprocess: str = "resize_and_crop"
    load_size: int = 286
    crop_size: int = 256
    aspect_ratio: float = 1.0
    flip: bool = True
    cache: bool = True
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectiveSettings:
    """What the networks minimise; a weight of 0 leaves a term out.

    Attributes:
        gan: hinge, ls, original or w.
        adversarial: weight of the generator's adversarial term.
        feature_matching: weight of feature matching.
        perceptual: weight of the perceptual loss.
        perceptual_network: "auto" is VGG-19 where its file is found, else EfficientNet-Lite0; or "vgg19",
            "efficientnet-lite0".
        perceptual_weights: one a stage; empty is the network's default.
        vgg_file: VGG-19 weights; empty is torch's ordinary cache.
        projected: weight of the adversarial term in the frozen network's features (spade-projected).
        color: weight of the distance between colours averaged over large squares (spade-projected).
        texture: weight of the distance between statistics of features over squares (spade-projected).
        style: weight of the distance between statistics of a whole picture and those of the photograph whose
            style it borrows, see `prior` (spade-projected).
        class_style: weight of the same distance taken class by class, of what both pictures show
            (spade-projected).
        content: weight of the distance between deep features of such a picture and those of the photograph
            of its own label map (spade-projected).
        kl: weight of the style's divergence, summed over the latent and over the whole batch, as published.
        prior_share: share of each batch drawn in styles from the prior instead of the photographs' own;
            those pictures are not compared with their photographs, beside what `style` and `content` ask.
        prior: what that prior is: "normal", or "photographs", the styles of the batch's other photographs.
        labelmix: weight of LabelMix (OASIS).
        augment: what the discriminator's pictures go through: any of color, translation, cutout.
        reuse_fake: show the discriminator the generator's own fake of the step instead of drawing it anew
            with the stepped generator, as published; saves a forward pass.
    """

    gan: str = "hinge"
    adversarial: float = 1.0
    feature_matching: float = 10.0
    perceptual: float = 10.0
    perceptual_network: str = "auto"
    perceptual_weights: tuple[float, ...] = ()
    vgg_file: str = ""
    projected: float = 1.0
    color: float = 0.0
    texture: float = 0.0
    style: float = 0.0
    class_style: float = 0.0
    content: float = 0.0
    kl: float = 0.05
    prior_share: float = 0.0
    prior: str = "normal"
    labelmix: float = 0.0
    augment: tuple[str, ...] = ()
    reuse_fake: bool = False


@dataclass(frozen=True)
class OptimizerSettings:
    """Adam for both sides.

    Attributes:
        lr_generator: learning rate of the generator and the style encoder.
        lr_discriminator: learning rate of the discriminator.
        beta1: decay of the first moment.
        beta2: decay of the second moment.
    """

    lr_generator: float = 1e-4
    lr_discriminator: float = 4e-4
    beta1: float = 0.0
    beta2: float = 0.9


@dataclass(frozen=True)
class InitSettings:
    """How fresh weights are drawn, see `semsynth.ops.init.initialize`.

    Attributes:
        scheme: xavier, xavier_uniform, normal, kaiming, orthogonal or none.
        gain: its gain.
        spectral: "default" as the published training on GPUs, "scheme" as on a CPU.
    """

    scheme: str = "xavier"
    gain: float = 0.02
    spectral: str = "default"


@dataclass(frozen=True)
class Stage:
    """A stretch of training at one picture size; all weights are carried on.

    Attributes:
        images: how many training pictures it sees.
        load_size: see `DataSettings`.
        crop_size: see `DataSettings`.
        batch_size: pictures a step.
        outer_only: train only the generator's outer part (pix2pixHD's last enhancer), the rest held fixed.
            Where this changes, the generator's optimiser begins anew.
    """

    images: int
    load_size: int
    crop_size: int
    batch_size: int
    outer_only: bool = False


@dataclass(frozen=True)
class RunSettings:
    """How long, how fast and what is kept. Everything is counted in training pictures, not steps.

    Attributes:
        images: length of the run; with stages, their sum.
        constant_images: learning rates fall linearly from here to zero at the end; 0 never.
        batch_size: pictures a step, over all processes.
        accumulate: parts a batch is cut into, for small memories.
        recompute: keep only the inputs of the generator's blocks and compute them again in the backward pass,
            for small memories.
        precision: auto, float32 or bfloat16.
        ema_images: half-life of the averaged generator; 0 keeps none.
        ema_rampup: the half-life is at most this share of the pictures seen, so that an early average
            forgets the first noise; 0 is none.
        seed: of everything random.
        workers: threads that read pictures.
        log_images: pictures between lines of the log.
        sample_images: pictures between sample grids.
        checkpoint_images: pictures between checkpoints.
        keep: how many checkpoints stay.
        tensorboard: write the log and the sample grids as TensorBoard events too.
        start_from: run or model folder whose weights the networks start with.
    """

    images: int = 1_000_000
    constant_images: int = 0
    batch_size: int = 1
    accumulate: int = 1
    recompute: bool = False
    precision: str = "auto"
    ema_images: int = 0
    ema_rampup: float = 0.05
    seed: int = 0
    workers: int = 2
    log_images: int = 500
    sample_images: int = 10_000
    checkpoint_images: int = 10_000
    keep: int = 2
    tensorboard: bool = False
    start_from: str = ""


@dataclass(frozen=True)
class Recipe:
    """Everything about a run.

    Attributes:
        method: row of `semsynth.training.objective.METHODS`.
        data: see `DataSettings`.
        generator: keyword arguments of the method's generator, without the classes.
        style_encoder: keyword arguments of `StyleEncoder`, or None for none.
        discriminator: keyword arguments of the method's discriminator, without the classes.
        objective: see `ObjectiveSettings`.
        optimizer: see `OptimizerSettings`.
        init: see `InitSettings`.
        run: see `RunSettings`.
        stages: see `Stage`; none is one stage of the settings in `data` and `run`.
    """

    method: str = "spade"
    data: DataSettings = field(default_factory=DataSettings)
    generator: dict[str, Any] = field(default_factory=dict)
    style_encoder: dict[str, Any] | None = None
    discriminator: dict[str, Any] = field(default_factory=dict)
    objective: ObjectiveSettings = field(default_factory=ObjectiveSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    init: InitSettings = field(default_factory=InitSettings)
    run: RunSettings = field(default_factory=RunSettings)
    stages: tuple[Stage, ...] = ()

    def schedule(self) -> tuple[Stage, ...]:
        """The stages, or the one that `data` and `run` describe."""
        if self.stages:
            return self.stages
        return (Stage(self.run.images, self.data.load_size, self.data.crop_size, self.run.batch_size),)

    def total_images(self) -> int:
        """Length of the whole run."""
        return sum(stage.images for stage in self.schedule())

    def to_json(self) -> str:
        """The settings as JSON text."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def load_recipe(path: Path, overrides: Iterable[str] = (), *, variants: Iterable[Path] = ()) -> Recipe:
    """Read a TOML recipe.

    Args:
        path: the file.
        overrides: "section.key=value" settings, in TOML's notation for the value; text may lack quotes.

    Raises:
        SemsynthError: an unreadable file, an unknown key, a value of the wrong type.
    """
    table = _read(path)
    for variant in variants:
        table = _merged(table, _read(variant))
    for override in overrides:
        _override(table, override)
    return recipe_from_dict(table, " with ".join(map(str, (path, *variants))))


def recipe_from_dict(table: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """Build a recipe from nested dicts, refusing what it does not know.

    Args:
        table: sections and values, as TOML or `Recipe.to_json` give them.
        where: what to name in errors.
    """
    recipe: Recipe = _fill(Recipe, table, where, "")
    return recipe


def check_keywords(builder: Any, keywords: Mapping[str, Any], where: str, section: str) -> None:
    """Refuse keywords that a network's class does not take, naming the nearest that it does."""
    known = [name for name in inspect.signature(builder).parameters if name != "self"]
    for key in keywords:
        if key not in known:
            raise _unknown(key, known, where, section)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SemsynthError(f"cannot read the recipe {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SemsynthError(f"{path} is no TOML file: {error}") from error


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A table with the values of another put in, section by section."""
    merged = dict(table)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _override(table: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    if not separator:
        raise SemsynthError(f"{override!r} is no setting; write section.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *sections, key = name.split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SemsynthError(f"{name}: {section} is a value, not a section")
    table[key] = value


def _fill(cls: Any, table: Mapping[str, Any], where: str, section: str) -> Any:
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in table.items():
        if key not in hints:
            raise _unknown(key, list(hints), where, section)
        values[key] = _convert(value, hints[key], where, f"{section}.{key}".lstrip("."))
    try:
        return cls(**values)
    except TypeError as error:
        raise SemsynthError(f"{where}: section {section}: {error}") from error


def _convert(value: Any, hint: Any, where: str, name: str) -> Any:
    origin = typing.get_origin(hint)
    if dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return _fill(hint, value, where, name)
    if origin is types.UnionType:  # X | None
        inner = next(arg for arg in typing.get_args(hint) if arg is not type(None))
        return None if value is None else _convert(value, inner, where, name)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(item, typing.get_args(hint)[0], where, name) for item in value)
    if origin is dict and isinstance(value, Mapping):
        return dict(value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, type) and type(value) is hint:
        return value
    wanted = hint.__name__ if isinstance(hint, type) else str(hint)
    raise SemsynthError(f"{where}: {name} is {value!r}; it must be of type {wanted}")


def _unknown(key: str, known: list[str], where: str, section: str) -> SemsynthError:
    near = difflib.get_close_matches(key, known, 1)
    hint = f"; did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"
    return SemsynthError(f"{where}: there is no setting {f'{section}.{key}'.lstrip('.')}{hint}")
