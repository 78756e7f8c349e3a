"""The photographs that are being edited."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from semsynth.app.errors import PHOTO_LOST, ApiError
from semsynth.app.images import Frame
from semsynth.editing import resize
from semsynth.errors import SemsynthError
from semsynth.images import open_image, upright


@dataclass(frozen=True)
class Photo:
    """A photograph that is being edited.

    Attributes:
        pixels: (H, W, 3) uint8, at the size of its label map.
        labels: (H, W) uint8, what it shows, before any change.
        file: The file it was handed in as, read again only for large pictures; empty where there is none.
        frame: What of it is edited.
    """

    pixels: np.ndarray
    labels: np.ndarray
    file: bytes = b""
    frame: Frame = (0, 0, 0, 0)

    def at(self, scale: int) -> np.ndarray:
        """Give it ``scale`` times as large as its label map, or 0: with its own pixels, untouched."""
        if scale == 1:
            return self.pixels
        own, (x, y, width, height) = self.pixels, self.frame
        if self.file:
            own = np.asarray(upright(open_image(self.file, name="The photograph")))
            own = own[y : y + height, x : x + width]
        height, width = (scale * n for n in self.labels.shape) if scale else own.shape[:2]
        return own if own.shape[:2] == (height, width) else resize(own, (width, height))

    def before(self, repaint: tuple[int, ...]) -> np.ndarray:
        """Give its labels, but 255, which no class is, where it is painted anew; see `Settings.repaint`.

        Raises:
            SemsynthError: There are more pixels to repaint than it has.
        """
        if sum(repaint) > self.labels.size:
            raise SemsynthError("More pixels of the photograph were to be painted anew than it has.")
        anew = np.repeat(np.arange(len(repaint)) % 2 == 1, repaint)
        before = self.labels.copy()
        before.reshape(-1)[: anew.size][anew] = 255
        return before


class PhotoCache:
    """The photographs that are being edited; the most recently used ones are kept.

    Args:
        count: How many are kept.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._photos: OrderedDict[str, Photo] = OrderedDict()

    def add(self, photo: Photo) -> str:
        """Keep a photograph and give its key: 32 hexadecimal digits, the same for the same photograph."""
        parts = (photo.pixels.tobytes(), photo.labels.tobytes(), photo.file, str(photo.frame).encode())
        key = hashlib.sha256(b"".join(parts)).hexdigest()[:32]
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
