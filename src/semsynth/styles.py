"""Named styles of a model: `styles.json`, and a thumbnail picture each where there is one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.imagefile import png_bytes

FORMAT = 1


@dataclass(frozen=True)
class Style:
    """A named style.

    Attributes:
        vector: (Z,) float32.
        note: a line about it.
        thumbnail: a small picture drawn in it.
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
        SemsynthError: the file is damaged, or its vectors are not (style_dim,).
    """
    path = folder / "styles.json"
    if not path.is_file():
        return {}
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["styles"]
        styles = {}
        for row in rows:
            vector = torch.tensor(row["vector"], dtype=torch.float32)
            if vector.shape != (style_dim,):
                raise SemsynthError(
                    f"{path}: the style {row['name']!r} has {vector.numel()} numbers; "
                    f"the network takes {style_dim}"
                )
            thumbnail = None
            if "thumbnail" in row:
                with Image.open(folder / Path(row["thumbnail"]).name) as image:
                    thumbnail = image.convert("RGB")
            styles[str(row["name"])] = Style(vector, str(row.get("note", "")), thumbnail)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SemsynthError(f"{path} cannot be used: {type(error).__name__}: {error}") from None
    return styles
