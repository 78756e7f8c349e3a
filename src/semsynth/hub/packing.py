"""Making a trained model ready to be given away: named styles with thumbnails, a card, half the bytes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from PIL import Image

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.reading import read_toml
from semsynth.hub.folder import Model, load_model, save_model
from semsynth.hub.styles import Style, encode_photo
from semsynth.images import IMAGE_SUFFIXES
from semsynth.ops.blocks import fold_spectral_norm

if TYPE_CHECKING:
    from semsynth.pipeline import Synthesizer

THUMBNAIL = 96
"""Side of a style's picture, in pixels."""

LEAST_VARIANCE = 1e-3
"""Added to that of every number of a style, as a share of their mean: a number may never vary."""


def read_style_list(path: Path, photos: Path) -> dict[str, tuple[str, list[Path]]]:
    """Read which photographs stand for which style.

    The file is TOML, a table a style: `[sunset]`, `photos = ["a", "b"]` (names below `photos`,
    with or without their ending), and optionally `note = "..."`.

    Returns:
        Name → note and photographs.

    Raises:
        SemsynthError: The file cannot be read, is no such list, or names a photograph that is not there.
    """
    styles = {}
    for name, row in read_toml(path).items():
        names = row.get("photos") if isinstance(row, dict) else None
        if not isinstance(names, list) or not names or not all(isinstance(photo, str) for photo in names):
            raise SemsynthError(
                f"{path}: the style {name!r} names no photographs; a style is a table such as "
                f'[{name}] with photos = ["a", "b"].'
            )
        styles[name] = str(row.get("note", "")), [_find(photos, photo, path) for photo in names]
    return styles


def name_styles(
    synthesizer: "Synthesizer", photographs: Mapping[str, tuple[str, Sequence[Path]]], labels: Path
) -> dict[str, Style]:
    """Encode each style as the mean over its photographs, and draw its thumbnail.

    Args:
        synthesizer: Of a model with a style encoder.
        photographs: Name → note and photographs, see `read_style_list`.
        labels: The label map that the thumbnails show.
    """
    styles = {}
    for name, (note, paths) in photographs.items():
        vector = torch.stack([synthesizer.encode_style(path) for path in paths]).mean(0)
        picture = synthesizer(labels, style=vector, seed=0).pictures()[0]
        small = picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
        styles[name] = Style(vector, note, small)
    return styles


@isolated()
def whiten_styles(model: Model, photographs: Sequence[Path], spread: float = 1.0) -> None:
    """Make the styles of these photographs the standard normal distribution that seeds are drawn from.

    An encoder's styles never fill its prior: some of what a seed draws no photograph has, and the network
    draws it badly. So a normal distribution is fitted to the means that the encoder gives, and a style is
    written in its coordinates, in the generator's weights as in the encoder's. What a photograph's style
    looks like does not change. (Fitting a density afterwards: Ghosh et al. 2020, "From variational to
    deterministic autoencoders", section 4.) The encoder's variances stay out: they are large in directions
    that say nothing, and there only disturb.

    Args:
        model: Changed in place. Its named styles are not.
        photographs: More of them than a style has numbers.
        spread: Of what seeds draw, in units of the photographs' own. Below 1, pictures vary less and are
            drawn better (the truncation of Brock et al. 2019, "Large scale GAN training", section 3.1).

    Raises:
        SemsynthError: No style encoder, too few photographs or all of one style, or a family whose styles
            have no other basis.
    """
    if model.style_encoder is None:
        raise SemsynthError("The model has no style encoder, so photographs have no styles to it.")
    if len(photographs) <= model.style_encoder.style_dim:
        raise SemsynthError(
            f"{len(photographs)} photographs are too few to say how styles are distributed; more than "
            f"{model.style_encoder.style_dim}, the numbers of a style, are needed."
        )
    encoded = [encode_photo(model.style_encoder, path, model.image_size) for path in photographs]
    means = torch.stack([mean for mean, _ in encoded])
    covariance = torch.cov(means.T.double())
    if not covariance.diagonal().any():
        raise SemsynthError(
            "The encoder gives all of the photographs the same style; nothing is left to draw."
        )
    covariance.diagonal().add_(LEAST_VARIANCE * covariance.diagonal().mean())
    factor, mean = spread * torch.linalg.cholesky(covariance).float(), means.mean(0)
    model.generator.rebase_style(mean, factor)
    model.style_encoder.whiten(mean, factor)


@isolated()
def pack(
    source: Path,
    folder: Path,
    *,
    styles: Callable[[Model], Mapping[str, Style]] | None = None,
    prior: Sequence[Path] | None = None,
    spread: float = 1.0,
    card: str = "",
) -> Path:
    """Write a small copy of a model folder: spectral norm folded into the weights, stored as bfloat16.

    Args:
        source: The model folder, such as a run's `model/`.
        folder: Where to write; one that is there is replaced, its `examples/` are kept.
        styles: Makes the named styles of the packed model, see `name_styles`; without it those of `source`
            are kept.
        prior: Photographs, see `whiten_styles`; the named styles are then those of `styles`, or none.
        spread: See `whiten_styles`.
        card: README.md of the result; without it that of `source`.

    Returns:
        The folder.
    """
    model = load_model(source)
    for network in (model.generator, model.style_encoder):
        if network is not None:
            fold_spectral_norm(network)
            network.config["spectral"] = False
    if prior is not None:
        whiten_styles(model, prior, spread)
        model = replace(model, styles={})
    if styles is not None:
        model = replace(model, styles=styles(model))
    model = replace(model, card=card or model.card, scores=())
    return save_model(folder, model, dtype="bfloat16", overwrite=True)


def _find(photos: Path, name: str, listed: Path) -> Path:
    place = photos / name
    beside = [path for path in sorted(place.parent.glob("*")) if path.stem == place.name]
    images = [place] if place.is_file() else [p for p in beside if p.suffix.lower() in IMAGE_SUFFIXES]
    if not images:
        raise SemsynthError(f"{listed} names the photograph {name!r}; there is none in {photos}.")
    return images[0]
