"""Changing a photograph only where its label map was changed."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from semsynth.app.errors import PHOTO_LOST, ApiError
from semsynth.errors import SemsynthError


@dataclass(frozen=True)
class Photo:
    """A photograph under edit.

    Attributes:
        pixels: (H, W, 3) uint8, at the size of its label map.
        labels: (H, W) uint8, what it shows, before any change.
        large: (kH, kW, 3) uint8, a whole number of times larger where it was handed in larger; ``pixels``
            where it was not.
    """

    pixels: np.ndarray
    labels: np.ndarray
    large: np.ndarray

    def at(self, scale: int) -> np.ndarray:
        """Give it ``scale`` times as large as its label map: where it was handed in so large, untouched."""
        if scale == 1:
            return self.pixels
        height, width = (scale * n for n in self.labels.shape)
        return self.large if self.large.shape[:2] == (height, width) else resize(self.large, (width, height))


def change_mask(before: np.ndarray, after: np.ndarray, feather: int) -> np.ndarray:
    """Say how much of the new picture shows through, per pixel.

    Args:
        before: (H, W) class ids of the photograph.
        after: (H, W) class ids as painted.
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

    Args:
        photo: (H, W, 3) uint8; returned bit for bit where the mask is 0.
        picture: (H, W, 3) uint8; returned bit for bit where the mask is 255.
        mask: (H, W) uint8.
    """
    weight = mask[..., None].astype(np.uint32)
    mixed = (photo * (255 - weight) + picture * weight + 127) // 255
    return mixed.astype(np.uint8)


def resize(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bring a picture (H, W, 3) or a mask (H, W), uint8, smoothly to ``size``: (width, height)."""
    kind = Image.Resampling.LANCZOS if pixels.ndim == 3 else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(pixels).resize(size, kind))


class PhotoCache:
    """The photographs under edit, the most recently used ones.

    Args:
        count: How many are kept.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._photos: OrderedDict[str, Photo] = OrderedDict()

    def add(self, photo: Photo) -> str:
        """Keep a photograph and give its key: 32 hexadecimal digits, the same for the same pixels."""
        key = hashlib.sha256(photo.large.tobytes() + photo.labels.tobytes()).hexdigest()[:32]
        self._photos[key] = photo
        self._photos.move_to_end(key)
        while len(self._photos) > self._count:
            self._photos.popitem(last=False)
        return key

    def find(self, key: str, shape: tuple[int, ...]) -> Photo:
        """Look up a photograph.

        Raises:
            ApiError: It is not here any more.
            SemsynthError: It has another size than the map.
        """
        photo = self._photos.get(key)
        if photo is None:
            raise ApiError("The photograph is not here any more; hand it in again.", PHOTO_LOST)
        if photo.labels.shape != shape:
            raise SemsynthError("The label map has another size than the photograph it belongs to.")
        self._photos.move_to_end(key)
        return photo
