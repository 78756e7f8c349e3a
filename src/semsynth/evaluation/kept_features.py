"""The features of an evaluation's pictures, each set computed once and kept in the report's cache."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from semsynth.evaluation.evaluation_set import EvaluationSet, Pixels
from semsynth.evaluation.features import FeatureExtractor
from semsynth.evaluation.frechet import Features
from semsynth.evaluation.kept import Arrays, DrawnPictures, Step
from semsynth.evaluation.ladder import RUNGS, against_photographs, floors
from semsynth.evaluation.protocol import EvaluatedClasses
from semsynth.evaluation.two_sample import ClassFeatures, class_entries


@dataclass(frozen=True)
class KeptFeatures:
    """Features of the "real" photographs, of the pictures "made" of their maps, and of the ladder's rungs.

    Attributes:
        evaluation_set: The photographs and label maps.
        drawn: The pictures.
        classes: How label maps are numbered.
        step: (name, compute, read, digits of what it is of) → what a step gives, from the cache or anew.
        track: Passes pictures through and moves a progress bar of that description.
    """

    evaluation_set: EvaluationSet
    drawn: DrawnPictures
    classes: EvaluatedClasses
    step: Callable[[str, Callable[[], Arrays], Callable[[Arrays], Any], str], Any]
    track: Callable[[Iterable[Any], str], Iterator[Any]]

    def pictures(self, name: str) -> Iterator[Pixels]:
        """The pictures of a set, (H, W, 3) each."""
        if name == "made":
            return self.drawn.read()
        photos = self.evaluation_set.photos()
        return photos if name == "real" else map(RUNGS[name], photos)

    def of(self, name: str, extractor: FeatureExtractor) -> Features:
        """Features of whole pictures."""
        space, keys = extractor.space, tuple(self.evaluation_set.keys)

        def compute() -> Arrays:
            tracked = self.track(self.pictures(name), f"{space.network}, {name}")
            return {"values": extractor.all(tracked, name, names=keys).values}

        def read(kept: Arrays) -> Features:
            source = f"{self.evaluation_set.protocol.name}, {name}"
            return Features(kept["values"].astype(np.float64), space, source, keys)

        file = f"features-{name.replace(' ', '-')}-{space.network}-{space.weights}-{space.resize}"
        return self._kept(file, name, compute, read)

    def by_class(self, name: str, extractor: FeatureExtractor) -> ClassFeatures:
        """Features of the classes of each picture."""

        def compute() -> Arrays:
            numbers = range(len(self.evaluation_set))
            ids = (self.classes.truth(self.evaluation_set.read(number)[1]) for number in numbers)
            return vars(extractor.by_class(self.track(self.pictures(name), f"classes, {name}"), ids))

        file = f"classes-{name}-{extractor.space.network}-{extractor.space.weights}"
        return self._kept(file, name, compute, lambda kept: ClassFeatures(**kept))

    def ladder(self, extractors: dict[str, FeatureExtractor]) -> dict[str, dict[str, Any]]:
        """Entries of the "real" row, of the "made" row and of each rung.

        Args:
            extractors: By what the names of the entries begin with.
        """
        rows: dict[str, dict[str, Any]] = {name: {} for name in ("real", "made", *RUNGS)}
        for network, extractor in extractors.items():
            real = self.of("real", extractor)
            rows["real"] |= floors(network, real)
            for name in ("made", *RUNGS):
                rows[name] |= against_photographs(network, real, self.of(name, extractor))
        return rows

    def told_by_class(self, extractor: FeatureExtractor) -> dict[str, dict[str, float]]:
        """Which classes give the pictures away, see `class_entries`."""
        made, real = (self.by_class(name, extractor) for name in ("made", "real"))
        return class_entries(made, real, [*self.classes.names, "void"])

    def _kept(
        self, file: str, name: str, compute: Callable[[], Arrays], read: Callable[[Arrays], Step]
    ) -> Step:
        kept: Step = self.step(file, compute, read, self.drawn.digest if name == "made" else "")
        return kept
