"""The one painter that ships: a trained :class:`~semsynth.pipeline.Synthesizer`."""

from pathlib import Path

from semsynth.app.painter import Painter


def load_painter(model: str | Path | None) -> Painter:
    """Load a model folder, or a bundled model by name; None takes the default one."""
    raise NotImplementedError
