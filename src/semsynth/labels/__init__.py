"""Label maps and label sets.

A label map is an image whose pixels are class ids. `LabelSpace` says which ids there are, what they are
called, which colour they are drawn in, and which of them is void. `read_label_map` accepts what people have
(indexed, grey, 16-bit or colour-coded files) and gives integers; `write_label_map` writes an indexed PNG
that reads back as the same integers.
"""

from semsynth.labels.colors import pack_colors, published_palette
from semsynth.labels.files import (
    read_label_array,
    read_label_map,
    read_values,
    write_label_map,
)
from semsynth.labels.interpret import LabelReading, nearest_colors
from semsynth.labels.palettes import palette_conflicts
from semsynth.labels.raw import TEXT_KEY, RawMap, value_counts
from semsynth.labels.resize import resize_map
from semsynth.labels.spaces import GROUPS, NAMED, LabelClass, LabelSpace

__all__ = [
    "GROUPS",
    "NAMED",
    "TEXT_KEY",
    "LabelClass",
    "LabelReading",
    "LabelSpace",
    "RawMap",
    "nearest_colors",
    "pack_colors",
    "palette_conflicts",
    "published_palette",
    "read_label_array",
    "read_label_map",
    "read_values",
    "resize_map",
    "value_counts",
    "write_label_map",
]
