"""SIMS as a generator: retrieve, align, order, paste, refine.

Qi, Chen, Jia, Koltun: "Semi-parametric Image Synthesis", CVPR 2018. Where this differs from the paper or from
what was released is listed in docs/methods.md.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.labels import resize_map
from semsynth.models.base import GeneratorModule, configured
from semsynth.models.sims.alignment import AlignmentNetwork, fit
from semsynth.models.sims.bank import SegmentBank
from semsynth.models.sims.canvas import Canvas, Front, Placed, compose
from semsynth.models.sims.ordering import OrderingNetwork, pair_pictures
from semsynth.models.sims.refine import STRIDE, Refiner
from semsynth.models.sims.retrieval import retrieve
from semsynth.models.sims.roles import roles_of
from semsynth.models.sims.segments import Labels, Segment, find_segments
from semsynth.ops.edges import one_hot
from semsynth.ops.pyramid import LabelPyramid

BANK = "bank"
"""Where in a model folder the memory bank lies."""

SEED = 0
"""Of the seams' random half, so that the same labels give the same picture."""

FITTED_AT_ONCE = 4
"""How many segments the alignment network sees in one pass."""


@configured
class SIMSGenerator(GeneratorModule):
    """Pictures put together from a memory bank and refined.

    Args:
        num_classes: K.
        width: channels of the networks' first stages (64 published).
        bank: folder of the memory bank, opened when it is first needed; or call `attach`.
        ordering: whether a network decides which of two segments is in front. It needs depth to be trained;
            without it the class decides.
    """

    can_recompute = True

    def __init__(
        self, *, num_classes: int, width: int = 64, bank: str | None = None, ordering: bool = False
    ) -> None:
        super().__init__(num_classes=num_classes, stride=STRIDE)
        self.align = AlignmentNetwork(num_classes, width)
        self.order = OrderingNetwork(num_classes, width) if ordering else None
        self.refine = Refiner(num_classes, width)
        self._bank: SegmentBank | None = None

    @property
    def bank(self) -> SegmentBank:
        """The memory bank.

        Raises:
            SemsynthError: there is none.
        """
        if self._bank is None:
            if self.config["bank"] is None:
                raise SemsynthError(
                    "This SIMS network has no memory bank; build one from the training data and give its "
                    "folder as `bank`."
                )
            self.attach(self.config["bank"])
        assert self._bank is not None
        return self._bank

    def attach(self, bank: SegmentBank | str | Path) -> None:
        """Use this memory bank, and remember its folder in the configuration.

        Raises:
            SemsynthError: it cannot be opened, or has other classes.
        """
        if not isinstance(bank, SegmentBank):
            bank = SegmentBank.open(bank)
        if bank.space.num_classes != self.num_classes:
            raise SemsynthError(
                f"The memory bank {bank.folder} has {bank.space.num_classes} classes, the network "
                f"{self.num_classes}; they must be of one label set."
            )
        self._bank = bank
        self.config["bank"] = str(bank.folder)

    def save_files(self, folder: Path) -> None:
        """Put the memory bank into a model folder, by hard links where the disk allows them."""
        self.bank.copy_to(folder / BANK)

    def load_files(self, folder: Path) -> None:
        """Use the memory bank of a model folder."""
        self.attach(folder / BANK)

    def draw(self, pyramid: LabelPyramid, style: Tensor | None, offset: Tensor | None) -> Tensor:
        """See `GeneratorModule`; clamped to [-1, 1] except in training.

        Raises:
            SemsynthError: no memory bank.
        """
        ids = pyramid.full.labels
        canvases = [self.canvas(np.asarray(picture.cpu())) for picture in ids]
        size = (int(ids.shape[1]), int(ids.shape[2]))
        image: Tensor = self.refine(*stack(canvases, size, like=self.refine.to_image.weight))[0]
        return image if self.training else image.clamp(-1.0, 1.0)

    @torch.no_grad()
    def canvas(self, labels: Labels, exclude: Iterable[int] = ()) -> Canvas:
        """Put a canvas together, at the bank's size.

        Args:
            labels: (H, W) ids, nearest-resized to the bank's size.
            exclude: pictures of the bank not to take from, by number.
        """
        labels = resize_map(labels, self.bank.size)
        wanted = find_segments(labels, self.bank.space)
        ranked = retrieve(self.bank, labels, wanted, count=1, exclude=exclude)
        best = [(segment, matches[0].row) for segment, matches in zip(wanted, ranked, strict=True) if matches]
        placed: list[Placed] = []
        for start in range(0, len(best), FITTED_AT_ONCE):
            placed += self._fit(labels, best[start : start + FITTED_AT_ONCE])
        order = self.bank.front.share()
        source = np.random.default_rng(SEED)
        return compose(labels, placed, roles_of(self.bank.space), order, self._front(labels), source)

    def _fit(self, labels: Labels, pairs: Sequence[tuple[Segment, int]]) -> list[Placed]:
        """Warp stored segments (rows of the bank) to the places they are wanted in."""
        pictures = [self.bank.pixels(row).astype(np.float32) / np.float32(255) for _, row in pairs]
        shapes = [self.bank.mask(row) for _, row in pairs]
        if self.align.trained:
            like = self.refine.to_image.weight
            pixels = _planes(pictures, like)
            masks = _planes([mask[..., None] for mask in shapes], like)
            wanted = _planes([segment.mask[..., None] for segment, _ in pairs], like)
            ids = torch.from_numpy(labels.astype(np.int64)).to(like.device)[None]
            planes = one_hot(ids, self.num_classes, dtype=like.dtype).expand(len(pairs), -1, -1, -1)
            theta = self.align(pixels * masks, wanted, planes)
            pixels, masks = fit(pixels * masks, masks, wanted, theta)
            pictures = list(pixels.permute(0, 2, 3, 1).float().cpu().numpy())
            shapes = list((masks[:, 0] > 0.5).cpu().numpy())
        return [
            Placed(segment.class_id, segment.mask, mask, picture)
            for (segment, _), mask, picture in zip(pairs, shapes, pictures, strict=True)
        ]

    def _front(self, labels: Labels) -> Front:
        """Which of two pieces is in front: the network where there is one, else the class."""
        network, prior = self.order, self.bank.front
        if network is None:
            return prior.is_front

        def ask(a: Placed, b: Placed) -> bool:
            seen = pair_pictures(labels, a.wanted, b.wanted, self.bank.space)
            seen = seen.to(self.refine.to_image.weight)
            answer = int(network(seen[None]).argmax())
            return answer == a.class_id if answer in (a.class_id, b.class_id) else prior.is_front(a, b)

        return ask


def stack(canvases: Sequence[Canvas], size: tuple[int, int], like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Canvases as the refiner takes them, at (H, W) = `size`, with the type and device of `like`.

    Returns:
        labels (B, H, W) int64, pixels (B, 3, H, W), filled (B, 1, H, W).
    """
    labels = np.stack([resize_map(canvas.labels, size) for canvas in canvases]).astype(np.int64)
    filled = np.stack([resize_map(canvas.filled, size) for canvas in canvases])
    pixels = _planes([canvas.pixels for canvas in canvases], like)
    if pixels.shape[2:] != size:
        pixels = F.interpolate(pixels, size=size, mode="bilinear")
    mask = torch.from_numpy(filled[:, None]).to(like.device, like.dtype)
    return torch.from_numpy(labels).to(like.device), pixels, mask


def _planes(pictures: Sequence[NDArray[np.generic]], like: Tensor) -> Tensor:
    """Pictures (H, W, C) → (B, C, H, W)."""
    return torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).to(like.device, like.dtype)
