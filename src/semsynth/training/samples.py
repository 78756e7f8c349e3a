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


@torch.inference_mode()
def write_samples(
    path: Path, networks: Networks, batch: Batch, palette: NDArray[np.uint8], precision: torch.dtype
) -> None:
    """Draw a `fixed_batch`, the same styles each time, and write a PNG of rows.

    The rows are the label maps in a palette (K, 3), the photographs, the pictures in their own styles where
    there is an encoder, and three rows in styles of the prior; without a style, one row of pictures. Each row
    of pictures has a noise offset of its own.

    Args:
        path: Where to; its folder is made.
        networks: In evaluation mode.
        batch: B label maps with their photographs.
        palette: Colours of the classes.
        precision: To compute in.
    """
    generator, device, rows = networks.generator, batch.images.device, [batch.images]
    styles: list[Tensor | None] = [None]
    with torch.autocast(device.type, precision, enabled=precision != torch.float32):
        if generator.style_dim is not None:
            shape, rng = (PRIOR_ROWS, len(batch), generator.style_dim), torch.Generator().manual_seed(0)
            styles = list(torch.randn(shape, dtype=torch.float32, generator=rng).to(device))
        if networks.style_encoder is not None:
            styles.insert(0, networks.style_encoder(batch.images)[0].float())
        for number, style in enumerate(styles):
            draws = torch.Generator().manual_seed(number)
            offset = torch.randint(max(1, generator.noise_period), (1, 2), generator=draws).to(device)
            rows.append(generator(batch.labels, style=style, instances=batch.instances, noise_offset=offset))
    colors = torch.from_numpy(palette)[batch.labels.cpu()].permute(0, 3, 1, 2)  # (B,3,H,W)
    pictures = [((row.float().clamp(-1, 1) + 1) * 127.5).round().byte().cpu() for row in rows]
    grid = torch.cat([torch.cat(list(row), 2) for row in (colors, *pictures)], 1)  # (3,rows*H,B*W)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, png_bytes(Image.fromarray(grid.permute(1, 2, 0).numpy())))
