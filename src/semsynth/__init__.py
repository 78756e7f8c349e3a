"""Semantic image synthesis: a label map goes in, a photograph comes out.

from semsynth import Synthesizer
Synthesizer.from_pretrained("landscape")("beach.png", seed=7).pictures()[0].save("beach.jpg")
"""

import importlib
from typing import TYPE_CHECKING, Any

from semsynth.ops import processor

processor.prepare()  # before torch computes anything

__version__ = "0.2.0"

if TYPE_CHECKING:
    from semsynth.data import load_dataset as load_dataset
    from semsynth.evaluation.run import Evaluation as Evaluation
    from semsynth.hub.record import read_record as read_record
    from semsynth.labels import LabelSpace as LabelSpace
    from semsynth.models import create_model as create_model
    from semsynth.pipeline import Synthesizer as Synthesizer
    from semsynth.training.loop import train as train

_HOMES = {
    "Synthesizer": "semsynth.pipeline",
    "read_record": "semsynth.hub.record",
    "LabelSpace": "semsynth.labels",
    "create_model": "semsynth.models",
    "load_dataset": "semsynth.data",
    "train": "semsynth.training.loop",
    "Evaluation": "semsynth.evaluation.run",
}
"""Public name → the module it lives in, imported at first use: torch takes a second to load."""

__all__ = [
    "Evaluation",
    "LabelSpace",
    "Synthesizer",
    "__version__",
    "create_model",
    "load_dataset",
    "read_record",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
