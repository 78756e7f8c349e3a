"""From the files of a published release to a model folder's contents."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing
from semsynth.files.tensors import read_checkpoint
from semsynth.hub.folder import Model
from semsynth.labels import LabelSpace
from semsynth.models import create_model
from semsynth.models.published import Imported
from semsynth.models.style_encoder import StyleEncoder

FAMILIES: dict[str, str] = {
    "spade": "semsynth.models.spade_published",
    "pix2pixhd": "semsynth.models.pix2pixhd_published",
    "ccfpse": "semsynth.models.ccfpse_published",
    "oasis": "semsynth.models.oasis_published",
}
"""Generator → the module whose `import_published(state, **hints)` gives its settings and its state."""

EDGE_PLANES = (184, 36)
"""Label planes of released networks (COCO-Stuff, Cityscapes) whose last is the instance edge map."""

LABEL_SETS = {183: "coco-stuff", 151: "ade20k", 35: "cityscapes", 13: "facades-cmp"}
"""Number of classes → the label set a released network with that many was trained on."""

IMAGE_SIZES = {"cityscapes": (256, 512)}
"""(H, W) the released networks draw, where it is not the usual 256x256."""

USUAL_SIZE = (256, 256)


@isolated()
def import_model(
    family: str,
    generator: Path,
    *,
    encoder: Path | None = None,
    discriminator: Path | None = None,
    labels: str | None = None,
    **hints: Any,
) -> tuple[Model, tuple[dict[str, Any], nn.Module] | None]:
    """Read published files.

    Args:
        family: A key of `FAMILIES`.
        generator: State dictionary of the generator.
        encoder: Of SPADE's style encoder.
        discriminator: Of the multi-scale discriminator.
        labels: Name or JSON file of the label set; None goes by the number of classes.
        **hints: What shapes cannot tell, as the family's `import_published` takes it; None is not given.

    Returns:
        The model; and the discriminator's settings and network, where one was given.

    Raises:
        SemsynthError: Names the file, and in it the first tensor that does not fit.
    """
    space = None
    if labels is not None:
        space = LabelSpace.from_file(labels) if labels.endswith(".json") else LabelSpace.named(labels)
    given = {name: value for name, value in hints.items() if value is not None}
    state = read_state(generator)
    try:
        config, tensors = _import_generator(family, state, space, given)
    except SemsynthError as error:
        sentence = str(error).replace("give num_classes", "give the label set with --label-set")
        raise SemsynthError(f"{generator}: {sentence}") from None
    network = create_model(family, **config)
    network.load_state_dict(tensors)
    if space is None:
        space = _guess_space(network.num_classes)
    if space.num_classes != network.num_classes:
        raise SemsynthError(
            f"{generator} is a network of {network.num_classes} classes; "
            f"label set {space.name!r} has {space.num_classes}."
        )
    model = Model(
        generator=network.eval(),
        label_space=space,
        image_size=_image_size(config, space, network.valid_size),
        style_encoder=_import_encoder(encoder, network.style_dim) if encoder else None,
        card=_card(family, space),
    )
    kept = None
    if discriminator:
        kept = _import_discriminator(discriminator, network.num_classes, network.uses_instances)
    return model, kept


def read_state(path: Path) -> dict[str, Tensor]:
    """A published state dictionary, float32, without `module.` prefixes. Nothing in the file is run.

    Raises:
        SemsynthError: See `read_checkpoint`; or two names differ in that prefix alone.
    """
    tensors: dict[str, Tensor] = {}
    for name, value in read_checkpoint(path).items():
        short = name.removeprefix("module.")
        if short in tensors:
            raise SemsynthError(f"{path} holds {short!r} twice, with and without the prefix 'module.'.")
        tensors[short] = value
    return tensors


def _import_generator(
    family: str, state: Mapping[str, Tensor], space: LabelSpace | None, hints: Mapping[str, Any]
) -> Imported:
    read = importlib.import_module(FAMILIES[family]).import_published
    taken = inspect.signature(read).parameters
    if unknown := hints.keys() - taken.keys():
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(unknown))
        raise SemsynthError(
            f"A network of the family {family!r} leaves no doubt about {flags}; leave it out."
        )
    hints = dict(hints)
    if space is not None and "num_classes" in taken:
        hints.setdefault("num_classes", space.num_classes)
    if "instances" in taken and "instances" not in hints:
        config, _ = read(state, **hints)
        planes = config["num_classes"] + bool(config.get("instances"))
        if space is not None:
            hints["instances"] = planes == space.num_classes + 1
        elif taken["instances"].default is False:  # else the family knows its released networks itself
            hints["instances"] = planes in EDGE_PLANES
    if space is not None and space.name.startswith("cityscapes"):
        usual = {"upsamplings": 6, "aspect_ratio": 2.0}
        hints = {name: value for name, value in usual.items() if name in taken} | hints
    imported: Imported = read(state, **hints)
    return imported


def _import_encoder(path: Path, style_dim: int | None) -> StyleEncoder:
    from semsynth.models.spade_published import import_published_encoder

    with parsing(path, "weights of a style encoder"):
        config, tensors = import_published_encoder(read_state(path))
    if config["style_dim"] != style_dim:
        wants = "takes no style" if style_dim is None else f"takes {style_dim} numbers"
        raise SemsynthError(f"{path} gives styles of {config['style_dim']} numbers; the generator {wants}.")
    encoder = StyleEncoder(**config).float()
    encoder.load_state_dict(tensors)
    return encoder.eval()


def _import_discriminator(path: Path, num_classes: int, instances: bool) -> tuple[dict[str, Any], nn.Module]:
    from semsynth.models.discriminators import MultiscaleDiscriminator
    from semsynth.models.discriminators.patchgan import import_published

    with parsing(path, "weights of a discriminator"):
        config, tensors = import_published(read_state(path), instances=instances)
    if config["num_classes"] != num_classes:
        raise SemsynthError(
            f"{path} is a discriminator of {config['num_classes']} classes; the generator has {num_classes}."
        )
    network = MultiscaleDiscriminator(**config).float()
    network.load_state_dict(tensors)
    return config, network


def _guess_space(num_classes: int) -> LabelSpace:
    """The released network's label set, else classes without names."""
    if num_classes in LABEL_SETS:
        return LabelSpace.named(LABEL_SETS[num_classes])
    names = [f"class {i}" for i in range(num_classes)]
    return LabelSpace.from_dict({"name": f"unnamed-{num_classes}", "classes": names})


def _image_size(
    config: Mapping[str, Any], space: LabelSpace, valid_size: Callable[[int, int], tuple[int, int]]
) -> tuple[int, int]:
    if config.get("stem") == "style":
        height, width = (side * 2 ** config["upsamplings"] for side in config["latent_size"])
        return height, width
    return valid_size(*IMAGE_SIZES.get(space.name.partition("-")[0], USUAL_SIZE))


def _card(family: str, space: LabelSpace) -> str:
    return (
        f"# An imported {family} model for {space.name}\n\n"
        "The weights were converted from a published checkpoint; its terms of use apply to them.\n"
        "Measured scores: not stated.\n"
    )
