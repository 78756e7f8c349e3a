"""The ladder: photographs made worse in known ways, so that a distance or an accuracy has a scale.

Each rung makes one picture out of each photograph. The files that JPEG writes depend on the version of
Pillow's JPEG library, so only ladders of one machine are the same to the last digit.
"""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from semsynth.evaluation.evaluation_set import Pixels
from semsynth.evaluation.frechet import Features
from semsynth.evaluation.kernel import kernel_at_half_count
from semsynth.evaluation.two_sample import halves_accuracy, two_sample_accuracy


def jpeg(photo: Pixels, quality: int) -> Pixels:
    """A photograph (H, W, 3) written as JPEG with halved color resolution, and read again."""
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return np.asarray(Image.open(file).convert("RGB"))


def half_resolution(photo: Pixels) -> Pixels:
    """A photograph (H, W, 3) at half of its resolution, enlarged again; both by Pillow's bicubic filter."""
    image = Image.fromarray(photo)
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BICUBIC)
    return np.asarray(small.resize(image.size, Image.Resampling.BICUBIC))


def blur(photo: Pixels, sigma: float) -> Pixels:
    """A photograph (H, W, 3) with Pillow's approximation of a Gaussian blur; `sigma` in pixels."""
    return np.asarray(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(sigma)))


RUNGS: dict[str, Callable[[Pixels], Pixels]] = {
    "JPEG quality 30": lambda photo: jpeg(photo, 30),
    "JPEG quality 10": lambda photo: jpeg(photo, 10),
    "half resolution": half_resolution,
    "blur, sigma 1": lambda photo: blur(photo, 1.0),
}


def against_photographs(network: str, real: Features, made: Features) -> dict[str, Any]:
    """How far pictures are from their photographs: entries of a row or of a rung.

    Args:
        network: What the entries' names begin with.
        real: Of the photographs.
        made: Of the pictures, in the same order.
    """
    accuracy, error = two_sample_accuracy(made, real)
    return _entries(network, accuracy, error, *kernel_at_half_count(real, made))


def floors(network: str, real: Features) -> dict[str, Any]:
    """The same entries for two random halves of the photographs."""
    accuracy, spread = halves_accuracy(real)
    return _entries(network, accuracy, spread, *kernel_at_half_count(real, real))


def _entries(network: str, accuracy: float, error: float, kernel: float, spread: float) -> dict[str, Any]:
    return {
        f"{network}_two_sample": {"mean": accuracy, "std": error},
        f"{network}_kernel_half": {"mean": kernel, "std": spread},
    }
