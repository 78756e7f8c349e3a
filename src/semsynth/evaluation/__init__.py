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
    from semsynth.evaluation.frechet import kernel_distance as kernel_distance
    from semsynth.evaluation.protocol import Protocol as Protocol
    from semsynth.evaluation.protocol import load_protocol as load_protocol
    from semsynth.evaluation.report import Report as Report
    from semsynth.evaluation.run import Evaluation as Evaluation
    from semsynth.evaluation.segmentation import ConfusionMatrix as ConfusionMatrix
    from semsynth.evaluation.segmenters import Segmenter as Segmenter
    from semsynth.evaluation.segmenters import load_segmenter as load_segmenter

_HOMES = {
    "ConfusionMatrix": "segmentation",
    "Evaluation": "run",
    "FeatureSpace": "frechet",
    "Features": "frechet",
    "EvaluatedMethod": "evaluation_set",
    "Protocol": "protocol",
    "Report": "report",
    "Segmenter": "segmenters",
    "Statistics": "frechet",
    "EvaluationSet": "evaluation_set",
    "frechet_distance": "frechet",
    "kernel_distance": "frechet",
    "load_segmenter": "segmenters",
    "load_protocol": "protocol",
}
"""Public name → the module it lives in, imported at first use: ``--help`` must not wait for torch."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
