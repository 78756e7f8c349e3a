"""Model folders: everything a trained network needs to be used again, and nothing that runs code.

    config.json               what to build, for which pictures and labels; checksums of the weights; scores
    labels.json               the label set
    model.safetensors         the generator
    style_encoder.safetensors where the model has one
    discriminator.safetensors where it was kept, to train on
    bank/                     the memory bank of a model that draws from one
    styles/styles.json        named styles, with a thumbnail picture each where there is one
    examples/                 label maps to try it on; saving anew leaves them there
    README.md                 the model card

A folder is written beside its final place and renamed, so it is whole whenever a process dies, see
`files.folders`. Nothing here goes online.
"""

import contextlib
import functools
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.folders import recover, whole_folder
from semsynth.files.networks import check_counts, size_limit
from semsynth.files.reading import open_regular
from semsynth.files.tensors import file_sha256
from semsynth.files.writing import write_atomically
from semsynth.hub.config import FORMAT, read_config
from semsynth.hub.finding import EXAMPLES, check_place, find_model
from semsynth.hub.scores import Scores, config_without_scores, read_scores, write_config
from semsynth.hub.styles import Style, read_styles, write_styles
from semsynth.hub.weights import StoredType, load_weights, write_weights
from semsynth.labels import LabelSpace
from semsynth.models import GENERATORS, GeneratorModule, create_model
from semsynth.models.discriminators import DISCRIMINATORS
from semsynth.models.style_encoder import StyleEncoder

Network = TypeVar("Network", bound=nn.Module)

MAX_CARD = 1 << 20
"""How much of a model card is read, in bytes."""


@dataclass(frozen=True)
class Model:
    """What a model folder holds.

    Attributes:
        generator: Labels to picture, in eval mode, on the CPU, float32.
        label_space: What its ids mean.
        image_size: (H, W) it was trained for; other sizes work too.
        style_encoder: Photograph to style, where there is one.
        styles: By name, in the order of the file.
        card: README.md.
        loss_networks: Feature networks of its training loss, none of which may be its evaluator; None where
            that is not recorded.
        folder: Where it came from.
        images_seen: How many pictures the weights saw in training; None where that is not recorded.
        scores: What evaluations found of it.
    """

    generator: GeneratorModule
    label_space: LabelSpace
    image_size: tuple[int, int]
    style_encoder: StyleEncoder | None = None
    styles: Mapping[str, Style] = field(default_factory=dict)
    card: str = ""
    loss_networks: tuple[str, ...] | None = None
    folder: Path | None = None
    images_seen: int | None = None
    scores: tuple[Scores, ...] = ()


@isolated()
def save_model(
    folder: str | Path,
    model: Model,
    *,
    discriminator: tuple[dict[str, Any], nn.Module] | None = None,
    dtype: StoredType = "float32",
    overwrite: bool = False,
) -> Path:
    """Write a model folder.

    Args:
        folder: Where; folders above it are made.
        model: What to write; its `folder` is not used.
        discriminator: The network to keep for further training, behind its keyword arguments.
        dtype: How matrices and kernels are stored; vectors (biases, norms) are always float32.
        overwrite: Replace a model folder that is already there.

    Returns:
        The folder.

    Raises:
        SemsynthError: The folder exists already, or cannot be written.
    """
    folder = Path(folder)
    check_place(folder, overwrite)
    with whole_folder(folder) as part:
        encoder = model.style_encoder
        networks: dict[str, nn.Module | None] = {
            "model": model.generator,
            "style_encoder": encoder,
            "discriminator": discriminator[1] if discriminator else None,
        }
        sums = {
            f"{name}.safetensors": write_weights(part / f"{name}.safetensors", network, dtype)
            for name, network in networks.items()
            if network is not None
        }
        model.generator.save_files(part)
        model.label_space.save(part / "labels.json")
        config = {
            "format": FORMAT,
            "generator": {"name": generator_name(model.generator), **model.generator.config},
            "style_encoder": encoder.config if encoder else None,
            "discriminator": discriminator_config(*discriminator) if discriminator else None,
            "image_size": list(model.image_size),
            "loss_networks": None if model.loss_networks is None else list(model.loss_networks),
            "images_seen": model.images_seen,
            "label_set": model.label_space.name,
            "dtype": dtype,
            "sha256": sums,
        }
        write_config(part / "config.json", config, model.scores)
        write_atomically(part / "README.md", (model.card or _default_card(config)).encode())
        if model.styles:
            write_styles(part / "styles", model.styles)
        if (folder / EXAMPLES).is_dir():
            shutil.copytree(folder / EXAMPLES, part / EXAMPLES)
    return folder


