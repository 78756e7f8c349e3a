"""From a label map to images in one call.

synthesizer = Synthesizer.from_pretrained("landscape")
result = synthesizer("beach.png", seed=7, num_images=3)
result.pictures()[0].save("beach.jpg")
"""

import copy
import math
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from semsynth.device import Precision as Precision
from semsynth.device import choose, choose_precision, isolated, return_freed_memory
from semsynth.errors import SemsynthError
from semsynth.files.walking import printable
from semsynth.hub import Model, find_model, load_model
from semsynth.hub.appearance import NO_STYLE, Appearance, OffsetLike, StyleLike, is_random
from semsynth.hub.pickling import SavedModel
from semsynth.hub.record import MAX_SEED, Record, file_name
from semsynth.hub.result import Result
from semsynth.hub.styles import encode_photo
from semsynth.images import PhotoLike
from semsynth.inference.choice import engine_for
from semsynth.inference.engine import Keep
from semsynth.labels import LabelSpace, resize_map
from semsynth.labels.inputs import MapLike, fit_instances, to_ids, to_instances, to_size, whole_number

MIN_SIDE = 8
"""Shortest side of a label map worth drawing, in pixels."""
MAX_PIXELS = 1 << 22
"""Most pixels a picture may have: 2048 x 2048. Memory grows with it."""
MAX_IMAGES = 10_000
MAX_COUNT = 1_000_000
"""Most styles that are drawn at a time."""


