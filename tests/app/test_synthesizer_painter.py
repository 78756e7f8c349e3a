"""The painter that ships: a real network behind the application."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from starlette.testclient import TestClient

from semsynth.app.engine import Engine, PaintResult, PhotoAnalysis, PhotoJob
from semsynth.app.protocol import Format, PaintJob, parse_settings
from semsynth.app.server import create_app
from semsynth.app.settings import ClassStyles, MixStyle, NamedStyle, SeedStyle, Settings, VectorStyle
from semsynth.app.synthesizer_painter import SynthesizerPainter, load_painter, mix
from semsynth.app.worker import Worker
from semsynth.errors import SemsynthError
from semsynth.evaluation.bundled import PRETRAINED
from tests.app.conftest import TOKEN


@pytest.fixture(scope="module")
def painter(small_model: Path) -> SynthesizerPainter:
    return load_painter(small_model)


@pytest.fixture(scope="module")
def labels() -> np.ndarray:
    return np.random.default_rng(0).integers(1, 33, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)


def test_describes_the_model(painter: SynthesizerPainter) -> None:
    found = painter.describe()
    assert (found.name, found.image_size, found.style_dim) == ("small", (64, 64), 16)
    assert [item.name for item in found.styles] == ["first"]
    assert found.encodes
    assert found.segments == any(PRETRAINED.glob("*/segmenter.json"))


def test_a_seed_paints_what_the_synthesizer_paints(painter: SynthesizerPainter, labels: np.ndarray) -> None:
    for seed in (0, 7, 2**32 - 1):
        expected = painter.synthesizer(labels.astype(np.int64), seed=seed).pictures()[0]
        assert np.array_equal(painter.paint(labels, SeedStyle(seed=seed))[0], np.asarray(expected))
        vector = painter.style(SeedStyle(seed=seed)).tolist()
        same = painter.paint(labels, VectorStyle(vector=vector, variation=seed))[0]
        assert np.array_equal(same, np.asarray(expected))


def test_classes_have_styles_of_their_own(painter: SynthesizerPainter, labels: np.ndarray) -> None:
    given = '{"style": {"classes": {"sky": {"name": "first"}, "3": {"seed": 4}}, "rest": {"seed": 7}}}'
    style = parse_settings(given).style
    assert isinstance(style, ClassStyles)
    picture, record = painter.paint(labels, style)
    expected = painter.synthesizer(labels.astype(np.int64), {"sky": "first", 3: 4, "rest": 7}, seed=7)
    assert np.array_equal(picture, np.asarray(expected.pictures()[0]))
    assert record.class_vectors == expected.record().class_vectors
    wrong = ClassStyles(classes={"skyy": SeedStyle(seed=1)})
    with pytest.raises(SemsynthError, match="did you mean 'sky'"):
        painter.paint(labels, wrong)


def test_mixing_ends_at_both_styles(painter: SynthesizerPainter) -> None:
    parts = (SeedStyle(seed=1), NamedStyle(name="first"))
    for amount, part in zip((0.0, 1.0), parts, strict=True):
        assert torch.allclose(
            painter.style(MixStyle(mix=parts, amount=amount)), painter.style(part), atol=1e-6
        )
    rows = np.random.default_rng(0).integers(1, 33, (8, 8), np.uint8).repeat(8, 0).repeat(8, 1)
    varied = (NamedStyle(name="first", variation=3), SeedStyle(seed=9))
    start = painter.paint(rows, MixStyle(mix=varied, amount=0.0))[0]
    assert np.array_equal(start, painter.paint(rows, varied[0])[0])
    first, second = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    assert torch.isclose(mix(first, second, 0.5).norm(), (first.norm() + second.norm()) / 2)
    assert mix(first, -first, 0.5).isfinite().all()


def test_a_style_is_never_a_path(painter: SynthesizerPainter, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.new("RGB", (64, 64)).save(path)
    with pytest.raises(SemsynthError, match="no style"):
        painter.style(NamedStyle(name=str(path)[-64:]))
    with pytest.raises(SemsynthError, match="16 numbers"):
        painter.style(VectorStyle(vector=[1.0]))


def test_a_photo_has_one_style_by_command_line_and_page(
    small_model: Path, painter: SynthesizerPainter, tmp_path: Path
) -> None:
    pixels = np.random.default_rng(4).integers(0, 256, (60, 140, 3), np.uint8)
    lying = Image.fromarray(pixels)
    lying.getexif()[0x0112] = 6  # the camera was turned
    lying.save(tmp_path / "photo.png", exif=lying.getexif())
    turned = Image.fromarray(np.rot90(pixels, -1).copy())
    app = create_app(Worker(partial(load_painter, small_model)), token=TOKEN, folder=tmp_path)
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost"}
    with TestClient(app, headers=headers) as client:
        answer = client.post("/api/styles", files={"photo": (tmp_path / "photo.png").read_bytes()})
    assert answer.json()["vector"] == painter.synthesizer.encode_style(turned).tolist()


def test_the_engine_edits_only_where_labels_changed(painter: SynthesizerPainter, labels: np.ndarray) -> None:
    engine = Engine(painter)
    photo = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    analysis = engine.run(PhotoJob(photo, labels=labels))
    assert isinstance(analysis, PhotoAnalysis)
    assert len(analysis.vector) == 16
    after = labels.copy()
    after[:16, :16] = 25
    settings = Settings(style=VectorStyle(vector=analysis.vector), photo=analysis.key, feather=4)
    painted = engine.run(PaintJob(after, settings, Format.RGB))
    assert isinstance(painted, PaintResult)
    pixels = np.frombuffer(painted.data, np.uint8).reshape(64, 64, 3)
    assert np.array_equal(pixels[24:], photo[24:])
    assert not np.array_equal(pixels[:16, :16], photo[:16, :16])
