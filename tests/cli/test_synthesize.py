"""`semsynth synthesize`: what is written where, and that one bad file spoils nothing."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from semsynth.cli import main
from semsynth.cli.jobs import plan
from semsynth.errors import SemsynthError
from semsynth.hub.record import KEY, read_record
from semsynth.labels import LabelSpace, write_label_map
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
        settings = json.loads(picture.text[KEY])  # type: ignore[attr-defined]
    assert settings["seed"] == 7
    assert settings["label_set"] == "park"
    assert settings["model"] == model
    assert settings["style"] is None
    assert capsys.readouterr().out == f"1 image of 1 label map in {out} (seed 7)\n"


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
        record, pixels = read_record(path), np.asarray(Image.open(path))
        assert record.precision == precision
        synthesizer = Synthesizer.from_pretrained(record.model, precision=record.precision)
        again = synthesizer(masks / str(record.labels), **record.arguments())
        assert np.array_equal(np.asarray(again.pictures()[0]), pixels)
        assert run(masks / "a.png", "-o", tmp_path / path.stem, "--like", path) == 0
        assert np.array_equal(np.asarray(Image.open(tmp_path / path.stem / "a.png")), pixels)


def test_a_picture_to_draw_like_must_say_how_it_was_made(
    masks: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(masks / "a.png", "-o", tmp_path / "out", "--like", masks / "a.png") == 2
    assert "does not say how it was made" in capsys.readouterr().err
    assert run(masks / "a.png", "-o", tmp_path / "out", "--like", masks / "a.png", "--seed", 1) == 2
    assert "leave out --style, --style-seed, --seed, --num" in capsys.readouterr().err


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
    assert "4 images of 4 label maps" in said.out
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
    assert "rgba.png" not in said.err  # nothing of it is transparent
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
        (["masks/a.png", "--device", "banana"], "The device 'banana' cannot be used"),
        (["masks/a.png", "--model", "nothing"], "There is no model 'nothing'"),
        (["masks/a.png", "masks/more/a.png"], "would both be written to"),
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
    assert "which is read" in capsys.readouterr().err
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
    named = {j.source.relative_to(masks).as_posix(): j.instances for j in jobs}
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


def test_names_that_are_not_utf_8_are_drawn(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = Path(os.fsdecode(os.fsencode(masks) + b"/caf\xe9.png"))
    (masks / "a.png").rename(odd)
    assert run(masks, "-o", tmp_path / "out", "--model", model, "--seed", 1) == 0
    assert [os.fsencode(name) for name in files(tmp_path / "out")] == [b"b.png", b"caf\xe9.png"]
    with Image.open(tmp_path / "out" / odd.name) as picture:
        assert json.loads(picture.text[KEY])["labels"] == r"caf\xe9.png"  # type: ignore[attr-defined]
    odd.write_bytes(b"broken")
    assert run(odd, "-o", tmp_path / "other", "--model", model) == 2


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_name_can_be_printed_under_any_encoding(masks: Path, tmp_path: Path, encoding: str) -> None:
    (masks / "a.png").rename(Path(os.fsdecode(os.fsencode(masks) + b"/\xff \xe6\xbc\xa2 [b]%s.png")))
    command = [sys.executable, "-m", "semsynth", "data", "check", str(tmp_path)]
    (masks / "b.png").unlink()
    (tmp_path / "images").mkdir()
    masks.rename(tmp_path / "labels")
    surroundings = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=surroundings, check=False)
    assert done.returncode == 2
    assert b"Traceback" not in done.stderr
    assert b"do not pair" in done.stderr or b"label map" in done.stderr


def test_an_error_of_any_kind_stops_no_other_map(
    masks: Path,
    tmp_path: Path,
    model: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = Synthesizer.__call__

    def draw(synthesizer: Synthesizer, labels: Path, **options: Any) -> object:
        if labels.name == "a.png":
            raise ZeroDivisionError("by nought")
        return whole(synthesizer, labels, **options)

    monkeypatch.setattr(Synthesizer, "__call__", draw)
    assert run(masks, "-o", tmp_path / "out", "--model", model) == 2
    assert files(tmp_path / "out") == ["b.png"]
    assert "a.png: ZeroDivisionError: by nought" in capsys.readouterr().err

    def interrupt(synthesizer: Synthesizer, labels: Path, **options: Any) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(Synthesizer, "__call__", interrupt)
    assert run(masks, "-o", tmp_path / "more", "--model", model) == 130


def test_pictures_are_not_overwritten_unasked(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run(masks / "a.png", "-o", out, "--model", model, "--seed", 1) == 0
    before = (out / "a.png").read_bytes()
    assert run(masks, "-o", out, "--model", model, "--seed", 2) == 2
    said = capsys.readouterr().err
    assert f"1 of the 2 files to be written exist already, such as {out / 'a.png'}" in said
    assert "--overwrite" in said
    assert files(out) == ["a.png"]
    assert run(masks, "-o", out, "--model", model, "--seed", 2, "--skip-existing") == 0
    assert "1 label map skipped" in capsys.readouterr().out
    assert ((out / "a.png").read_bytes(), files(out)) == (before, ["a.png", "b.png"])
    assert run(masks, "-o", out, "--model", model, "--seed", 2, "--overwrite") == 0
    assert (out / "a.png").read_bytes() != before
    assert run(masks, "-o", out, "--model", model, "--skip-existing", "--grid") == 2


def test_hidden_folders_and_links(masks: Path, tmp_path: Path, model: str) -> None:
    (masks / ".ipynb_checkpoints").mkdir()
    (masks / ".ipynb_checkpoints" / "a-checkpoint.png").write_bytes((masks / "a.png").read_bytes())
    (masks / "linked").symlink_to(masks / "more")
    jobs = plan([masks], tmp_path / "out", recursive=True)
    assert [job.source.relative_to(masks).as_posix() for job in jobs] == [
        "a.png",
        "b.png",
        "linked/a.png",
        "more/a.png",
    ]
    (masks / "only").mkdir()
    (masks / "only" / "n.txt").touch()
    with pytest.raises(SemsynthError, match=r"no image files.*it holds files: \.txt \(1\)"):
        plan([masks / "only"], tmp_path / "out")


def test_two_instance_maps_of_one_name_are_refused(masks: Path, tmp_path: Path) -> None:
    for ending in ("png", "tif"):
        (tmp_path / f"a.{ending}").touch()
    with pytest.raises(SemsynthError, match="have one name"):
        plan([masks / "a.png"], tmp_path / "out", instances=tmp_path)


def test_maps_of_another_label_set_are_read_by_the_names_of_classes(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    order = [2, 0, 1, *range(3, SPACE.num_classes)]
    classes = [{"name": SPACE.names[i], "color": [10 * n + 1, 200, n]} for n, i in enumerate(order)]
    (tmp_path / "other.json").write_text(json.dumps({"name": "other", "classes": classes}))
    other = LabelSpace.from_file(tmp_path / "other.json")
    ids = scene()
    write_label_map(tmp_path / "drawn.png", np.argsort(order)[ids], other)
    Image.fromarray(other.colorize(np.argsort(order)[ids])).save(tmp_path / "drawn.png")
    own = ("--model", model, "--seed", 1)
    assert run(tmp_path / "drawn.png", "-o", tmp_path / "none", *own) == 2
    assert "name that with --label-set" in capsys.readouterr().err
    assert run(tmp_path / "drawn.png", "-o", tmp_path / "one", *own, "--labels", tmp_path / "other.json") == 0
    assert "by name" in capsys.readouterr().err
    assert run(masks / "a.png", "-o", tmp_path / "two", *own) == 0
    pictures = [np.asarray(Image.open(tmp_path / p)) for p in ("one/drawn.png", "two/a.png")]
    assert np.array_equal(*pictures)
    classes[0]["name"] = "lava"
    (tmp_path / "other.json").write_text(json.dumps({"name": "other", "classes": classes}))
    assert (
        run(tmp_path / "drawn.png", "-o", tmp_path / "three", *own, "--labels", tmp_path / "other.json") == 2
    )
    assert "holds lava of label set 'other', which the model cannot draw" in capsys.readouterr().err


def test_styles_of_classes(
    masks: Path, tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    options = ("--model", model, "--style-seed", "sky=3", "--style-seed", "rest=4", "--seed", 7)
    assert run(masks / "b.png", "-o", out, *options) == 0
    assert run(masks / "b.png", "-o", again, "--like", out / "b.png") == 0
    assert (out / "b.png").read_bytes() == (again / "b.png").read_bytes()
    twice = ("--style-seed", "sky=3", "--style-seed", "sky=4")
    assert run(masks / "b.png", "-o", tmp_path / "no", "--model", model, *twice) == 2
    assert "two styles for 'sky'" in capsys.readouterr().err