class Synthesizer:
    """A trained generator, ready to draw.

    Void is decided here once: a network with a void class takes void as it is; for one without, void pixels
    take the class of the nearest labelled pixel.

    What depends on the label map alone is kept: the same map in another style, or as the next of many
    pictures, takes less time.

    Several threads may call it at a time; each gets its own pictures, the same as alone. It can be pickled
    and copied: the copy of one that was loaded loads the same model folder, of any other it holds the model.

    Args:
        model: what a model folder holds. It stays as it is.
        device: see `device.choose`: "auto" is CUDA where there is one, else MPS, else the CPU.
        precision: "float32" draws what the network was trained to, "bfloat16" nearly that in a fraction of
            the time where the device has bfloat16 arithmetic; "auto" is bfloat16 there, else float32.
            Where it has none, "bfloat16" computes in float32 with weights rounded to bfloat16.
        incremental: keep the latest picture's features too: for painting, where each map is the last one
            with a stroke more, and only what depends on the stroke is computed. The pictures are the same.

    Attributes:
        model: what was given; of a model that was loaded by name, the generator's weights are dropped.
        name: the name or folder the model was loaded by; empty for one that was not loaded.
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
        self.device = choose(device)
        self.precision = choose_precision(precision, self.device)
        self._saved = _saved
        self._settings = {"device": device, "precision": self.precision, "incremental": incremental}
        self.model, self.generator = model, model.generator
        self.name = str(model.folder or "")
        keep: Keep = "features" if incremental else "tables"
        self._engine = engine_for(model.generator, self.precision, device=self.device, keep=keep)
        encoder = model.style_encoder
        if _saved is None:
            encoder = copy.deepcopy(encoder)
        else:  # what was loaded for this synthesizer alone: the engine has weights of its own
            model.generator.to("meta")
            return_freed_memory()
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
        synthesizer = cls(
            load_model(name), device=device, precision=precision, incremental=incremental, _saved=saved
        )
        synthesizer.name = str(name)
        return synthesizer

    def __reduce__(self) -> tuple[Any, ...]:
        saved = self._saved or SavedModel.of(self.model)
        return _restored, (type(self), saved, self._settings, self.styles, self.name)

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
        noise_offset: OffsetLike | None = None,
        num_images: int = 1,
        instances: "MapLike | None" = None,
        size: tuple[int, int] | None = None,
        palette: str = "auto",
        drawn_with: LabelSpace | None = None,
    ) -> Result:
        """Draw.

        Args:
            labels: an image file (path, bytes, or opened in binary), a PIL image, an array or tensor of ids,
                (H, W) or (B, H, W), an array of colours (H, W, 3), or a list of these, of one size.
            style: the name of a style, a photograph (file, PIL image, array (H, W, 3) of uint8, tensor
                (3, H, W) in [-1, 1]), a vector (Z,), or one vector per picture (N, Z). None draws styles at
                random. A dict gives classes styles of their own: class name or id to any of these or a seed,
                and "rest" to that of all others, random where it is missing.
            seed: of random styles and noise offsets. None draws one and reports it; where the style is given,
                it is 0.
            noise_offset: in place of the seed's, (2,) or one row per picture (N, 2), as in `Result`; for a
                network with fixed noise.
            num_images: pictures per label map, each in a random style of its own; or in the one given, where
                the seed leaves something to vary.
            instances: instance ids of the same size, for a network that uses them; where they are missing
                the boundaries between classes take their place.
            size: (H, W) of the pictures; None is that of the label map.
            palette: how indexed files are taken: "index" for their indices, "color" for their colours, "auto"
                for their colours where these are the label set's and the indices are not its ids.
            drawn_with: the label set of the map, where it is not the model's; its classes are taken for those
                of the model that are called the same.

        Returns:
            N = B * num_images pictures (all pictures of the first map first), or as many as styles given.

        Raises:
            SemsynthError: something given does not fit the network.
        """
        appearance = self._appearance
        num_images = whole_number(num_images, "num_images", 1, MAX_IMAGES)
        if seed is None:
            seed = secrets.randbits(31) if is_random(style) else 0
        seed = whole_number(seed, "seed", 0, MAX_SEED)
        size = None if size is None else to_size(size, MAX_PIXELS)
        ids, notes = self._read(labels, size, drawn_with, palette)  # (B,H,W)
        of_instances = None
        if instances is not None:
            of_instances = torch.from_numpy(fit_instances(to_instances(instances), size, ids.numpy()))
        styles = appearance.styles(style, seed, len(ids), num_images)
        count = len(ids) * num_images if styles is None else len(styles)
        offsets = appearance.offsets(noise_offset, seed, count)
        images = [
            self._draw(ids[i : i + 1], _row(of_instances, i), _row(styles, n), _row(offsets, n))
            for n in range(count)
            for i in [n * len(ids) // count]
        ]
        about = Record(
            model=printable(self.name),
            label_set=self.label_space.name,
            precision=self.precision,
            labels=file_name(labels),
            instances=file_name(instances),
            style=appearance.name_of(style),
        )
        return Result(torch.cat(images), styles, offsets, seed, notes, ids, about)

    @isolated()
    def read_labels(self, labels: MapLike, size: tuple[int, int] | None = None) -> Tensor:
        """Ids (B, H, W) int64 as the network takes them: void settled, resized to `size`, on the CPU."""
        return self._read(labels, None if size is None else to_size(size, MAX_PIXELS), None, "auto")[0]

    def _read(
        self, labels: MapLike, size: tuple[int, int] | None, drawn_with: LabelSpace | None, palette: str
    ) -> tuple[Tensor, tuple[str, ...]]:
        """The same with sentences on how the map was read."""
        ids, notes = to_ids(labels, self.label_space, drawn_with=drawn_with, palette=palette)
        height, width = size or ids.shape[1:]
        if min(height, width, *ids.shape[1:]) < MIN_SIDE:
            raise SemsynthError(
                f"The label map is {ids.shape[1]}x{ids.shape[2]}, the picture {height}x{width}; "
                f"both must be {MIN_SIDE} pixels a side or more."
            )
        if height * width > MAX_PIXELS:
            raise SemsynthError(
                f"A picture of {height}x{width} is larger than {MAX_PIXELS:,} pixels; ask for a smaller size."
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
            raise SemsynthError("This model has no style encoder; it takes no style from a photograph.")
        mean, _ = encode_photo(self.encoder, photo, self.image_size)
        return torch.empty(mean.shape, dtype=torch.float32).copy_(mean)

    @isolated()
    def random_styles(self, seed: int, count: int = 1) -> Tensor:
        """The styles (N, Z) of the first pictures of a seed, for a network with styles."""
        if self.style_dim is None:
            raise SemsynthError(NO_STYLE)
        seed, count = whole_number(seed, "seed", 0, MAX_SEED), whole_number(count, "count", 1, MAX_COUNT)
        return self._appearance.draw(seed, count)[0]

    @property
    def _appearance(self) -> Appearance:
        network = self.generator
        classes = self.label_space.names if network.class_styles else ()
        return Appearance(self.style_dim, network.noise_period, self.styles, self.encode_style, classes)

    def _draw(
        self, ids: Tensor, instances: Tensor | None, style: Tensor | None, offset: Tensor | None
    ) -> Tensor:
        """(1, H, W) ids, (1, Z) style, (1, 2) noise offset → (1, 3, H, W), whatever H and W."""
        height, width = ids.shape[1:]
        valid = self.generator.valid_size(height, width)
        image = self._engine(
            _pad(ids, valid).to(self.device),
            style=None if style is None else style.to(self.device),
            instances=None if instances is None else _pad(instances, valid).to(self.device),
            noise_offset=None if offset is None else offset.to(self.device),
        )
        cropped = image[:, :, :height, :width]
        drawn = torch.empty(cropped.shape, dtype=torch.float32).copy_(cropped)  # no inference tensor leaves
        if not math.isfinite(float(drawn.sum())):
            raise SemsynthError(
                "The network drew numbers that are not finite (NaN): its weights or this style are too large."
            )
        return drawn


def _restored(
    kind: type[Synthesizer], saved: SavedModel, settings: dict[str, Any], styles: dict[str, Tensor], name: str
) -> Synthesizer:
    """What a pickle of a synthesizer becomes."""
    synthesizer = saved.open(lambda folder: kind.from_pretrained(folder, **settings))
    if saved.files:
        synthesizer.model = replace(synthesizer.model, folder=None)  # it is deleted by now
    synthesizer._saved, synthesizer.styles, synthesizer.name = saved, dict(styles), name
    return synthesizer


def _row(values: Tensor | None, index: int) -> Tensor | None:
    """Row `index` kept as a batch of one; a single row serves all."""
    return None if values is None else values[index % len(values)].unsqueeze(0)


def _pad(planes: Tensor, size: tuple[int, int]) -> Tensor:
    """Repeat the last row and column of (B, H, W) until the size is reached."""
    rows = torch.arange(size[0]).clamp(max=planes.shape[1] - 1)
    columns = torch.arange(size[1]).clamp(max=planes.shape[2] - 1)
    return planes[:, rows[:, None], columns]
