"""What a picture's appearance is given by, beside its labels: a style and a noise offset."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.hub.record import MAX_SEED, REST
from semsynth.hub.styles import MAX_NUMBER, is_style
from semsynth.images import PhotoLike
from semsynth.labels.inputs import whole_number

StyleLike: TypeAlias = "PhotoLike | list[float] | list[list[float]] | Mapping[str | int, Any]"
"""The name of a style, a photograph, a vector (Z,), one per picture (N, Z), or a dict of these by class.

A dict's keys are names or ids of classes, and "rest" for all others; a whole number is a seed.
"""

OffsetLike = Tensor | NDArray[Any] | Sequence[int]
"""How far the fixed noise is moved, in rows and columns: (2,) integers, or one row per picture (N, 2)."""

NO_STYLE = "this model has no style: it draws one picture of a label map"


@dataclass(frozen=True)
class Appearance:
    """The styles and noise offsets that a network draws with.

    Attributes:
        style_dim: Z, None for a network without styles.
        noise_period: Noise offsets lie below it; 0 for a network without fixed noise.
        named: The styles that have a name, (Z,) each.
        encode: Gives the style (Z,) of a photograph.
        classes: The names of the classes that may have styles of their own; empty where none may.
    """

    style_dim: int | None
    noise_period: int
    named: Mapping[str, Tensor]
    encode: Callable[[PhotoLike], Tensor]
    classes: Sequence[str] = ()

    def draw(self, seed: int, count: int) -> tuple[Tensor, Tensor]:
        """Random styles (N, Z) and noise offsets (N, 2)."""
        draws, styles, offsets = torch.Generator().manual_seed(seed), [], []
        for _ in range(count):  # one by one, so that the first of many is the one that would be drawn alone
            styles.append(torch.randn(self.style_dim or 0, dtype=torch.float32, generator=draws))
            offset = torch.zeros(2, dtype=torch.int64)
            offsets.append(
                torch.randint(self.noise_period, (2,), generator=draws) if self.noise_period else offset
            )
        return torch.stack(styles), torch.stack(offsets)

    def styles(self, style: "StyleLike | None", seed: int, maps: int, num_images: int) -> Tensor | None:
        """One style a picture, (N, Z) or (N, K, Z) by class, on the CPU; None for a network without styles.

        Raises:
            SemsynthError: It is no style of this network, or there are more or fewer than pictures.
        """
        if self.style_dim is None:
            if style is not None or num_images > 1:
                raise SemsynthError(NO_STYLE)
            return None
        count = maps * num_images
        if isinstance(style, Mapping):
            return self._by_class(style, seed, maps, num_images)
        if style is None:
            return self.draw(seed, count)[0]
        vectors = self.read_style(style, self.style_dim)
        if vectors.dim() == 1 and (num_images == 1 or self.noise_period):
            return vectors.expand(count, -1)
        if vectors.dim() == 2 and (maps == 1 or len(vectors) == count) and num_images in (1, len(vectors)):
            return vectors
        given = "one style was given" if vectors.dim() == 1 else f"{len(vectors)} styles were given"
        raise SemsynthError(
            f"{given} for {maps} label map(s) with {num_images} picture(s) each; a style makes one picture."
        )

    def _by_class(self, style: Mapping[Any, Any], seed: int, maps: int, num_images: int) -> Tensor:
        """Styles (N, K, Z) of a dict of styles by class."""
        if not self.classes:
            raise SemsynthError("The network of this model has one style for all classes; give no dict.")
        assert self.style_dim is not None  # classes have styles
        rest, given = style.get(REST), {}
        if isinstance(rest, Mapping):
            raise SemsynthError("The style of the rest is one style, not a dict.")
        for name, choice in style.items():
            if name != REST:
                given[self._class(name)] = self._one(choice, self.style_dim)
        if rest is not None:
            rest = self._one(rest, self.style_dim)
        styles = self.styles(rest, seed, maps, num_images)
        assert styles is not None
        rows = styles[:, None].repeat(1, len(self.classes), 1)
        for number, vector in given.items():
            rows[:, number] = vector
        return rows

    def _class(self, name: object) -> int:
        """The id of a class given by name or id."""
        if isinstance(name, str) and name in self.classes:
            return self.classes.index(name)
        if (
            isinstance(name, (int, np.integer))
            and not isinstance(name, bool)
            and 0 <= name < len(self.classes)
        ):
            return int(name)
        near = difflib.get_close_matches(str(name), self.classes, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(self.classes)}."
        raise SemsynthError(f"There is no class {name!r}; {hint}")

    def _one(self, style: Any, style_dim: int) -> Tensor:
        """One style (Z,); a whole number is the seed of a random one."""
        if isinstance(style, (int, np.integer)) and not isinstance(style, bool):
            return self.draw(whole_number(style, "seed", 0, MAX_SEED), 1)[0][0]
        if style is None or isinstance(style, Mapping):
            raise SemsynthError("The style of a class is a name, a photograph, a vector or a seed.")
        vector = self.read_style(style, style_dim)
        if vector.dim() != 1:
            raise SemsynthError(
                f"The style of a class is one vector ({style_dim},); got {tuple(vector.shape)}."
            )
        return vector

    def offsets(self, given: OffsetLike | None, seed: int, count: int) -> Tensor | None:
        """One noise offset a picture, (N, 2) int64; None for a network without fixed noise.

        Raises:
            SemsynthError: It has another type or shape, or there is nothing to move.
        """
        if not self.noise_period:
            if given is not None:
                raise SemsynthError("This model has no fixed noise that a noise_offset could move.")
            return None
        if given is None:
            return self.draw(seed, count)[1]
        try:
            array = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given)
        except ValueError:  # rows of unequal lengths
            array = np.array(None)
        if array.dtype.kind not in "iu" or array.shape not in ((2,), (count, 2)):
            raise SemsynthError(
                f"A noise_offset holds integers (int64), of shape (2,) or ({count}, 2) here; "
                f"this is {array.dtype} of shape {array.shape}."
            )
        return torch.from_numpy(array.astype(np.int64)).expand(count, 2)

    def read_style(self, style: "StyleLike", style_dim: int) -> Tensor:
        """A style as (Z,) or (N, Z) float32.

        Raises:
            SemsynthError: It is no style of this network.
        """
        if isinstance(style, str) and style in self.named:
            return self.named[style]
        if isinstance(style, str) and not _exists(style):
            known = ", ".join(self.named) or "none"
            near = difflib.get_close_matches(style, self.named, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise SemsynthError(
                f"{style!r} is neither a photograph nor a style of this model ({known}).{hint}"
            )
        if _is_photo(style):
            return self.encode(cast(PhotoLike, style))
        try:
            array = np.asarray(style.detach().cpu().float() if isinstance(style, Tensor) else style)
            vectors = torch.from_numpy(array.astype(np.float32))
        except (TypeError, ValueError):  # texts, None, rows of unequal lengths
            raise SemsynthError(
                f"A style is numbers, a name or a photograph; {str(style)[:80]} is none."
            ) from None
        if vectors.dim() not in (1, 2) or vectors.shape[-1] != style_dim or not is_style(vectors):
            raise SemsynthError(
                f"A style is ({style_dim},) or (N, {style_dim}) finite numbers of at most "
                f"{MAX_NUMBER:,.0f}; got {tuple(vectors.shape)}, {array.dtype}."
            )
        return vectors

    def name_of(self, style: "StyleLike | None") -> str | None:
        """What a record calls a style: its name, or that it came from a photograph; None otherwise."""
        if isinstance(style, Mapping):
            return "a style per class"
        if isinstance(style, str) and style in self.named:
            return style
        return "photograph" if style is not None and _is_photo(style) else None


def is_random(style: "StyleLike | None") -> bool:
    """Whether a seed decides on a style: where none is given, or none for the rest of the classes."""
    return style is None or (isinstance(style, Mapping) and style.get(REST) is None)


def _is_photo(style: object) -> bool:
    """Whether what was given for a style, and is no name, is a photograph; numbers are a vector."""
    if isinstance(style, (Tensor, np.ndarray)):
        return style.ndim == 3
    return not isinstance(style, (list, tuple))


def _exists(path: str) -> bool:
    try:
        return Path(path).exists()
    except (OSError, ValueError):  # what is too long for a name, or holds a NUL character
        return False
