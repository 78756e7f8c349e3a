"""The example label maps: what the demo and the painting application open first."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from semsynth.labels import LabelSpace, read_label_map

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "src/semsynth/pretrained/landscape/examples"
FILES = sorted(EXAMPLES.glob("*.png"))


@pytest.fixture(scope="module")
def space() -> LabelSpace:
    return LabelSpace.named("siftflow")


@pytest.fixture(scope="module")
def redrawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples")
    subprocess.run([sys.executable, ROOT / "tools/draw_examples.py", folder], check=True)
    return folder


def test_there_are_enough() -> None:
    assert len(FILES) >= 14


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_map_is_complete_and_in_the_label_set(path: Path, space: LabelSpace) -> None:
    reading = read_label_map(path, space)
    assert reading.ids.shape == (256, 256)
    assert not reading.notes
    assert space.void_id not in reading.ids
    assert len(np.unique(reading.ids)) >= 3


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_map_is_what_the_tool_draws(path: Path, redrawn: Path, space: LabelSpace) -> None:
    drawn = read_label_map(redrawn / path.name, space).ids
    differs = (drawn != read_label_map(path, space).ids).mean()
    assert differs < 0.002  # Pillow has changed the rim of polygons by a pixel before


def test_nothing_is_drawn_that_is_not_there(redrawn: Path) -> None:
    assert [path.name for path in FILES] == sorted(path.name for path in redrawn.iterdir())
