"""How networks see labels: an integer map, resized per resolution, with its distinct patches.

A 3x3 convolution of a one-hot map followed by another 3x3 convolution sees a 5x5 window of class ids, and a
real label map has few distinct windows: some 10 % of its pixels at 256x256. Whatever is computed from labels
alone is therefore computed once per distinct window and gathered. The keys are exact, never hashed.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from semsynth.ops import native
from semsynth.ops.edges import one_hot

Mode = Literal["auto", "dense", "patches"]
_KEY_LIMIT = 2**62
_MOST_DISTINCT = 0.9  # in training: above this share of distinct windows the dense form is no slower


@dataclass(frozen=True)
class PatchPlan:
    """The distinct patches of one label level, for convolutions of one kernel size k. All int32.

    Attributes:
        patches: (V, k*k) symbols of the distinct k x k windows, taps in raster order; 0 is outside.
        neighbours: (U, k*k) for each distinct (2k-1) x (2k-1) window, the 1-based rows of `patches` at its
            taps; 0 where the tap lies outside the picture, whose hidden features are zero.
        index: (B, h, w) the row of `neighbours` that belongs to each pixel.
    """

    patches: Tensor
    neighbours: Tensor
    index: Tensor

    @property
    def share(self) -> float:
        """Distinct large windows per pixel, at most 1."""
        return len(self.neighbours) / self.index.numel()

    @property
    def recurrence(self) -> float:
        """Distinct large windows per distinct small one."""
        return len(self.neighbours) / len(self.patches)

    @property
    def centres(self) -> Tensor:
        """(U,) the row of `patches` at the centre of each large window."""
        return self.neighbours[:, self.neighbours.shape[1] // 2] - 1

    @cached_property
    def pixels_by_window(self) -> tuple[Tensor, Tensor]:
        """Where each row of `neighbours` begins (U + 1), in the pixels ordered by it. Native kernels only."""
        return native.group(self.index, len(self.neighbours))

    @cached_property
    def taps_by_row(self) -> tuple[Tensor, Tensor]:
        """Likewise the elements of `neighbours` by the row of `patches` they name, (V + 2) starts."""
        return native.group(self.neighbours, len(self.patches) + 1)


class LabelLevel:
    """A label map at one resolution.

    Attributes:
        labels: (B, h, w) int64 ids.
        edges: (B, h, w) bool instance boundaries, or None.
        channels: planes of the dense form: num_classes, and one more with edges.
        mode: "dense", "patches", or "auto": patches, but dense in training where the native kernels do not
            run or nearly every window is distinct.
    """

    def __init__(self, labels: Tensor, edges: Tensor | None, num_classes: int, mode: Mode = "auto") -> None:
        self.labels = labels
        self.edges = edges
        self.num_classes = num_classes
        self.channels = num_classes + (edges is not None)
        self.mode = mode
        self._dense: dict[torch.dtype, Tensor] = {}
        self._plans: dict[int, PatchPlan] = {}

    @property
    def by_patches(self) -> bool:
        """Whether layers should compute once per distinct patch here and now."""
        if self.mode != "auto" or not torch.is_grad_enabled():
            return self.mode != "dense"
        return (
            native.available() and self.labels.device.type == "cpu" and self.plan(3).share <= _MOST_DISTINCT
        )

    @property
    def size(self) -> tuple[int, int]:
        """(h, w)."""
        return self.labels.shape[1], self.labels.shape[2]

    def dense(self, dtype: torch.dtype = torch.float32) -> Tensor:
        """(B, channels, h, w) one-hot planes, the edge plane last; made once per type."""
        if dtype not in self._dense:
            planes = one_hot(self.labels, self.channels, dtype=dtype)
            if self.edges is not None:
                planes[:, -1] = self.edges.to(dtype)
            self._dense[dtype] = planes
        return self._dense[dtype]

    @cached_property
    def symbols(self) -> Tensor:
        """(B, h, w) one integer per pixel for everything a layer may see there; 0 is kept for outside."""
        symbols = self.labels + 1
        return symbols if self.edges is None else symbols + self.num_classes * self.edges.long()

    @property
    def num_symbols(self) -> int:
        """How many values a symbol may take, 0 (outside) included."""
        return self.num_classes * (1 if self.edges is None else 2) + 1

    def plan(self, kernel_size: int) -> PatchPlan:
        """The distinct patches for a pair of convolutions of this (odd) size; made once."""
        if kernel_size not in self._plans:
            ids, patches = distinct_patches(self.symbols, kernel_size, self.num_symbols)
            index, neighbours = distinct_patches(ids + 1, kernel_size, len(patches) + 1)
            self._plans[kernel_size] = PatchPlan(patches, neighbours, index)
        return self._plans[kernel_size]


class LabelPyramid:
    """One label map at every resolution a network asks for, shared by all layers of a size.

    Args:
        labels: (B, H, W) int64 ids in 0..num_classes-1 (not checked here).
        num_classes: K.
        edges: (B, 1, H, W) instance boundaries (0 or 1), or None where the network has no edge channel.
        mode: how layers compute from it, see `LabelLevel`.
    """

    def __init__(
        self, labels: Tensor, num_classes: int, edges: Tensor | None = None, mode: Mode = "auto"
    ) -> None:
        self._edges = None if edges is None else edges[:, 0] > 0
        self.mode: Mode = mode
        self.full = LabelLevel(labels, self._edges, num_classes, mode)
        self._levels = [self.full]  # few; a size may be a symbol, which no dict takes for a key

    def maps(self) -> list["LabelPyramid"]:
        """One of each map of the batch."""
        labels, edges = self.full.labels.split(1), self._edges
        several = [None] * len(labels) if edges is None else [part[:, None] for part in edges.split(1)]
        return [
            LabelPyramid(one, self.full.num_classes, its_edges, self.mode)
            for one, its_edges in zip(labels, several, strict=True)
        ]

    def at(self, height: int, width: int) -> LabelLevel:
        """The level of one size: nearest resizing from the full map, pixel i taking floor(i * in / out)."""
        for level in self._levels:
            if level.size == (height, width):
                return level
        labels = nearest(self.full.labels, height, width)
        edges = None if self._edges is None else nearest(self._edges, height, width)
        self._levels.append(LabelLevel(labels, edges, self.full.num_classes, self.mode))
        return self._levels[-1]


def nearest(planes: Tensor, height: int, width: int) -> Tensor:
    """Resize (B, H, W) planes of ids to (B, height, width) by exact integer nearest sampling."""
    device = planes.device
    rows = torch.arange(height, device=device) * planes.shape[1] // height
    columns = torch.arange(width, device=device) * planes.shape[2] // width
    return planes[:, rows[:, None], columns]


def distinct_patches(ids: Tensor, kernel_size: int, num_ids: int) -> tuple[Tensor, Tensor]:
    """Number the distinct square windows of an id map.

    Args:
        ids: (B, h, w) integers in 1..num_ids-1; positions outside the picture count as 0.
        kernel_size: side k of the window, odd.
        num_ids: one more than the largest id.

    Returns:
        The window's number per pixel (B, h, w), and the windows themselves (N, k*k) in raster order, both
        int32. The order of the numbers is not defined.
    """
    if native.numbers_windows(ids, kernel_size):
        return native.number_windows(ids.int(), kernel_size)
    ids = ids.long()
    height, width = ids.shape[1:]
    padded = F.pad(ids, (kernel_size // 2,) * 4)
    row_keys, num_rows = _joint_key([padded[:, :, i : i + width] for i in range(kernel_size)], num_ids)
    keys, _ = _joint_key([row_keys[:, i : i + height] for i in range(kernel_size)], num_rows)
    _, numbers = torch.unique(keys, return_inverse=True)
    count = int(numbers.max()) + 1
    # The first pixel that shows each window lends it.
    pixels = torch.arange(numbers.numel(), device=ids.device)
    first = pixels.new_full((count,), numbers.numel()).scatter_reduce_(0, numbers.flatten(), pixels, "amin")
    batch, row, column = first // (height * width), first // width % height, first % width
    taps = [padded[batch, row + i, column + j] for i in range(kernel_size) for j in range(kernel_size)]
    return numbers.int(), torch.stack(taps, 1).int()


def _joint_key(maps: list[Tensor], num_ids: int) -> tuple[Tensor, int]:
    """One integer per position that is equal exactly where all maps are; and a bound above it."""
    key, bound = maps[0], num_ids
    for ids in maps[1:]:
        if bound * num_ids > _KEY_LIMIT:
            values, key = torch.unique(key, return_inverse=True)
            bound = len(values)
        key, bound = key * num_ids + ids, bound * num_ids
    return key, bound