@isolated()
def load_model(name: str | Path, *, verify: bool = True) -> Model:
    """Read a model folder.

    Args:
        name: See `find_model`.
        verify: Compare the weight files with their checksums.

    Raises:
        SemsynthError: There is no such model, or something in the folder is damaged or of a newer format.
    """
    folder = find_model(name)
    config = read_config(folder)
    label_space = LabelSpace.from_file(folder / "labels.json")
    generator = build_generator(config, folder)
    if label_space.num_classes != generator.num_classes:
        raise SemsynthError(
            f"{folder}: labels.json has {label_space.num_classes} classes, "
            f"the network {generator.num_classes}; they belong to different models."
        )
    sums = (config.get("sha256") or {}) if verify else {}
    load_weights(generator, folder / "model.safetensors", sums)
    generator.load_files(folder)
    encoder = None
    if settings := config.get("style_encoder"):
        encoder = _built(StyleEncoder, settings, folder)
        load_weights(encoder, folder / "style_encoder.safetensors", sums)
        encoder.eval()
    recorded = config.get("loss_networks")
    height, width = config["image_size"]
    return Model(
        generator=generator.eval(),
        label_space=label_space,
        image_size=(int(height), int(width)),
        style_encoder=encoder,
        styles=read_styles(folder / "styles", generator.style_dim),
        card=_read_card(folder / "README.md"),
        loss_networks=None if recorded is None else tuple(recorded),
        folder=folder,
        images_seen=config.get("images_seen"),
        scores=read_scores(folder / "config.json", config.get("scores")),
    )


def images_seen(folder: Path) -> int | None:
    """How many pictures the weights of a model folder saw; None where there is none, or it does not say."""
    recover(folder)
    try:
        seen: int | None = read_config(folder).get("images_seen")
    except SemsynthError:
        return None
    return seen


def fingerprint(folder: Path) -> str:
    """16 hex digits that change whenever what a model folder draws may: its settings, weights or bank."""
    digest = hashlib.sha256()
    config = folder / "config.json"
    for path in sorted([config, *folder.glob("*.safetensors"), *folder.glob("bank/*")]):
        digest.update(path.name.encode())
        if path == config:
            digest.update(hashlib.sha256(config_without_scores(path)).digest())
        else:
            digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()[:16]


def build_generator(config: Mapping[str, Any], folder: Path) -> GeneratorModule:
    """The generator that config.json describes, without memory for its weights (on the meta device)."""
    settings = dict(config["generator"])
    name = settings.pop("name", None)
    return _built(functools.partial(create_model, name), settings, folder)


def _built(make: Callable[..., Network], settings: Mapping[str, Any], folder: Path) -> Network:
    """A network of config.json on the meta device, or a sentence that says what is wrong with the file."""
    try:
        check_counts(settings)
        with size_limit(), torch.device("meta"):
            return make(**settings).float()
    except Exception as error:  # constructors raise whatever they trip over, and the file is to blame
        raise SemsynthError(
            f"{folder / 'config.json'} does not describe a network this version builds: "
            f"{str(error).partition(chr(10))[0].rstrip('.')[:300] or type(error).__name__}."
        ) from None


def generator_name(generator: nn.Module) -> str:
    """The name under which `create_model` builds such a generator."""
    for name, kind in GENERATORS.items():
        if type(generator) is kind:
            return name
    raise SemsynthError(f"{type(generator).__name__} is no generator `create_model` can build again.")


def discriminator_config(keywords: Mapping[str, Any], network: nn.Module) -> dict[str, Any]:
    """What config.json says of a discriminator: the name of its class, and its keyword arguments."""
    (name,) = (name for name, kind in DISCRIMINATORS.items() if type(network) is kind)
    return {"name": name, **keywords}


@isolated()
def load_discriminator(name: str | Path) -> nn.Module:
    """The discriminator kept in a model folder, to train on: of whichever class it was saved.

    Raises:
        SemsynthError: The model was saved without one, or with one that this version does not build.
    """
    folder = find_model(name)
    config = read_config(folder)
    settings = config.get("discriminator")
    if not settings:
        raise SemsynthError(f"{folder} holds no discriminator.")
    kind, keywords = settings.get("name", "multiscale"), {k: v for k, v in settings.items() if k != "name"}
    network: nn.Module = _built(lambda **given: DISCRIMINATORS[kind](**given), keywords, folder)
    load_weights(network, folder / "discriminator.safetensors", config.get("sha256") or {})
    return network


def _read_card(path: Path) -> str:
    """The card's text, as far as MAX_CARD; a damaged one does not keep a model from use."""
    with contextlib.suppress(SemsynthError, OSError), open_regular(path) as file:
        return file.read(MAX_CARD).decode("utf-8-sig", errors="replace")
    return ""


def _default_card(config: Mapping[str, Any]) -> str:
    height, width = config["image_size"]
    return (
        f"# A {config['generator']['name']} model for {config['label_set']}\n\n"
        f"Label maps of the set `{config['label_set']}` to photographs of {height}x{width}; "
        "other sizes work.\n"
        "Trained on, licence, measured scores: not stated.\n"
    )
