"""How a picture was made: written by every door, read by every door, and the picture is drawn again."""

import io
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from semsynth.cli import main
from semsynth.data import load_dataset
from semsynth.errors import SemsynthError
from semsynth.hub.record import KEY, read_record, record_of
from semsynth.images import png_bytes
from semsynth.pipeline import Synthesizer
from tests.small import SPACE, small_folder, small_model

TOKEN = "a-token-for-tests-a-token-for-tests"


def scene(side: int = 64) -> np.ndarray:
    ids = np.zeros((side, side), np.uint8)
    ids[side // 2 :] = 2
    ids[side // 4 : side // 2, side // 3 :] = 1
    return ids


def png(texts: dict[str, str]) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        info.add_itxt(key, text)
    return png_bytes(Image.new("RGB", (16, 16)), pnginfo=info)


def pixels(data: bytes | Path) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data) if isinstance(data, bytes) else data))


def test_a_record_reads_back() -> None:
    result = Synthesizer(small_model(), device="cpu")(scene(), "noon", num_images=2)
    record = result.record(1)
    assert (record.style, record.number, record.label_set, record.size) == ("noon", 2, "park", [64, 64])
    data = png_bytes(result.pictures()[1], pnginfo=record.png_info())
    assert record_of(Image.open(io.BytesIO(data))) == record
    with pytest.raises(SemsynthError, match="does not say how it was made"):
        read_record(data)  # a model that was never stored has no name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"model": 3}',
        '{"vector": "abc"}',
        '{"seed": "1"}',
        "[" * 10_000,
        "null",
        r'{"model": "\ud800"}',
    ],
)
def test_damaged_records_are_none(text: str) -> None:
    with pytest.raises(SemsynthError, match="does not say how it was made"):
        read_record(png({KEY: text}))


def test_old_records_are_read() -> None:
    made = {"model": "park", "label_set": "park", "vector": [1.5], "shift": [3, 4], "size": [8, 9], "seed": 2}
    record = read_record(png({KEY: json.dumps(made)}))
    assert record.arguments() == {"style": [1.5], "noise_offset": [3, 4], "seed": 2, "size": [8, 9]}
    for look, style, seed in (
        ({"seed": 7}, None, 7),
        ({"name": "noon", "variation": 3}, "noon", 3),
        ({"vector": [0.5]}, [0.5], 0),
    ):
        page = {"model": "park", "labels": "park", "settings": {"look": look, "feather": 8}}
        record = read_record(png({"semsynth": json.dumps(page)}))
        assert (record.model, record.label_set) == ("park", "park")
        assert record.settings == {"style": look, "feather": 8}
        wanted = {"style": style, "noise_offset": None, "seed": seed, "size": None}
        assert record.arguments() == wanted


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_folder(tmp_path / "park")


@pytest.fixture
def client(folder: Path, tmp_path: Path) -> Iterator[Any]:
    """The painting application, with the small model in float32."""
    pytest.importorskip("fastapi", reason="the application's packages are not installed")
    from fastapi.testclient import TestClient

    from semsynth.app.server import create_app
    from semsynth.app.synthesizer_painter import load_painter
    from semsynth.app.worker import Worker

    worker = Worker(partial(load_painter, folder, None, "float32"))
    headers = {"Authorization": f"Bearer {TOKEN}", "Host": "localhost"}
    with TestClient(create_app(worker, token=TOKEN, folder=tmp_path), headers=headers) as found:
        yield found


def test_every_door_draws_the_same_of_a_map(client: Any, folder: Path, tmp_path: Path) -> None:
    """A map whose colours JPEG has blurred, larger than the model, at two sizes; and what was made of it."""
    (tmp_path / "data" / "labels").mkdir(parents=True)
    (tmp_path / "data" / "images").mkdir()
    path = tmp_path / "data" / "labels" / "meadow.jpg"
    Image.fromarray(SPACE.colorize(scene(144))).save(path, quality=60)
    Image.new("RGB", (144, 144)).save(tmp_path / "data" / "images" / "meadow.png")
    synthesizer = Synthesizer.from_pretrained(folder, precision="float32")
    sample = load_dataset(tmp_path / "data", label_space=SPACE).read(0)
    for size in (None, (64, 80)):
        expected = np.asarray(synthesizer(path, seed=7, size=size).pictures()[0])
        out = tmp_path / f"out{size}"
        words = ("synthesize", path, "-o", out, "--model", folder, "--seed", 7)
        sized = () if size is None else ("--size", f"{size[0]}x{size[1]}")
        assert main([str(word) for word in (*words, *sized)]) == 0
        assert np.array_equal(pixels(out / "meadow.png"), expected)
        evaluated = synthesizer(sample.labels, None, seed=7, size=size)
        assert np.array_equal(np.asarray(evaluated.pictures()[0]), expected)
        form = {"seed": "7"} | ({} if size is None else {"height": str(size[0]), "width": str(size[1])})
        answer = client.post("/api/synthesize", files={"map": path.read_bytes()}, data=form)
        assert answer.status_code == 200, answer.text
        assert np.array_equal(pixels(answer.content), expected)


@pytest.mark.parametrize(
    "style",
    [{"seed": 5}, {"name": "noon", "variation": 3}, {"mix": [{"seed": 1}, {"name": "dusk"}], "amount": 0.3}],
)
def test_a_picture_of_the_page_is_drawn_again(
    client: Any, folder: Path, tmp_path: Path, style: dict[str, Any]
) -> None:
    Image.fromarray(scene()).save(tmp_path / "map.png")
    files = {"map": (tmp_path / "map.png").read_bytes()}
    answer = client.post("/api/synthesize", files=files, data={"settings": json.dumps({"style": style})})
    assert answer.status_code == 200, answer.text
    (tmp_path / "page.png").write_bytes(answer.content)
    record = read_record(tmp_path / "page.png")
    assert record.model == "park", "and not its path, which is the server's business"
    assert record.settings is not None
    assert record.settings["feather"] == 8
    synthesizer = Synthesizer.from_pretrained(folder, precision=record.precision)  # type: ignore[arg-type]
    again = synthesizer(tmp_path / "map.png", **record.arguments())
    assert np.array_equal(np.asarray(again.pictures()[0]), pixels(answer.content))
    words = ("synthesize", tmp_path / "map.png", "-o", tmp_path / "out", "--like", tmp_path / "page.png")
    assert main([str(word) for word in (*words, "--model", folder)]) == 0
    assert np.array_equal(pixels(tmp_path / "out" / "map.png"), pixels(answer.content))


def test_a_picture_is_no_map(client: Any, folder: Path) -> None:
    result = Synthesizer.from_pretrained(folder)(scene(), seed=1)
    data = png_bytes(result.pictures()[0], pnginfo=result.record().png_info())
    answer = client.post("/api/maps/read", files={"map": data})
    assert (answer.status_code, answer.json()["code"]) == (400, "looks-like-a-picture")
