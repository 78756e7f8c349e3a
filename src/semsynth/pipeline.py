"""From a label map to photographs in one call.

synthesizer = Synthesizer.from_pretrained("landscape")
result = synthesizer("beach.png", seed=7, num_images=3)
result.pictures()[0].save("beach.jpg")
"""

import copy
import math
import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from semsynth.device import Precision as Precision
from semsynth.device import choose, choose_precision, isolated
from semsynth.errors import SemsynthError
from semsynth.hub import Model, find_model, load_model
from semsynth.hub.pickling import SavedModel
from semsynth.hub.styles import MAX_NUMBER, encode_photo, is_style
from semsynth.images import PhotoLike, png_bytes
from semsynth.inference.engine import engine_for
from semsynth.inference.incremental import follow
from semsynth.labels import LabelSpace, resize_map
from semsynth.labels.inputs import MapLike, fit_instances, to_ids, to_instances, whole_number

StyleLike: TypeAlias = "PhotoLike | list[float] | list[list[float]]"
"""The name of a style, a photograph, a vector (Z,), or one vector per picture (N, Z)."""

MIN_SIDE = 8
"""Shortest side of a label map worth drawing, in pixels."""
MAX_PIXELS = 1 << 22
"""Most pixels a picture may have: 2048 x 2048. Memory grows with it."""
MAX_SEED = 2**63 - 1
MAX_IMAGES = 10_000
MAX_COUNT = 1_000_000
"""Most styles that are drawn at a time."""


_SHEET_SIDE = 2048


