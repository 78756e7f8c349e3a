"""What is measured in an evaluation, each as one function from pictures to numbers."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count, islice
from pathlib import Path
from typing import Any

from semsynth.evaluation.evaluation_set import EvaluatedMethod, EvaluationSet, Pixels
from semsynth.evaluation.frechet import (
    Features,
    Statistics,
    at_half_count,
    frechet_distance,
)
from semsynth.evaluation.kernel import kernel_distance, kernel_floor
from semsynth.evaluation.protocol import EvaluatedClasses, Protocol
from semsynth.evaluation.report import Row, score_entries
from semsynth.evaluation.segmentation import ConfusionMatrix
from semsynth.evaluation.segmenters import Segmenter
from semsynth.evaluation.style import Stages, diversity, faithfulness, nearness, to_tensor

Track = Callable[[Iterable[Any]], Iterator[Any]]
"""Passes things through and moves a progress bar."""

BATCH = 2
"""Pictures read at once: the tensors of more are handed back to the system and fetched anew every time."""


def confusion(
    evaluator: Segmenter, classes: EvaluatedClasses, evaluation_set: EvaluationSet, pictures: Iterable[Pixels]
) -> ConfusionMatrix:
    """Read one picture for each label map with the evaluator, in their order."""
    matrix, rest, numbers = ConfusionMatrix(len(classes.names)), iter(pictures), count()
    while batch := list(islice(rest, BATCH)):
        for predicted, number in zip(evaluator(to_tensor(batch)).cpu().numpy(), numbers):
            matrix.add(classes.truth(evaluation_set.read(number)[1]), predicted)
    return matrix


def distances(
    names: Sequence[str], real: Features, made: Features, reference: Statistics | None = None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Distances between photographs and pictures.

    Args:
        names: The entries' names: Fréchet, Fréchet at half of the count, kernel.
        real: Of the photographs.
        made: Of the pictures, in the same order.
        reference: What the Fréchet distance is taken to; the photographs themselves by default.

    Returns:
        Entries of the method's row, and the floors for the photographs' row.
    """
    frechet, half, kernel = names
    mean, deviation = kernel_distance(made, real)
    halves, floor = at_half_count(real, made)
    row = {
        frechet: frechet_distance(made, reference or real),
        half: halves,
        kernel: {"mean": mean, "std": deviation},
    }
    mean, deviation = kernel_floor(real)
    return row, {half: floor, kernel: {"mean": mean, "std": deviation}}


def style_metrics(
    method: EvaluatedMethod, evaluation_set: EvaluationSet, stages: Stages, track: Track
) -> dict[str, float]:
    """Diversity, and where a photograph guides the method, what it follows, on a few maps of the protocol."""
    protocol = evaluation_set.protocol
    step = max(1, len(evaluation_set) // max(1, protocol.style_maps))
    chosen = range(0, len(evaluation_set), step)[: protocol.style_maps]
    groups, guided, unguided, photos, own = [], [], [], [], []
    for place, number in enumerate(track(chosen)):
        _, labels, instances = evaluation_set.read(number)
        seeds = [evaluation_set.seed(number, style) for style in range(protocol.styles_per_map)]
        key = evaluation_set.keys[number]
        groups.append([method.draw(key, labels, instances, None, seed) for seed in seeds])
        if method.takes_photos:
            own.append(chosen[(place + 1) % len(chosen)])  # of another map
            photos.append(evaluation_set.read(own[-1])[0])
            guided.append(method.draw(key, labels, instances, photos[-1], seeds[0]))
            unguided.append(groups[-1][0])
    entries = {"diversity": diversity(groups, stages)}
    if photos:
        faithful = faithfulness(guided, unguided, photos, stages)
        entries |= {"style_colour": faithful.colour, "style_texture": faithful.texture}
        entries["style_nearness"] = nearness(guided, own, evaluation_set.photos())
    scenes = scene_diversity(evaluation_set, stages)
    return entries if scenes is None else entries | {"of_scenes": scenes}


def scene_diversity(evaluation_set: EvaluationSet, stages: Stages) -> float | None:
    """The same distance as diversity between photographs of one scene; None where the protocol has no scenes.

    As many of each scene as there are styles of a label map, evenly spread; scenes of fewer are left out.
    """
    if not evaluation_set.protocol.scenes:
        return None
    scenes: dict[str, list[int]] = {}
    for number, key in enumerate(evaluation_set.keys):
        scenes.setdefault(Path(key).name.partition("_")[0], []).append(number)
    styles = evaluation_set.protocol.styles_per_map
    groups = [
        [evaluation_set.read(numbers[i * len(numbers) // styles])[0] for i in range(styles)]
        for numbers in scenes.values()
        if len(numbers) >= styles > 1
    ]
    return diversity(groups, stages) if groups else None


def row(
    name: str,
    matrix: ConfusionMatrix,
    classes: EvaluatedClasses,
    protocol: Protocol,
    pictures: int,
    **measured: Any,
) -> Row:
    """The row of a report: both void conventions of a confusion matrix, and whatever else was measured."""
    ignored = matrix.scores("ignored", protocol.absent)
    counted = matrix.scores("counted", protocol.absent)
    headline = ignored if protocol.void == "ignored" else counted
    return Row(
        name=name,
        pictures=pictures,
        miou=headline.miou,
        pixel_accuracy=headline.pixel_accuracy,
        mean_accuracy=headline.mean_accuracy,
        void_ignored=score_entries(ignored),
        void_counted=score_entries(counted),
        per_class_iou=dict(zip(classes.names, headline.class_iou)),
        **measured,
    )
