"""The settings of a picture that a client sends along with its label map."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from semsynth.hub import compat
from semsynth.hub.record import MAX_SEED


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


StyleNumber = Annotated[FiniteFloat, Field(ge=-1e4, le=1e4)]
"""A number of a style code. Those of photographs lie within a few units of 0."""


class SeedStyle(_Strict):
    """A random style, the same for the same seed."""

    seed: int = Field(ge=0, le=MAX_SEED)


class _Varied(_Strict):
    """A style with the number of a variation, which gives the offset of the fixed noise."""

    variation: int = Field(default=0, ge=0, le=MAX_SEED)


class NamedStyle(_Varied):
    """One of the styles that came with the model."""

    name: str = Field(min_length=1, max_length=64)


class VectorStyle(_Varied):
    """A style code, as the style encoder made it of a photograph."""

    vector: list[StyleNumber] = Field(min_length=1, max_length=1024)


PlainStyle = SeedStyle | NamedStyle | VectorStyle


class MixStyle(_Strict):
    """Something between two styles: 0 is the first, 1 the second. Its variation is the first one's."""

    mix: tuple[PlainStyle, PlainStyle]
    amount: float = Field(ge=0.0, le=1.0)


OneStyle = PlainStyle | MixStyle


class ClassStyles(_Strict):
    """Styles by class, named or numbered, and that of all others, which gives the variation too."""

    classes: dict[Annotated[str, Field(max_length=64)], OneStyle] = Field(max_length=256)
    rest: OneStyle = SeedStyle(seed=0)


StyleChoice = OneStyle | ClassStyles


class Settings(_Strict):
    """Everything about a picture but its map.

    Attributes:
        style: The style.
        photo: Key of a photograph handed in before; the picture then changes only where the map does.
        feather: Width in pixels of the soft rim around a change of a photograph.
        everywhere: Paint the whole photograph anew, not only where its map changed.
        repaint: Where a photograph is painted anew although its map is the same: numbers of pixels, row by
            row, by turns left as they are and painted.
    """

    style: StyleChoice = SeedStyle(seed=0)
    photo: str | None = Field(default=None, pattern=r"^[0-9a-f]{32}$")
    feather: int = Field(default=8, ge=0, le=64)
    everywhere: bool = False
    repaint: tuple[Annotated[int, Field(ge=0, le=1 << 24)], ...] = Field(default=(), max_length=8192)

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, settings: Any) -> Any:
        return compat.project(settings)


def explain(error: ValidationError) -> str:
    """Say in a few words what a validation error is about, without repeating the input."""
    parts = []
    for item in error.errors(include_url=False, include_input=False, include_context=False)[:3]:
        place = ".".join(str(p) for p in item["loc"] if not str(p).endswith("Style")) or "the text"
        parts.append(f"{place}: {item['msg'].lower()}")
    return "; ".join(parts)
