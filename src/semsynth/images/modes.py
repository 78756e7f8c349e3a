"""Turn photographs of any pixel format into 8-bit RGB, so that none becomes black or white unnoticed.

| format | becomes |
|---|---|
| 8-bit grey, indexed, CMYK, YCbCr, LAB, HSV | RGB |
| 16 bits a channel | divided by 256; where no value reaches 14, 12, 10 or 8 bits, that many are scaled |
| floating point | 0..1 is scaled, 0..255 rounded |
| 32-bit integers | 0..255 is taken |
| transparent parts | are laid over white |

Every other range is refused, with what was found.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from semsynth.errors import SemsynthError

_LOW_HALVES = "semsynth:low-halves"  # in Image.info: an image of the lower halves of 16-bit colours
_DARK = 64  # below this everywhere, the upper halves of 16-bit values are those of at most 14 bits
_SWAPPED = {
    f"{mode};16{order}": f"{mode};16{other}" for mode in ("RGB", "RGBA") for order, other in ("BL", "LB")
}


def load_pixels(image: ImageFile.ImageFile) -> None:
    """Decode an opened image.

    Of colours of 16 bits Pillow keeps the upper halves, which are all but black where fewer bits are in use:
    then the lower halves are decoded too, for `to_rgb`.
    """
    file, form = image.fp, str(image.format)
    halves = bool(image.tile) and all(_other_halves(tile.args) is not None for tile in image.tile)
    image.load()
    if not halves or file is None or np.asarray(image)[..., :3].max() >= _DARK:
        return
    file.seek(0)
    low = Image.open(file, formats=(form,))
    low.tile = [tile._replace(args=_other_halves(tile.args)) for tile in low.tile]
    low.load()
    image.info[_LOW_HALVES] = low


def _other_halves(args: Any) -> Any:
    """What tells Pillow's decoders to take the lower halves of 16-bit colours; None where they are others."""
    if isinstance(args, tuple):
        other = _SWAPPED.get(str(args[0])) if args else None
        return None if other is None else (other, *args[1:])
    return _SWAPPED.get(str(args))


def to_rgb(image: Image.Image, name: str) -> tuple[Image.Image, tuple[str, ...]]:
    """An image as 8-bit RGB, and sentences on what was guessed.

    Args:
        image: Loaded, of any mode.
        name: What messages call it.

    Raises:
        SemsynthError: The range of its values is none that is known, or nothing of it can be seen.
    """
    mode = image.mode
    notes: tuple[str, ...] = ()
    low = image.info.get(_LOW_HALVES)
    if isinstance(low, Image.Image):
        deep = np.asarray(image, dtype=np.uint16) << 8 | np.asarray(low, dtype=np.uint16)
        color, notes = _from_sixteen(deep[..., :3])
        if deep.shape[2] == 4:
            color = np.dstack([color, np.asarray(image)[..., 3]])
        image = Image.fromarray(color)
    elif mode.startswith("I;16") or (mode == "I" and image.format in ("PNG", "PPM")):
        grey, notes = _from_sixteen(np.asarray(image))
        image = Image.fromarray(grey)
    elif mode in ("I", "F"):
        image = Image.fromarray(_from_wide(np.asarray(image), name))
    rgb, hidden = _over_white(image)
    if hidden:
        notes += (f"{100 * hidden:.1f} % of the picture is transparent; it was laid over white.",)
    if _is_constant(rgb) and not _is_constant(image):
        raise SemsynthError(
            f"{name} would become one colour all over: what tells its {mode} values apart is transparent or "
            f"lost. Save it as 8-bit RGB."
        )
    return rgb, notes


def _from_sixteen(values: NDArray[Any]) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Values of at most 16 bits as 8 bits; where the upper bits are 0 everywhere, the others are scaled."""
    largest = int(values.max())
    bits = next(bits for bits in (8, 10, 12, 14, 16) if largest < 1 << bits)
    if bits == 16 or largest == 0:
        return (values.astype(np.uint16) >> 8).astype(np.uint8), ()
    scaled = (values.astype(np.uint32) * 255 + (1 << bits) // 2 - 1) // ((1 << bits) - 1)
    note = f"Of 16 bits only {bits} are in use: the values were read as {bits} bits."
    return scaled.astype(np.uint8), (note,)


def _from_wide(values: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Floating-point values 0..1 or 0..255, or 32-bit integers 0..255, as 8 bits."""
    low, high = values.min(), values.max()
    mode = "I" if values.dtype.kind == "i" else "F"
    wanted = "0..255" if values.dtype.kind == "i" else "0..1 or 0..255"
    if not np.isfinite([low, high]).all():
        given = "values that are no numbers"
    else:
        given = f"values {low:g}..{high:g}"
        slack = 1 / 64  # what resampling overshoots by
        if values.dtype.kind == "f" and -slack <= low and high <= 1 + slack:
            return np.asarray(np.rint(values.clip(0, 1) * 255), dtype=np.uint8)
        # Between 1 and 16 nothing tells a dark picture of one range from a bright one of another.
        if (low >= 0 and 16 <= high <= 255) or low == high == 0:
            return np.asarray(np.rint(values), dtype=np.uint8)
    raise SemsynthError(
        f"{name} holds {given}, and which of them is white is unknown; photographs of this kind (mode "
        f"{mode}) are read where they are {wanted}. Save it with 8 or 16 bits a channel."
    )


def _over_white(image: Image.Image) -> tuple[Image.Image, float]:
    """An image as RGB, its transparent parts white, and what share of it those are."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        clear = image.convert("RGBA")
        opacity = np.asarray(clear.getchannel("A"))
        hidden = float(1 - opacity.mean() / 255)
        if hidden:
            white = Image.new("RGBA", clear.size, "white")
            return Image.alpha_composite(white, clear).convert("RGB"), hidden
        return clear.convert("RGB"), 0.0
    return image.convert("RGB"), 0.0


def _is_constant(image: Image.Image) -> bool:
    ranges = image.getextrema()
    pairs = ranges if isinstance(ranges[0], tuple) else (ranges,)
    return all(low == high for low, high in pairs)
