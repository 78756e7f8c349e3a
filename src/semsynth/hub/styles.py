"""Named styles of a model: `styles.json`, and a thumbnail picture each where there is one."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.files.reading import parsing, read_bytes, read_json, shown
from semsynth.files.writing import write_atomically
from semsynth.images import PhotoLike, png_bytes, to_photo
from semsynth.models.style_encoder import StyleEncoder

FORMAT = 1
MAX_NUMBER = 1e4
"""Largest number of a style vector; a style of a photograph or at random stays below 10."""
MAX_THUMBNAIL = 1024
"""Longest side of a thumbnail in pixels."""
MAX_BYTES = 1 << 23
"""Largest styles.json, and largest thumbnail file, in bytes: 8 MiB."""


@dataclass(frozen=True)
class Style:
    """A named style.

    Attributes:
        vector: (Z,) float32.
        note: A line about it.
        thumbnail: A small picture drawn in it.
    """

    vector: Tensor
    note: str = ""
    thumbnail: Image.Image | None = None


def write_styles(folder: Path, styles: Mapping[str, Style]) -> None:
    """Write a new folder of styles."""
    folder.mkdir()
    rows = []
    for i, (name, style) in enumerate(styles.items()):
        row = {"name": name, "note": style.note, "vector": [round(v, 5) for v in style.vector.tolist()]}
        if style.thumbnail is not None:
            row["thumbnail"] = f"{i:02d}.png"
            write_atomically(folder / f"{i:02d}.png", png_bytes(style.thumbnail))
        rows.append(json.dumps(row, ensure_ascii=False))
    body = ",\n    ".join(rows)
    text = f'{{\n  "format": {FORMAT},\n  "styles": [\n    {body}\n  ]\n}}\n'
    write_atomically(folder / "styles.json", text.encode())


def read_styles(folder: Path, style_dim: int | None) -> dict[str, Style]:
    """Read a folder of styles, in the order of the file; empty where there is none.

    Raises:
        SemsynthError: The file is damaged; two styles have one name; or a vector is not (style_dim,) numbers
            of at most MAX_NUMBER.
    """
    path = folder / "styles.json"
    if not path.exists():
        return {}
    table = read_json(path, MAX_BYTES)
    rows = table.get("styles") if isinstance(table, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SemsynthError(f'{path} cannot be used: it has no list of "styles".')
    styles: dict[str, Style] = {}
    for number, row in enumerate(rows, 1):
        name, note, thumbnail = row.get("name"), row.get("note", ""), row.get("thumbnail", "")
        if not isinstance(name, str) or not name or name in styles:
            raise SemsynthError(f"{path}: style {number} needs a name of its own; its name is {shown(name)}.")
        if not isinstance(note, str) or not isinstance(thumbnail, str):
            raise SemsynthError(
                f"{path}: the note and the thumbnail of the style {shown(name)} must be texts."
            )
        vector = _vector(path, name, row.get("vector"), style_dim)
        picture = _read_thumbnail(folder / Path(thumbnail).name) if thumbnail else None
        styles[name] = Style(vector, note, picture)
    return styles


def encode_photo(encoder: StyleEncoder, photo: PhotoLike, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of a photograph's style, (Z,) each.

    Args:
        encoder: In evaluation mode.
        photo: Any photograph. All of it is squashed to `size`, whatever its shape.
        size: (H, W) of the pictures the encoder learned from: how it makes them smaller, details included,
            is what it knows.
    """
    with isolated(), torch.inference_mode():
        image = torch.from_numpy(to_photo(photo)).unsqueeze(0)  # (1,3,H,W)
        image = image.to(next(encoder.parameters()).device)
        if image.shape[2:] != size:
            image = F.interpolate(image, size=size, mode="bicubic", antialias=True).clamp(-1, 1)
        mean, log_variance = encoder(image)
    return mean[0], log_variance[0]


def is_style(vectors: Tensor) -> bool:
    """Whether the numbers of style vectors are such as a network can draw in: at most MAX_NUMBER."""
    return bool((vectors.abs() <= MAX_NUMBER).all())  # not where one is no number


def _vector(path: Path, name: str, numbers: object, style_dim: int | None) -> Tensor:
    if not isinstance(numbers, list) or len(numbers) != style_dim:
        count = len(numbers) if isinstance(numbers, list) else "no list of"
        taken = style_dim or "no style"
        raise SemsynthError(
            f"{path}: the style {shown(name)} has {count} numbers; the network takes {taken}."
        )
    if not all(type(v) in (int, float) and -MAX_NUMBER <= v <= MAX_NUMBER for v in numbers):
        raise SemsynthError(
            f"{path}: the vector of the style {shown(name)} must be numbers of at most {MAX_NUMBER:,.0f}."
        )
    return torch.tensor(numbers, dtype=torch.float32)


def _read_thumbnail(path: Path) -> Image.Image:
    data = read_bytes(path, MAX_BYTES)
    with parsing(path, "a thumbnail"), Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as image:
        if max(image.size) > MAX_THUMBNAIL:
            width, height = image.size
            raise ValueError(f"it is {width} x {height}; at most {MAX_THUMBNAIL} pixels a side are allowed")
        return image.convert("RGB")
