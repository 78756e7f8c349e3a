"""`semsynth synthesize`: what is written where, and that one bad file spoils nothing."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.cli.jobs import plan
from semsynth.cli.synthesize import TEXT_KEY
from semsynth.errors import SemsynthError
from semsynth.labels import write_label_map
from semsynth.pipeline import Synthesizer
from tests.small import SPACE, small_folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(small_folder(tmp_path_factory.mktemp("models") / "park"))


def scene(height: int = 40, width: int = 48) -> np.ndarray:
    ids = np.zeros((height, width), np.int64)
    ids[height // 2 :] = 2
    ids[height // 3 :, : width // 3] = 1
    return ids


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    folder = tmp_path / "masks"
    (folder / "more").mkdir(parents=True)
    write_label_map(folder / "a.png", scene(), SPACE)
    write_label_map(folder / "b.png", scene(33, 70), SPACE)
    write_label_map(folder / "more" / "a.png", scene(), SPACE)
    (folder / "notes.txt").write_text("not a map")
    return folder


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def run(*arguments: object) -> int:
    return main(["synthesize", *map(str, arguments)])


def test_a_file(masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out" / "deep"
    assert run(masks / "b.png", "-o", out, "--model", model, "--seed", 7) == 0
    assert files(out) == ["b.png"]
    with Image.open(out / "b.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (70, 33))
        settings = json.loads(picture.text[TEXT_KEY])  # type: ignore[attr-defined]
    assert settings["seed"] == 7
    assert settings["label_set"] == "park"
    assert settings["model"] == model
    assert settings["style"] is None
    assert capsys.readouterr().out == f"1 picture of 1 label map in {out} (seed 7)\n"


def test_a_folder_and_many_pictures(masks: Path, tmp_path: Path, model: str) -> None:
    out = tmp_path / "out"
    assert run(masks, "-o", out, "--model", model, "--num", 2, "--recursive", "--grid", "--seed", 1) == 0
    assert files(out) == [
        "a_1.png",
        "a_2.png",
        "b_1.png",
        "b_2.png",
        "more/a_1.png",
        "more/a_2.png",
        "sheet.png",
    ]
    assert (out / "a_1.png").read_bytes() != (out / "a_2.png").read_bytes()
    with Image.open(out / "sheet.png") as sheet:
        assert sheet.height == 3 * 192 + 2 * 4
    assert run(masks, "-o", tmp_path / "flat", "--model", model) == 0
    assert files(tmp_path / "flat") == ["a.png", "b.png"]


def test_same_seed_same_bytes(masks: Path, tmp_path: Path, model: str) -> None:
    for out, seed in (("one", 3), ("two", 3), ("other", 4)):
        assert run(masks / "a.png", "-o", tmp_path / out, "--model", model, "--seed", seed) == 0
    one, two, other = ((tmp_path / out / "a.png").read_bytes() for out in ("one", "two", "other"))
    assert one == two != other


def test_a_reported_seed_draws_again(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(masks / "a.png", "-o", tmp_path / "one", "--model", model) == 0
    seed = capsys.readouterr().out.rpartition("seed ")[2].strip(")\n")
    assert run(masks / "a.png", "-o", tmp_path / "two", "--model", model, "--seed", seed) == 0
    assert (tmp_path / "one/a.png").read_bytes() == (tmp_path / "two/a.png").read_bytes()


def test_styles_and_sizes(masks: Path, tmp_path: Path, model: str) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (90, 50), "orange").save(photo)
    for number, style in enumerate(("noon", "dusk", photo)):
        out = tmp_path / str(number)
        assert run(masks / "a.png", "-o", out, "--model", model, "--style", style, "--size", "64x80") == 0
        with Image.open(out / "a.png") as picture:
            assert picture.size == (80, 64)
    pictures = {(tmp_path / str(number) / "a.png").read_bytes() for number in range(3)}
    assert len(pictures) == 3


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("style", ["photo.jpg", "noon", None])
def test_a_picture_is_drawn_again_by_its_settings(
    masks: Path, tmp_path: Path, model: str, style: str | None, precision: str
) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "photo.jpg")
    given = {"photo.jpg": ("--style", tmp_path / "photo.jpg"), "noon": ("--style", "noon"), None: ()}[style]
    out = tmp_path / "out"
    drawn = ("--num", 2, "--size", "64x80", "--precision", precision)
    assert run(masks / "a.png", "-o", out, "--model", model, *given, *drawn) == 0
    for path in out.iterdir():
        with Image.open(path) as picture:
            made = json.loads(picture.text[TEXT_KEY])  # type: ignore[attr-defined]
            pixels = np.asarray(picture)
        assert made["precision"] == precision
        synthesizer = Synthesizer.from_pretrained(made["model"], precision=made["precision"])
        vector, shift = torch.tensor(made["vector"]), torch.tensor(made["shift"])
        again = synthesizer(masks / made["labels"], vector, shift=shift, size=made["size"])
        assert np.array_equal(np.asarray(again.pictures()[0]), pixels)


def test_a_bad_file_does_not_stop_the_others(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (masks / "text.png").write_text("hello")
    (masks / "empty.png").touch()
    Image.new("L", (1, 1)).save(masks / "dot.png")
    Image.new("L", (10, 30_000)).save(masks / "long.png")
    Image.fromarray(np.full((40, 40), 77, np.uint8)).save(masks / "range.png")
    colours = Image.fromarray(SPACE.colorize(scene()))
    colours.convert("RGBA").save(masks / "rgba.png")
    colours.save(masks / "lossy.jpg", quality=70)
    out = tmp_path / "out"
    assert run(masks, "-o", out, "--model", model, "--seed", 0) == 2
    assert files(out) == ["a.png", "b.png", "lossy.png", "rgba.png"]
    said = capsys.readouterr()
    assert "4 pictures of 4 label maps" in said.out
    assert "not drawn (5 of 9 label maps)" in said.err
    for name, reason in (
        ("text.png", "no image format known"),
        ("empty.png", "empty (0 bytes)"),
        ("dot.png", "8 pixels a side"),
        ("long.png", "16384"),
        ("range.png", "77 (1,600 pixels)"),
    ):
        line = next(line for line in said.err.splitlines() if name in line)
        assert reason in line
    assert "lossy.jpg: JPEG changes values" in said.err
    assert "rgba.png: The alpha channel was dropped." in said.err
    assert (out / "rgba.png").read_bytes() != b""


@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["nowhere.png"], "nowhere.png does not exist"),
        (["masks/more/../..", "--num", "0"], "--num is 0"),
        (
            ["masks/a.png", "--style", "midnight"],
            "neither a photograph nor a style of this model (noon, dusk)",
        ),
        (["masks/a.png", "--device", "banana"], "the device 'banana' cannot be used"),
        (["masks/a.png", "--model", "nothing"], "there is no model 'nothing'"),
        (["masks/a.png", "masks/more/a.png"], "would both be drawn to"),
        (["masks/a.png", "--instances", "masks/more/.."], None),
        (["masks/b.png", "--instances", "masks/more"], "no instance map named b.png"),
        (["empty"], "holds no image files (--recursive"),
    ],
)
def test_refused_before_anything_is_written(
    masks: Path,
    tmp_path: Path,
    model: str,
    arguments: list[str],
    pattern: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    own = [] if "--model" in arguments else ["--model", model]
    code = run(*arguments, "-o", "out", *own)
    if pattern is None:
        assert code == 0
        return
    assert code == 2
    error = capsys.readouterr().err
    assert pattern in error
    assert error.startswith("semsynth: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_label_maps_are_never_overwritten(
    masks: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (masks / "a.png").read_bytes()
    assert run(masks, "-o", masks, "--model", model) == 2
    assert "would overwrite the label map" in capsys.readouterr().err
    assert (masks / "a.png").read_bytes() == before
    (masks / "sheet.png").write_bytes(before)
    assert run(masks / "sheet.png", "-o", masks / "out", "--model", model, "--grid") == 2
    assert "the contact sheet and" in capsys.readouterr().err
    assert not (masks / "out").exists()


def test_plan_keeps_structure_and_pairs_instances(masks: Path, tmp_path: Path) -> None:
    instances = tmp_path / "instances"
    (instances / "more").mkdir(parents=True)
    for name in ("a.png", "b.tif", "more/a.png"):
        (instances / name).touch()
    jobs = plan([masks], tmp_path / "out", recursive=True, instances=instances)
    named = {j.mask.relative_to(masks).as_posix(): j.instances for j in jobs}
    assert named == {
        "a.png": instances / "a.png",
        "b.png": instances / "b.tif",
        "more/a.png": instances / "more/a.png",
    }
    assert [job.outputs[0].relative_to(tmp_path / "out").as_posix() for job in jobs] == list(named)
    (tmp_path / "file").touch()
    with pytest.raises(SemsynthError, match="is a file"):
        plan([masks], tmp_path / "file")


def test_a_full_disk(masks: Path, tmp_path: Path, model: str) -> None:
    """Nothing half-written stays, and the sentence says which picture is missing."""
    out = tmp_path / "out"
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "semsynth",
            "synthesize",
            str(masks / "a.png"),
            "-o",
            str(out),
            "--model",
            model,
        ],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
    )
    assert done.returncode == 2
    assert "a.png cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(out) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_an_unreadable_folder(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    masks.chmod(0)
    try:
        assert run(masks, "-o", tmp_path / "out", "--model", model) == 2
    finally:
        masks.chmod(0o755)
    assert "Permission denied" in capsys.readouterr().err
