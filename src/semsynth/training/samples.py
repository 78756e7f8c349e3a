"""Sample grids: the same label maps and styles, drawn again and again while a run goes on."""

import contextlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsynth.data.loader import in_order
from semsynth.data.sample import Batch, Dataset
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.images import png_bytes
from semsynth.training.data import open_dataset
from semsynth.training.objectives.base import Networks
from semsynth.training.settings import DataSettings

SAMPLES = 8
PRIOR_ROWS = 3


def fixed_batch(data: DataSettings, geometry: Geometry, dataset: Dataset, device: torch.device) -> Batch:
    """The pictures every sample grid shows: evenly spaced ones of the validation split, else of this one.

    Of pictures that come out at unlike sizes, those of the first one's size.
    """
    with contextlib.suppress(SemsynthError):
        dataset = open_dataset(data, dataset.label_space, "val")
    count = min(SAMPLES, len(dataset))
    indices = [i * len(dataset) // count for i in range(count)]
    return next(in_order(dataset, replace(geometry, training=False), count, indices=indices)).to(device)


def write_samples(
    path: Path, networks: Networks, batch: Batch, palette: NDArray[np.uint8], precision: torch.dtype
) -> None:
    """Draw a `fixed_batch`, the same styles each time, compute in `precision`, and write the grid.

    See `draw_samples` and `save_grid`.
    """
    styles, device = None, batch.images.device
    if networks.generator.style_dim is not None:
        shape = (PRIOR_ROWS, len(batch), networks.generator.style_dim)
        rng = torch.Generator().manual_seed(0)
        styles = torch.randn(shape, dtype=torch.float32, generator=rng).to(device)
    with torch.inference_mode(), torch.autocast(device.type, precision, enabled=precision != torch.float32):
        rows = draw_samples(networks, batch, styles)
    save_grid(path, batch, rows, palette)


def draw_samples(networks: Networks, batch: Batch, styles: Tensor | None) -> list[Tensor]:
    """Draw a fixed batch with networks in evaluation mode.

    The N styles of the prior are (N, B, Z), or None for a generator without a style.

    Returns:
        Rows of pictures (B, 3, H, W) in [-1, 1]: in the photographs' own styles where there is an encoder,
        then one row for each of the N styles; a single row without a style. Each row has a
        noise offset of its own.
    """
    generator = networks.generator
    rows: list[Tensor | None] = [None] if styles is None else list(styles)
    if networks.style_encoder is not None:
        rows.insert(0, networks.style_encoder(batch.images)[0].float())
    drawn = []
    for number, row in enumerate(rows):
        draws = torch.Generator().manual_seed(number)
        offset = torch.randint(max(1, generator.noise_period), (1, 2), generator=draws)
        offset = offset.to(batch.labels.device)
        picture = generator(batch.labels, style=row, instances=batch.instances, noise_offset=offset)
        drawn.append(picture.float())
    return drawn


def save_grid(path: Path, batch: Batch, rows: list[Tensor], palette: NDArray[np.uint8]) -> None:
    """Write a PNG: label maps in a palette (K, 3), photographs, then rows (B, 3, H, W) in [-1, 1]."""
    colours = torch.from_numpy(palette)[batch.labels.cpu()].permute(0, 3, 1, 2)  # (B,3,H,W)
    pictures = [((row.clamp(-1, 1) + 1) * 127.5).round().byte().cpu() for row in (batch.images, *rows)]
    grid = torch.cat([torch.cat(list(row), 2) for row in (colours, *pictures)], 1)  # (3,rows*H,B*W)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, png_bytes(Image.fromarray(grid.permute(1, 2, 0).numpy())))
