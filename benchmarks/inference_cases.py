"""The variants that `inference.py` measures: what draws, on which maps, and how it is timed."""

import copy
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

import torch
from torch import Tensor

from inference_networks import LabelMap, network
from published import draw, label_planes
from semsynth.inference.choice import engine_for
from semsynth.inference.engine import Engine, Keep
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import native

Draw = Callable[[LabelMap], Tensor]


@dataclass
class Case:
    """One variant: what draws a map, and the milliseconds it took, a list per map."""

    draw: Draw
    maps: list[LabelMap]
    prepare: Draw | None = None
    times: dict[int, list[float]] = field(default_factory=dict)

    def ms(self) -> float:
        """Median over the rounds, mean over the maps."""
        return statistics.mean(statistics.median(times) for times in self.times.values())

    def turn(self, number: int) -> None:
        """One round: every map."""
        for index in range(len(self.maps)):
            self.timed(index)

    def timed(self, index: int) -> None:
        """Draw a map and note how long it took."""
        here = self.maps[index]
        if self.prepare is not None:
            self.prepare(here)
        began = time.perf_counter()
        self.draw(here)
        self.times.setdefault(index, []).append((time.perf_counter() - began) * 1000)


class OneMapARound(Case):
    """For a network that takes as long for every map: all its times count as of one map."""

    def turn(self, number: int) -> None:
        """One round: one map."""
        began = time.perf_counter()
        self.draw(self.maps[number % len(self.maps)])
        self.times.setdefault(0, []).append((time.perf_counter() - began) * 1000)


class Strokes(Case):
    """Strokes on one map a round, each drawn from the picture before it; the median of all strokes counts.

    A stroke is a disc at a random place in a random class of the map, and an instance of its own.
    """

    RADIUS, STROKES = 4, 30

    def __init__(self, generator: SpadeGenerator, maps: list[LabelMap], precision: str) -> None:
        self.engine = engine(generator, precision, "features")
        self.random = torch.Generator().manual_seed(0)
        super().__init__(lambda here: self.engine(here.labels, instances=here.instances), maps)

    def turn(self, number: int) -> None:
        """Begin with another map, and stroke it."""
        here = self.maps[number % len(self.maps)]
        self.draw(here)
        for _ in range(self.STROKES):
            here = self.stroked(here)
            began = time.perf_counter()
            self.draw(here)
            self.times.setdefault(0, []).append((time.perf_counter() - began) * 1000)

    def stroked(self, here: LabelMap) -> LabelMap:
        """The map after one more stroke."""
        height, width = here.labels.shape[1:]
        y, x, choice = (
            int(torch.randint(most, (), generator=self.random)) for most in (height, width, 1 << 30)
        )
        rows, columns = torch.arange(height)[:, None], torch.arange(width)
        disc = ((rows - y) ** 2 + (columns - x) ** 2 <= self.RADIUS**2)[None]
        classes = here.labels.unique()
        labels = here.labels.masked_fill(disc, int(classes[choice % len(classes)]))
        instances = here.instances
        if instances is not None:
            instances = instances.masked_fill(disc, int(instances.max()) + 1)
        return LabelMap(labels, instances)


def from_scratch(engine: Engine, here: LabelMap, style: Tensor | None = None) -> Tensor:
    """Draw with nothing kept from an earlier map."""
    engine.forget()
    return engine(here.labels, style=style, instances=here.instances)


def dense(generator: SpadeGenerator) -> Draw:
    """The network as published."""

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        return draw(generator, label_planes(here.labels, generator.num_classes, here.instances))

    return run


def exact(generator: SpadeGenerator) -> Draw:
    """The network as published in float64, on weights of its own: what errors are measured against."""
    twin = copy.deepcopy(generator).double()

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        return draw(twin, label_planes(here.labels, twin.num_classes, here.instances).double())

    return run


def engine(generator: SpadeGenerator, precision: str, keep: Keep = "tables") -> Engine:
    """Our engine."""
    found = engine_for(generator, precision, keep=keep)  # type: ignore[arg-type]
    assert isinstance(found, Engine)
    return found


@contextmanager
def public_operations() -> Iterator[None]:
    """What SEMSYNTH_NATIVE=0 does."""
    with patch.object(native, "available", return_value=False):
        yield


def fallback(generator: SpadeGenerator, precision: str) -> Draw:
    with public_operations():
        found = engine(generator, precision)

    def run(here: LabelMap) -> Tensor:
        with public_operations():
            return from_scratch(found, here)

    return run


def restyled(name: str, maps: list[LabelMap], precision: str) -> Case:
    """The style changes, the map stays: its tables are kept."""
    generator = network(name, maps, style=True)
    found = engine(generator, precision)
    styles = torch.Generator().manual_seed(0)

    def run(here: LabelMap) -> Tensor:
        style = torch.randn(1, generator.style_dim or 1, generator=styles)
        return found(here.labels, style=style, instances=here.instances)

    return Case(run, maps, prepare=run)
