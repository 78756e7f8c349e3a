"""A model in one file, for the engine in a browser.

All of the file is compressed by gzip. Uncompressed, it has

    "semsynth"     8 bytes
    version        4 bytes, little-endian
    length         4 bytes, of the description
    description    JSON: the network, its named styles, and its tensors in order
    low bytes      of all float16 numbers
    high bytes     of all float16 numbers
    float32        numbers

The bytes of float16 numbers compress to a tenth less apart than in pairs.
"""

import copy
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from semsynth.errors import SemsynthError
from semsynth.hub import Model, load_model
from semsynth.models.spade import SpadeGenerator
from semsynth.models.style_encoder import StyleEncoder
from semsynth.ops.blocks import fold_spectral_norm

VERSION = 1
_COMPRESSION = 6  # 9 takes longer and is no smaller


def pack(name: str | Path) -> bytes:
    """A model folder, or a model of the package by name, as one file.

    Matrices and kernels are rounded to float16; vectors stay float32.

    Raises:
        SemsynthError: There is no such model, or the engine in a browser cannot draw with it.
    """
    model = load_model(name)
    generator, encoder = _checked(model.generator), _encoder(model)
    weights = _arrays(generator)
    if encoder is not None:
        weights |= {f"encoder.{key}": value for key, value in _arrays(encoder).items()}
    halves = {key: value.astype("<f2") for key, value in weights.items() if value.ndim > 1}
    for key, value in halves.items():
        if not np.isfinite(value).all():
            raise SemsynthError(f"{key} of {name} has numbers that are too large for float16.")
    tensors = [
        {"name": key, "shape": value.shape, "type": "float16" if key in halves else "float32"}
        for key, value in weights.items()
    ]
    text = json.dumps(_description(model, generator) | {"tensors": tensors}).encode()
    pairs = np.concatenate([value.ravel() for value in halves.values()]).view(np.uint8).reshape(-1, 2)
    singles = [value.astype("<f4").tobytes() for key, value in weights.items() if key not in halves]
    sizes = np.array([VERSION, len(text)], "<u4").tobytes()
    parts = [b"semsynth", sizes, text, pairs[:, 0].tobytes(), pairs[:, 1].tobytes(), *singles]
    return gzip.compress(b"".join(parts), _COMPRESSION, mtime=0)


def _checked(generator: object) -> SpadeGenerator:
    """The generator, if the engine can draw with it."""
    if type(generator) is not SpadeGenerator:
        raise SemsynthError(f"A browser draws with SPADE alone; this model is {type(generator).__name__}.")
    config = generator.config
    refused = {
        "instances": config["instances"],
        "instance norm": config["norm"] == "instance",
        "a stem that sees the style alone": config["stem"] == "style",
    }
    for what, is_used in refused.items():
        if is_used:
            raise SemsynthError(f"A browser cannot draw with this model: its network has {what}.")
    return generator


def _encoder(model: Model) -> StyleEncoder | None:
    """The style encoder, if there is one that runs in a browser."""
    encoder = model.style_encoder
    return encoder if encoder is not None and encoder.config["norm"] == "instance" else None


def _arrays(network: nn.Module) -> dict[str, NDArray[np.float32]]:
    folded = fold_spectral_norm(copy.deepcopy(network)).eval()
    return {key: value.detach().float().numpy() for key, value in folded.state_dict().items()}


def _description(model: Model, generator: SpadeGenerator) -> dict[str, Any]:
    """What the file says of the network, beside its tensors."""
    return {
        "name": "" if model.folder is None else model.folder.name,
        "num_classes": generator.num_classes,
        "classes": list(model.label_space.names),
        "image_size": list(model.image_size),
        "style_dim": generator.style_dim,
        "stem": generator.config["stem"],
        "kernel_size": generator.config["kernel_size"],
        "noise_period": generator.noise_period,
        "stride": generator.stride,
        "upsample": list(generator.upsample),
        "encoder_size": None if (encoder := _encoder(model)) is None else encoder.image_size,
        "styles": [
            {"name": name, "note": style.note, "vector": [round(value, 5) for value in style.vector.tolist()]}
            for name, style in model.styles.items()
        ],
    }
