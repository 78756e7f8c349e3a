"""Photographs and other image files that one does not trust: see `files` and `inputs`."""

from semsynth.images.files import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    MAX_SIDE,
    ImageSource,
    PhotoReading,
    examine_photo,
    open_header,
    open_image,
    orientation,
    png_bytes,
    read_photo,
    read_upright,
    source_name,
    upright,
)
from semsynth.images.inputs import ImageLike, PhotoLike, is_tensor, to_photo

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "MAX_SIDE",
    "ImageLike",
    "ImageSource",
    "PhotoLike",
    "PhotoReading",
    "examine_photo",
    "is_tensor",
    "open_header",
    "open_image",
    "orientation",
    "png_bytes",
    "read_photo",
    "read_upright",
    "source_name",
    "to_photo",
    "upright",
]
