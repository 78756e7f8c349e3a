"""What a label map file holds, before any label set is consulted."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.labels.colors import BAND
from semsynth.labels.resize import nearest_index

TEXT_KEY = "semsynth:label-set"
"""PNG text chunk that names the label set; a file that has it holds ids, whatever `file_values` says."""

LOSSY = ("JPEG", "MPO", "WEBP", "JPEG2000", "AVIF")
"""Formats that may have changed the values they were given."""


@dataclass(frozen=True)
class RawMap:
    """What a map file holds, before any label set is consulted.

    Attributes:
        pixels: (H, W) of an integer type, or (H, W, 3) uint8 for a colour file.
        mode: Mode of the file as Pillow names it.
        notes: Sentences worth showing a user.
        label_set: The label set the file names, if we wrote it.
        palette: Colours of an indexed file, (up to 256, 3) uint8.
        transparent: (H, W), where the file is wholly transparent; None where it is nowhere.
        lossy: Whether the format may have changed values.
        stored_size: Height and width in the file.
        soft: Pixels that are transparent in part.
    """

    pixels: NDArray[np.integer[Any]]
    mode: str
    notes: tuple[str, ...] = ()
    label_set: str | None = None
    palette: NDArray[np.uint8] | None = None
    transparent: NDArray[np.bool_] | None = None
    lossy: bool = False
    stored_size: tuple[int, int] = (0, 0)
    soft: int = 0

    @property
    def values(self) -> NDArray[np.int64]:
        """The pixels as int64."""
        return self.pixels.astype(np.int64)


def unpack(image: Image.Image, name: str, *, size: tuple[int, int] | None = None) -> RawMap:
    """Take the values out of an image.

    Args:
        image: The image, loaded.
        name: What messages call it.
        size: Height and width to bring it to, by taking the pixels nearest to the centres.

    Raises:
        SemsynthError: It holds fractions, or is transparent all over.
    """
    mode, notes = image.mode, []
    stored = (image.height, image.width)
    lossy = image.format in LOSSY
    if lossy:
        notes.append(f"{image.format} changes values along class borders; keep label maps as PNG.")
    if mode in ("RGBa", "La"):
        image = image.convert({"RGBa": "RGBA", "La": "LA"}[mode])
    elif mode not in ("1", "L", "P", "LA", "PA", "RGB", "RGBA", "F") and not mode.startswith("I"):
        notes.append(f"The file is {mode}; it was converted to RGB.")
        image = image.convert("RGB")
    values = _array(image, size)
    pixels, opacity = _split(values, image)
    if pixels.dtype.kind == "f":
        if not (np.isfinite(pixels).all() and np.array_equal(pixels, np.round(pixels))):
            raise SemsynthError(f"{name} holds fractions (mode {mode}); class ids are whole numbers.")
        if np.abs(pixels).max() > 2**53:
            raise SemsynthError(
                f"{name} holds values up to {np.abs(pixels).max():.3g}, which are no class ids."
            )
        pixels = pixels.astype(np.int64)
    transparent, soft = None, 0
    if opacity is not None:
        transparent = opacity == 0
        if transparent.all():
            raise SemsynthError(
                f"{name} is transparent all over: it has no labels. Save it without transparency."
            )
        soft = int(((opacity > 0) & (opacity < 255)).sum())
        transparent = transparent if transparent.any() else None
    label_set = getattr(image, "text", {}).get(TEXT_KEY) if mode == "P" or mode[0] == "I" else None
    return RawMap(pixels, mode, tuple(notes), label_set, _palette(image), transparent, lossy, stored, soft)


def _array(image: Image.Image, size: tuple[int, int] | None) -> NDArray[Any]:
    """The pixels (H, W) or (H, W, bands), taken out in bands: Pillow's own way holds them three times."""
    height, width = image.height, image.width
    wanted = size or (height, width)
    if wanted == (height, width) or wanted[0] > height:
        step = max(1, BAND // width)
        starts = range(0, height, step)
        parts = [np.asarray(image.crop((0, y, width, min(y + step, height)))) for y in starts]
        whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
        if wanted == (height, width):
            return whole
        return whole[nearest_index(height, wanted[0])[:, None], nearest_index(width, wanted[1])]
    columns = nearest_index(width, wanted[1])
    rows = nearest_index(height, wanted[0])
    return np.stack([np.asarray(image.crop((0, y, width, y + 1)))[0, columns] for y in rows.tolist()])


def _split(values: NDArray[Any], image: Image.Image) -> tuple[NDArray[Any], NDArray[np.uint8] | None]:
    """Values and opacity (None where all is opaque) of an array taken from an image."""
    opacity = None
    key = image.info.get("transparency")
    if image.mode in ("LA", "PA"):
        values, opacity = values[..., 0], values[..., 1]
    elif image.mode == "RGBA":
        values, opacity = values[..., :3], values[..., 3]
    elif isinstance(key, bytes) and image.mode == "P":
        table = np.full(256, 255, dtype=np.uint8)
        table[: len(key)] = np.frombuffer(key[:256], dtype=np.uint8)
        opacity = table[values]
    elif isinstance(key, int) and values.ndim == 2 and values.dtype.kind in "iub":
        opacity = np.where(values == key, 0, 255).astype(np.uint8)
    elif isinstance(key, tuple) and len(key) == 3 and values.ndim == 3:
        hidden = np.logical_and.reduce([values[..., i] == key[i] for i in range(3)])
        opacity = np.where(hidden, 0, 255).astype(np.uint8)
    if opacity is not None and opacity.size and opacity.min() == 255:
        opacity = None
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        values = values.astype(np.uint16, copy=False)  # in this machine's order of bytes
    return (values.astype(np.uint8) if values.dtype.kind == "b" else values), opacity


def _palette(image: Image.Image) -> NDArray[np.uint8] | None:
    colors = image.getpalette("RGB") if image.mode in ("P", "PA") else None
    return np.array(colors, dtype=np.uint8).reshape(-1, 3) if colors else None


def value_counts(values: NDArray[np.integer[Any]]) -> dict[int, int]:
    """How often every value occurs."""
    flat = values.reshape(-1)
    if flat.size and int(flat.min()) >= 0 and int(flat.max()) <= 65_535:
        counts = np.zeros(int(flat.max()) + 1, dtype=np.int64)
        for start in range(0, flat.size, BAND):
            counts += np.bincount(flat[start : start + BAND], minlength=len(counts))
        used = np.flatnonzero(counts)
        return dict(zip(used.tolist(), counts[used].tolist()))
    used, number = np.unique(flat, return_counts=True)
    return dict(zip(used.tolist(), number.tolist()))
