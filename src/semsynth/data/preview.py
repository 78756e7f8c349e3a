"""A contact sheet: photograph, label map and both together for some samples, with a legend."""

from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from semsynth.data.filedataset import FileDataset
from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically
from semsynth.images import png_bytes
from semsynth.labels import LabelSpace
from semsynth.labels.resize import resize_map

PAPER, INK, GREY = (250, 250, 248), (30, 30, 30), (120, 120, 120)
GAP, LINE = 12, 22


def write_preview(
    dataset: FileDataset, path: str | Path, *, count: int = 12, height: int = 160, seed: int = 0
) -> list[str]:
    """Write a contact sheet as PNG.

    Args:
        dataset: What to show.
        path: Where to.
        count: How many samples, drawn at random.
        height: Height of a picture on the sheet, in pixels.
        seed: Which samples are drawn.

    Returns:
        Sentences about samples that could not be shown.
    """
    chosen = np.random.default_rng(seed).permutation(len(dataset))[:count]
    strips: list[tuple[str, Image.Image]] = []
    problems: list[str] = []
    pixels: Counter[int] = Counter()
    for index in sorted(chosen.tolist()):
        try:
            raw = dataset.read(index)
        except SemsynthError as error:
            problems.append(str(error))
            continue
        labels = raw.labels.astype(np.int64)
        ids, counts = np.unique(labels, return_counts=True)
        pixels.update(dict(zip(ids.tolist(), counts.tolist(), strict=True)))
        size = height, max(1, round(height * labels.shape[1] / labels.shape[0]))
        photo, ids = resize_photo(raw.image, size), resize_map(labels, size)
        strips.append((raw.key, _strip(photo, dataset.label_space.colorize(ids))))
    if not strips:
        raise SemsynthError(
            f"None of {len(chosen)} samples could be shown: {problems[0] if problems else ''}"
        )
    sheet = _sheet(strips, dataset.label_space, pixels)
    write_atomically(path, png_bytes(sheet))
    return problems


def _strip(photo: NDArray[np.uint8], drawn: NDArray[np.uint8]) -> Image.Image:
    """Photograph, map over photograph, map: side by side."""
    both = (photo.astype(np.uint16) + drawn.astype(np.uint16)) // 2
    return Image.fromarray(np.concatenate([photo, both.astype(np.uint8), drawn], axis=1))


def _sheet(strips: list[tuple[str, Image.Image]], space: LabelSpace, pixels: Counter[int]) -> Image.Image:
    font = ImageFont.load_default(13)
    columns = max(1, min(2, len(strips)))
    wide = max(strip.width for _, strip in strips)
    tall = max(strip.height for _, strip in strips) + LINE + GAP
    rows = -(-len(strips) // columns)
    width = max(columns * (wide + GAP) + GAP, 480)
    across = max(1, (width - GAP) // 230)
    shown = pixels.most_common()
    legend = -(-len(shown) // across) * LINE + LINE
    sheet = Image.new("RGB", (width, GAP + rows * tall + legend + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (key, strip) in enumerate(strips):
        left, top = GAP + number % columns * (wide + GAP), GAP + number // columns * tall
        sheet.paste(strip, (left, top))
        draw.text((left, top + strip.height + 3), key[-60:], INK, font=font)
    top = GAP + rows * tall
    draw.text((GAP, top), f"{space.name}: share of the pixels shown", GREY, font=font)
    for number, (label, amount) in enumerate(shown):
        left, line = GAP + number % across * 230, top + LINE + number // across * LINE
        inside = label < space.num_classes
        color = space.classes[label].color if inside else (0, 0, 0)
        name = space.classes[label].name if inside else "void"
        draw.rectangle((left, line + 2, left + 16, line + 15), fill=color, outline=GREY)
        draw.text(
            (left + 24, line + 1), f"{label} {name}  {100 * amount / pixels.total():.1f} %", INK, font=font
        )
    return sheet