@dataclass(frozen=True, repr=False)
class Result:
    """What was drawn.

    Attributes:
        images: (N, 3, H, W) float32 in [-1, 1], on the CPU.
        styles: (N, Z) the style of each, None for a network without.
        shifts: (N, 2) where such things as clouds are in each, None for a network that knows no places.
        seed: draws the same pictures again.
        notes: sentences on how the label map was read, such as what was repaired.
    """

    images: Tensor
    styles: Tensor | None
    shifts: Tensor | None
    seed: int
    notes: tuple[str, ...] = ()

    def pictures(self) -> list[Image.Image]:
        """The images as 8-bit RGB, rounded."""
        levels = ((self.images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        return [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in levels]

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


class Synthesizer:
    """A trained generator, ready to draw.

    Void is decided here once: a network with a void class takes void as it is; for one without, void pixels
    take the class of the nearest labelled pixel.

    What depends on the label map alone is kept: the same map in another style, or as the next of many
    pictures, takes less time.

    Several threads may call it at a time; each gets its own pictures, the same as alone. It can be pickled
    and copied: the copy of one that was loaded loads the same model folder, of any other it holds the model.

    Args:
        model: what a model folder holds. It is copied, and stays as it is.
        device: see `device.choose`: "auto" is CUDA where there is one, else MPS, else the CPU.
        precision: "float32" draws what the network was trained to, "bfloat16" nearly that in a fraction of
            the time where the device has bfloat16 arithmetic; "auto" is bfloat16 there, else float32.
            Where it has none, "bfloat16" computes in float32 with weights rounded to bfloat16.
        incremental: keep the latest picture's features too: for painting, where each map is the last one
            with a stroke more, and only what depends on the stroke is computed. Such a picture is the one
            drawn from nothing to rounding, not to the byte.

    Attributes:
        precision: the one that was chosen.
        label_space: the classes a label map may hold.
        image_size: (H, W) the network was trained for; label maps of other sizes are drawn at theirs.
        style_dim: Z, None for a network without a style.
        styles: named styles, (Z,) each.
    """

    @isolated()
    def __init__(
        self,
        model: Model,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        incremental: bool = False,
        _saved: SavedModel | None = None,
    ) -> None:
        # What was loaded for this synthesizer alone need not be copied.
        generator, encoder = model.generator, model.style_encoder
        if _saved is None:
            generator, encoder = copy.deepcopy(generator), copy.deepcopy(encoder)
        self.device = choose(device)
        self.precision = choose_precision(precision, self.device)
        self._saved = _saved
        self._settings = {"device": device, "precision": self.precision, "incremental": incremental}
        self.model = model
        self.generator = generator.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        engine = engine_for(self.generator, self.precision)
        self._engine = follow(engine) if incremental else engine
        self.encoder = encoder.eval().to(self.device) if encoder else None
        self.label_space: LabelSpace = model.label_space
        self.image_size = model.image_size
        self.style_dim: int | None = self.generator.style_dim
        self.styles: dict[str, Tensor] = {name: style.vector for name, style in model.styles.items()}

    @classmethod
    def from_pretrained(
        cls,
        name: str | Path,
        *,
        device: str | torch.device = "auto",
        precision: Precision = "auto",
        incremental: bool = False,
    ) -> "Synthesizer":
        """Load a model folder, or a model of the package by name. Never uses the network.

        Raises:
            SemsynthError: there is no such model, or it is damaged; or no such device.
        """
        saved = SavedModel.at(find_model(name))
        return cls(
            load_model(name), device=device, precision=precision, incremental=incremental, _saved=saved
        )

    def __reduce__(self) -> tuple[Any, ...]:
        saved = self._saved or SavedModel.of(self.model)
        return _restored, (type(self), saved, self._settings, self.styles)

    def __repr__(self) -> str:
        name = "" if self.model.folder is None else f"{self.model.folder.name}, "
        height, width = self.image_size
        return (
            f"Synthesizer({name}{type(self.generator).__name__}, {self.label_space.num_classes} classes of "
            f"{self.label_space.name}, {height}x{width}, {self.precision} on {self.device})"
        )

    @isolated()
    def __call__(
        self,
        labels: MapLike,
        style: "StyleLike | None" = None,
        *,
        seed: int | None = None,
        shift: Tensor | NDArray[Any] | None = None,
        num_images: int = 1,
        instances: "MapLike | None" = None,
        size: tuple[int, int] | None = None,
    ) -> Result:
        """Draw.

        Args:
            labels: an image file (path, bytes, or opened in binary), a PIL image, an array or tensor of ids,
                (H, W) or (B, H, W), an array of colours (H, W, 3), or a list of these, of one size.
            style: the name of a style, a photograph (file, PIL image, array (H, W, 3) of uint8, tensor
                (3, H, W) in [-1, 1]), a vector (Z,), or one vector per picture (N, Z). None draws styles at
                random.
            seed: of random styles, and of where such things as clouds are, for a network that knows places
                (`GeneratorModule.shifts`). None draws one and reports it; where the style is given, it is 0.
            shift: where they are instead, (2,) or one row per picture (N, 2), of an earlier result.
            num_images: pictures per label map, each in a random style of its own; or in the one given, where
                the seed leaves something to vary.
            instances: instance ids of the same size, for a network that uses them; where they are missing
                the boundaries between classes take their place.
            size: (H, W) of the pictures; None is that of the label map.

        Returns:
            N = B * num_images pictures (all pictures of the first map first), or as many as styles given.

        Raises:
            SemsynthError: something given does not fit the network.
        """
        num_images = whole_number(num_images, "num_images", 1, MAX_IMAGES)
        if seed is None:
            seed = secrets.randbits(31) if style is None else 0
        seed = whole_number(seed, "seed", 0, MAX_SEED)
        size = None if size is None else _size(size)
        ids, notes = self._read(labels, size)  # (B,H,W)
        of_instances = None
        if instances is not None:
            of_instances = torch.from_numpy(fit_instances(to_instances(instances), size, ids.numpy()))
        styles = self._styles(style, seed, len(ids), num_images)
        count = len(ids) * num_images if styles is None else len(styles)
        shifts = self._shifts(shift, seed, count)
        images = [
            self._draw(ids[i : i + 1], _row(of_instances, i), _row(styles, n), _row(shifts, n))
            for n in range(count)
            for i in [n * len(ids) // count]
        ]
        return Result(torch.cat(images), styles, shifts, seed, notes)

    @isolated()
    def read_labels(self, labels: MapLike, size: tuple[int, int] | None = None) -> Tensor:
        """Ids (B, H, W) int64 as the network takes them: void settled, resized to `size`, on the CPU."""
        return self._read(labels, None if size is None else _size(size))[0]

    def _read(self, labels: MapLike, size: tuple[int, int] | None) -> tuple[Tensor, tuple[str, ...]]:
        """The same with sentences on how the map was read."""
        ids, notes = to_ids(labels, self.label_space)
        height, width = size or ids.shape[1:]
        if min(height, width, *ids.shape[1:]) < MIN_SIDE:
            raise SemsynthError(
                f"the label map is {ids.shape[1]}x{ids.shape[2]}, the picture {height}x{width}; "
                f"both must be {MIN_SIDE} pixels a side or more"
            )
        if height * width > MAX_PIXELS:
            raise SemsynthError(
                f"a picture of {height}x{width} is larger than {MAX_PIXELS:,} pixels; ask for a smaller size"
            )
        return torch.from_numpy(resize_map(ids, (height, width))), notes

    @isolated()
    def encode_style(self, photo: PhotoLike) -> Tensor:
        """The style of a photograph: the mean its encoder gives, (Z,) float32.

        Args:
            photo: a file, a PIL image, a uint8 array (H, W, 3) or a tensor (3, H, W) in [-1, 1].

        Raises:
            SemsynthError: the model has no style encoder, or this is no photograph.
        """
        if self.encoder is None:
            raise SemsynthError(
                "this model has no style encoder, so it cannot take a style from a photograph"
            )
        mean, _ = encode_photo(self.encoder, photo, self.image_size)
        return torch.empty(mean.shape, dtype=torch.float32).copy_(mean)

    @isolated()
    def random_styles(self, seed: int, count: int = 1) -> Tensor:
        """The styles (N, Z) of the first pictures of a seed, for a network with styles."""
        seed, count = whole_number(seed, "seed", 0, MAX_SEED), whole_number(count, "count", 1, MAX_COUNT)
        if self.style_dim is None:
            raise SemsynthError("this model has no style: it draws one picture of a label map")
        return self._draws(seed, count)[0]

    def _shifts(self, shift: Tensor | NDArray[Any] | None, seed: int, count: int) -> Tensor | None:
        """One shift a picture, (N, 2); None for a network that knows no places."""
        if not self.generator.shifts:
            if shift is not None:
                raise SemsynthError("this model knows no places: there is nothing to shift")
            return None
        if shift is None:
            return self._draws(seed, count)[1]
        array = np.asarray(shift.detach().cpu() if isinstance(shift, Tensor) else shift)
        if array.dtype.kind not in "iu" or array.shape not in ((2,), (count, 2)):
            raise SemsynthError(
                f"A shift holds integers (int64), of shape (2,) or ({count}, 2) here; "
                f"this is {array.dtype} of shape {array.shape}."
            )
        return torch.from_numpy(array.astype(np.int64)).expand(count, 2)

    def _styles(self, style: "StyleLike | None", seed: int, maps: int, num_images: int) -> Tensor | None:
        """One style a picture, (N, Z) on the CPU; None for a network without a style."""
        if self.style_dim is None:
            if style is not None or num_images > 1:
                raise SemsynthError("this model has no style: it draws one picture of a label map")
            return None
        count = maps * num_images
        if style is None:
            return self.random_styles(seed, count)
        vectors = self._read_style(style)
        if vectors.dim() == 1 and (num_images == 1 or self.generator.shifts):
            return vectors.expand(count, -1)
        if vectors.dim() == 2 and (maps == 1 or len(vectors) == count) and num_images in (1, len(vectors)):
            return vectors
        given = "one style was given" if vectors.dim() == 1 else f"{len(vectors)} styles were given"
        raise SemsynthError(
            f"{given} for {maps} label map(s) with {num_images} picture(s) each; a style makes one picture"
        )

    def _draws(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Random styles (N, Z) and shifts (N, 2)."""
        draws, styles, shifts = torch.Generator().manual_seed(seed), [], []
        below = self.generator.shifts
        for _ in range(count):  # one by one, so that the first of many is the one that would be drawn alone
            styles.append(torch.randn(self.style_dim or 0, dtype=torch.float32, generator=draws))
            shift = torch.zeros(2, dtype=torch.int64)
            shifts.append(torch.randint(below, (2,), generator=draws) if below else shift)
        return torch.stack(styles), torch.stack(shifts)

    def _read_style(self, style: StyleLike) -> Tensor:
        """(Z,) or (N, Z) float32."""
        if isinstance(style, str) and style in self.styles:
            return self.styles[style]
        if isinstance(style, str) and not _exists(style):
            known = ", ".join(self.styles) or "none"
            raise SemsynthError(f"{style!r} is neither a photograph nor a style of this model ({known}).")
        numbers = isinstance(style, (Tensor, np.ndarray, list, tuple))
        if not numbers or (isinstance(style, (Tensor, np.ndarray)) and style.ndim == 3):
            return self.encode_style(cast(PhotoLike, style))
        try:
            array = np.asarray(style.detach().cpu().float() if isinstance(style, Tensor) else style)
            vectors = torch.from_numpy(array.astype(np.float32))
        except (TypeError, ValueError):  # texts, None, rows of unequal lengths
            raise SemsynthError(
                f"A style is numbers, a name or a photograph; {str(style)[:80]} is none."
            ) from None
        if vectors.dim() not in (1, 2) or vectors.shape[-1] != self.style_dim or not is_style(vectors):
            raise SemsynthError(
                f"A style is ({self.style_dim},) or (N, {self.style_dim}) finite numbers of at most "
                f"{MAX_NUMBER:,.0f}; got {tuple(vectors.shape)}, {array.dtype}."
            )
        return vectors

    def _draw(
        self, ids: Tensor, instances: Tensor | None, style: Tensor | None, shift: Tensor | None
    ) -> Tensor:
        """(1, H, W) ids, (1, Z) style, (1, 2) shift → (1, 3, H, W), whatever H and W."""
        height, width = ids.shape[1:]
        valid = self.generator.valid_size(height, width)
        image = self._engine(
            _pad(ids, valid).to(self.device),
            style=None if style is None else style.to(self.device),
            instances=None if instances is None else _pad(instances, valid).to(self.device),
            shift=None if shift is None else shift.to(self.device),
        )
        cropped = image[:, :, :height, :width]
        drawn = torch.empty(cropped.shape, dtype=torch.float32).copy_(cropped)  # no inference tensor leaves
        if not math.isfinite(float(drawn.sum())):
            raise SemsynthError(
                "The network drew numbers that are not finite (NaN): its weights or this style are too large."
            )
        return drawn


def _restored(
    kind: type[Synthesizer], saved: SavedModel, settings: dict[str, Any], styles: dict[str, Tensor]
) -> Synthesizer:
    """What a pickle of a synthesizer becomes."""
    synthesizer = saved.open(lambda folder: kind.from_pretrained(folder, **settings))
    if saved.files:
        synthesizer.model = replace(synthesizer.model, folder=None)  # it is deleted by now
    synthesizer._saved, synthesizer.styles = saved, dict(styles)
    return synthesizer


def _size(size: object) -> tuple[int, int]:
    """Height and width, of whatever integers."""
    try:
        height, width = cast(tuple[object, object], size)
    except (TypeError, ValueError):
        raise SemsynthError(f"The size is {size!r}; it must be (height, width) in pixels.") from None
    return whole_number(height, "height", 1, MAX_PIXELS), whole_number(width, "width", 1, MAX_PIXELS)


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # what is too long for a name, or holds a NUL character
        return False


def _row(values: Tensor | None, index: int) -> Tensor | None:
    """Row `index` kept as a batch of one; a single row serves all."""
    return None if values is None else values[index % len(values)].unsqueeze(0)


def _pad(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Repeat the last row and column of (B, H, W) until the size is reached."""
    rows = torch.arange(size[0]).clamp(max=planes.shape[1] - 1)
    columns = torch.arange(size[1]).clamp(max=planes.shape[2] - 1)
    return planes[:, rows[:, None], columns]
