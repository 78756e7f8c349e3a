"""Scores, distances, segmenters and protocols: the evaluation of a method, by rules that are written down."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from semsynth.evaluation.evaluation_set import EvaluatedMethod as EvaluatedMethod
    from semsynth.evaluation.evaluation_set import EvaluationSet as EvaluationSet
    from semsynth.evaluation.frechet import Features as Features
    from semsynth.evaluation.frechet import FeatureSpace as FeatureSpace
    from semsynth.evaluation.frechet import Statistics as Statistics
    from semsynth.evaluation.frechet import frechet_distance as frechet_distance
    from semsynth.evaluation.kernel import kernel_distance as kernel_distance
    from semsynth.evaluation.protocol import Protocol as Protocol
    from semsynth.evaluation.protocol import load_protocol as load_protocol
    from semsynth.evaluation.report import Report as Report
    from semsynth.evaluation.run import Evaluation as Evaluation
    from semsynth.evaluation.segmentation import ConfusionMatrix as ConfusionMatrix
    from semsynth.evaluation.segmenters import Segmenter as Segmenter
    from semsynth.evaluation.segmenters import load_segmenter as load_segmenter
    from semsynth.evaluation.two_sample import two_sample_accuracy as two_sample_accuracy

_HOMES = {
    "evaluation_set": ("EvaluatedMethod", "EvaluationSet"),
    "frechet": ("FeatureSpace", "Features", "Statistics", "frechet_distance"),
    "kernel": ("kernel_distance",),
    "protocol": ("Protocol", "load_protocol"),
    "report": ("Report",),
    "run": ("Evaluation",),
    "segmentation": ("ConfusionMatrix",),
    "segmenters": ("Segmenter", "load_segmenter"),
    "two_sample": ("two_sample_accuracy",),
}
"""The public names of each module, which is imported at first use: ``--help`` must not wait for torch."""


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(name for names in _HOMES.values() for name in names)
