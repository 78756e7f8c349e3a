"""Changing a photograph only where its label map was changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageFilter

from semsynth.hub.record import REST
from semsynth.labels import resize_map

if TYPE_CHECKING:
    from semsynth.hub.appearance import StyleLike
    from semsynth.pipeline import Synthesizer

MIN_SIDE = 16
"""Shortest side in pixels at which a photograph is synthesized."""
STRIP = 256
"""Rows that are blended at a time."""
TONE_RADIUS = 6
"""How far around a pixel of the rim colours are compared, in pixels of about 256 a side."""


@dataclass(frozen=True)
class EditedPhoto:
    """An edited photograph.

    Attributes:
        pixels: (H, W, 3) uint8.
        mask: (H, W) uint8, 0 where a pixel is the photograph's own.
    """

    pixels: np.ndarray
    mask: np.ndarray


def edit_photo(
    synthesizer: "Synthesizer",
    photo: np.ndarray,
    before: np.ndarray,
    after: np.ndarray,
    *,
    style: "StyleLike | None" = None,
    feather: int = 8,
    everywhere: bool = False,
) -> EditedPhoto:
    """Synthesize a photograph anew where its labels changed.

    The model draws at about the size it was trained for, keeping the photograph's shape; the result is
    enlarged to the photograph, which keeps its own pixels wherever nothing changed.

    Args:
        synthesizer: The model.
        photo: (H, W, 3) uint8.
        before: Class ids of the photograph, (h, w) integers of any size.
        after: Class ids after the edit, (h, w) integers of any size.
        style: See `Synthesizer`; None takes the photograph's own, and so does the rest of a dict.
        feather: Width of the soft rim in pixels, at the size the model draws.
        everywhere: Synthesize the whole photograph anew.

    Raises:
        SemsynthError: The labels or the style do not fit the model.
    """
    height, width = photo.shape[:2]
    trained = synthesizer.image_size
    factor = min(1.0, (trained[0] * trained[1] / (height * width)) ** 0.5)
    small = (max(MIN_SIDE, round(height * factor)), max(MIN_SIDE, round(width * factor)))
    before, after = resize_map(before, small), resize_map(after, small)
    if style is None and synthesizer.style_dim is not None:
        style = synthesizer.encode_style(photo)
    elif isinstance(style, Mapping) and style.get(REST) is None:
        style = {**style, REST: synthesizer.encode_style(photo)}
    drawn = synthesizer(after, style).pictures()[0]
    picture = np.asarray(drawn.resize((width, height), Image.Resampling.LANCZOS))
    if everywhere:
        return EditedPhoto(picture, np.full((height, width), 255, np.uint8))
    mask = resize(change_mask(before, after, feather), (width, height))
    return EditedPhoto(blend(photo, picture, mask), mask)


def change_mask(before: np.ndarray, after: np.ndarray, feather: int) -> np.ndarray:
    """How much of the new picture shows through, per pixel.

    Args:
        before: (H, W) class ids of the photograph.
        after: (H, W) class ids after the edit.
        feather: Pixels over which the change fades out.

    Returns:
        (H, W) uint8: 255 wherever a class changed, exactly 0 from about ``feather`` pixels away on.
    """
    mask = Image.fromarray(np.where(before != after, np.uint8(255), np.uint8(0)))
    radius = feather // 2
    if radius:
        # Grown by r and then blurred by r: still full where something changed, and gone after 2r.
        mask = mask.filter(ImageFilter.MaxFilter(2 * radius + 1)).filter(ImageFilter.BoxBlur(radius))
    return np.asarray(mask)


def blend(photo: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Lay the new picture over the photograph.

    In the rim the picture has the photograph's colours, so that one of another style leaves no halo.

    Args:
        photo: (H, W, 3) uint8; returned bit for bit where the mask is 0.
        picture: (H, W, 3) uint8; returned bit for bit where the mask is 255.
        mask: (H, W) uint8.
    """
    shift, result = _tone_shift(photo, picture, mask), photo.copy()
    for top in range(0, len(photo), STRIP):  # arithmetic on all of a large photograph takes a gigabyte
        rows = slice(top, top + STRIP)
        if mask[rows].any():
            drawn = _toned(photo[rows], picture[rows], mask[rows], shift, (top, len(photo)))
            weight = mask[rows, :, None].astype(np.uint32)
            result[rows] = (photo[rows] * (255 - weight) + drawn * weight + 127) // 255
    return result


def _tone_shift(photo: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """How the photograph differs from the picture around a part of the pixels: (h, w, 3) float32."""
    step = max(1, min(mask.shape) // 256)  # the difference is smooth: a part of the pixels tells it
    outside = (mask[::step, ::step, None] < 255).astype(np.float32)
    difference = (photo[::step, ::step].astype(np.float32) - picture[::step, ::step]) * outside
    shift: np.ndarray = (_box_sum(difference) / np.maximum(_box_sum(outside), 1)).astype(np.float32)
    return shift


def _toned(
    photo: np.ndarray, picture: np.ndarray, mask: np.ndarray, shift: np.ndarray, place: tuple[int, int]
) -> np.ndarray:
    """Rows of the picture (h, W, 3) uint8, in the rim shifted towards the photograph.

    ``place`` is the first of the rows, and the number of all.
    """
    rim = (mask > 0) & (mask < 255)
    if not rim.any():
        return picture
    (rows, columns), (top, height) = mask.shape, place
    per_row = len(shift) / height
    box = (0, top * per_row, shift.shape[1], (top + rows) * per_row)
    bands = (Image.fromarray(band) for band in np.moveaxis(shift, -1, 0))
    size, linear = (columns, rows), Image.Resampling.BILINEAR
    here = np.stack([np.asarray(band.resize(size, linear, box)) for band in bands], -1)
    drawn, own, toned = picture[rim], photo[rim], picture.copy()
    toned[rim] = np.clip(drawn + here[rim], np.minimum(own, drawn), np.maximum(own, drawn))
    return toned


def _box_sum(values: np.ndarray) -> np.ndarray:
    """Sum (H, W, C) over a square around each pixel, as far as it lies inside."""
    sides = [(TONE_RADIUS + 1, TONE_RADIUS), (0, 0)]
    for _ in range(2):  # rows, then columns
        sums = np.pad(values, [*sides, (0, 0)]).cumsum(0, dtype=np.float64)
        values = (sums[2 * TONE_RADIUS + 1 :] - sums[: -2 * TONE_RADIUS - 1]).swapaxes(0, 1)
    return values


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture (H, W, 3) or a mask (H, W), uint8, smoothly to ``size``: (width, height)."""
    kind = Image.Resampling.LANCZOS if pixels.ndim == 3 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize(size, kind))
