"""Making a trained model ready to be given away: named styles with thumbnails, a card, half the bytes."""

import copy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from PIL import Image

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.pipeline import Synthesizer
from semsynth.styles import Style

THUMBNAIL = 96
"""Side of a style's picture, in pixels."""


def read_style_list(path: Path, photos: Path) -> dict[str, tuple[str, list[Path]]]:
    """Read which photographs stand for which style.

    The file is TOML, a table a style: `[sunset]`, `photos = ["a", "b"]` (names below `photos`,
    with or without their ending), and optionally `note = "..."`.

    Returns:
        name → note and photographs.

    Raises:
        SemsynthError: the file cannot be read, or names a photograph that is not there.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SemsynthError(f"{path} cannot be read as a list of styles: {error}") from error
    return {
        name: (str(row.get("note", "")), [_find(photos, photo, path) for photo in row["photos"]])
        for name, row in table.items()
    }


def name_styles(
    model: hub.Model, photographs: Mapping[str, tuple[str, Sequence[Path]]], labels: Path
) -> dict[str, Style]:
    """Encode each style as the mean over its photographs, and draw its thumbnail.

    Args:
        model: with a style encoder.
        photographs: name → note and photographs, see `read_style_list`.
        labels: the label map that the thumbnails show.
    """
    painter = Synthesizer(copy.deepcopy(model))  # drawing folds and packs the weights
    styles = {}
    for name, (note, paths) in photographs.items():
        vector = torch.stack([painter.encode_style(path) for path in paths]).mean(0)
        picture = painter(labels, style=vector, seed=0).pictures()[0]
        small = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        styles[name] = Style(vector, note, small)
    return styles


def pack(
    source: Path,
    folder: Path,
    *,
    styles: Mapping[str, tuple[str, Sequence[Path]]] | None = None,
    thumbnails: Path | None = None,
    card: str = "",
) -> Path:
    """Write a small copy of a model folder: spectral norm folded into the weights, stored as bfloat16.

    Args:
        source: the model folder, such as a run's `model/`.
        folder: where to write; one that is there is replaced, its `examples/` are kept.
        styles: see `name_styles`; without them those of `source` are kept.
        thumbnails: the label map that the thumbnails of `styles` show.
        card: README.md of the result; without it that of `source`.

    Returns:
        the folder.
    """
    model = hub.load_model(source)
    for network in (model.generator, model.style_encoder):
        if network is not None:
            fold_spectral_norm(network)
            network.config["spectral"] = False
    if styles is not None:
        if thumbnails is None:
            raise SemsynthError("named styles need a label map for their thumbnails")
        model = replace(model, styles=name_styles(model, styles, thumbnails))
    return hub.save_model(folder, replace(model, card=card or model.card), dtype="bfloat16", overwrite=True)


def _find(photos: Path, name: str, listed: Path) -> Path:
    found = [photos / name] if (photos / name).is_file() else sorted(photos.glob(f"{name}.*"))
    if not found:
        raise SemsynthError(f"{listed} names the photograph {name!r}; there is none in {photos}")
    return found[0]
