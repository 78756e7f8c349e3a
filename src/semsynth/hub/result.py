"""What a synthesizer gives back."""

from dataclasses import dataclass, field, replace

import torch
from PIL import Image
from torch import Tensor

from semsynth.hub.record import Record
from semsynth.images import png_bytes

_SHEET_SIDE = 2048


@dataclass(frozen=True, repr=False)
class Result:
    """What was drawn.

    Attributes:
        images: (N, 3, H, W) float32 in [-1, 1], on the CPU.
        styles: (N, Z) the style of each, or (N, K, Z) one per class; None for a network without.
        noise_offsets: (N, 2) int64, by how many rows and columns the fixed noise of each was moved; None for
            a network without fixed noise.
        seed: Draws the same pictures again.
        notes: Sentences on how the label map was read, such as what was repaired.
        labels: (B, H, W) int64, the class ids that were drawn.
        about: What the records of all pictures have in common.
    """

    images: Tensor
    styles: Tensor | None
    noise_offsets: Tensor | None
    seed: int
    notes: tuple[str, ...] = ()
    labels: Tensor = field(default_factory=lambda: torch.empty(0))
    about: Record = field(default_factory=Record)

    def pictures(self) -> list[Image.Image]:
        """The images as 8-bit RGB, rounded."""
        levels = ((self.images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in levels]

    def record(self, index: int = 0) -> Record:
        """How one of the pictures was made; `png_bytes(picture, pnginfo=record.png_info())` keeps it."""
        style = None if self.styles is None else self.styles[index]
        return replace(
            self.about,
            vector=style.tolist() if style is not None and style.dim() == 1 else None,
            class_vectors=style.tolist() if style is not None and style.dim() == 2 else None,
            noise_offset=None if self.noise_offsets is None else self.noise_offsets[index].tolist(),
            size=list(self.images.shape[2:]),
            seed=self.seed,
            number=index + 1,
        )

    def sheet(self) -> Image.Image:
        """All pictures side by side, up to four in a row; smaller ones where it would be over 2048 pixels."""
        count, _, height, width = self.images.shape
        columns = min(count, 4)
        rows = -(-count // columns)
        scale = min(1.0, _SHEET_SIDE / (columns * width), _SHEET_SIDE / (rows * height))
        size = (max(1, int(width * scale)), max(1, int(height * scale)))
        sheet = Image.new("RGB", (columns * size[0], rows * size[1]), "white")
        for i, picture in enumerate(self.pictures()):
            shown = picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)
            sheet.paste(shown, (i % columns * size[0], i // columns * size[1]))
        return sheet

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        return png_bytes(self.sheet())

    def __repr__(self) -> str:
        count, _, height, width = self.images.shape
        notes = f", notes={list(self.notes)}" if self.notes else ""
        return f"Result({count} picture{'s'[: count > 1]} of {height}x{width}, seed={self.seed}{notes})"
