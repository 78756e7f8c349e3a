"""An evaluation whose own files are damaged, were replaced, or belong to another process."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.errors import SemsynthError
from semsynth.evaluation.features import FeatureExtractor
from semsynth.evaluation.frechet import FeatureSpace, Statistics
from semsynth.evaluation.report import Report
from semsynth.evaluation.table import table
from semsynth.files.claiming import claimed
from tests.evaluation.scenes import write_protocol, write_scenes
from tests.evaluation.test_run import COUNT, evaluation, grid_extractor, without_times


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_scenes(tmp_path_factory.mktemp("scenes"), {"train": 2, "val": COUNT})
    write_protocol(root / "scenes.toml")
    return root


@pytest.fixture(scope="module")
def whole(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    evaluation(scenes, folder).run()
    return folder


CACHES = ["counts-real", "counts-made", "style-measures"]

DAMAGES = ["empty", "text", "objects", "shapes", "other", "nan", "folder"]


def npz(path: Path, **arrays: object) -> None:
    np.savez(path, **{name: np.asarray(value) for name, value in arrays.items()})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        *(("features-made-grid-0-clean", damage) for damage in DAMAGES),
        *((name, damage) for name in CACHES for damage in ("cut", "shapes", "nan")),
    ],
)
def test_a_damaged_cache_is_made_again_and_said(
    scenes: Path,
    tmp_path: Path,
    whole: Path,
    name: str,
    damage: str,
) -> None:
    evaluation(scenes, tmp_path).run()
    path = tmp_path / "cache" / f"{name}.npz"
    content, held = path.read_bytes(), dict(np.load(path))
    path.unlink()
    if damage == "folder":
        path.mkdir()
        with pytest.raises(SemsynthError, match=path.name):
            evaluation(scenes, tmp_path).run()
        return
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "text":
        path.write_text("no archive")
    elif damage == "objects":
        npz(path, **{key: np.array([{}], dtype=object) for key in held})
    elif damage == "shapes":
        npz(path, **{key: np.zeros((3, 2)) if key != "of" else value for key, value in held.items()})
    elif damage == "other":
        npz(path, a=1)
    elif name.startswith("features"):
        npz(path, **{key: value * np.nan if key == "values" else value for key, value in held.items()})
    else:
        npz(path, **{key: np.full(value.shape, "x") for key, value in held.items()})
    said: list[str] = []
    evaluation(scenes, tmp_path, log=said.append).run()
    assert [name in sentence and "made again" in sentence for sentence in said] == [True]
    assert without_times(tmp_path) == without_times(whole)
    again: list[str] = []
    evaluation(scenes, tmp_path, log=again.append).run()
    assert not again


@pytest.mark.parametrize("damage", ["cut", "empty", "size", "replaced"])
def test_scores_and_sheet_are_of_the_pictures_that_are_there(
    scenes: Path,
    tmp_path: Path,
    whole: Path,
    damage: str,
) -> None:
    evaluation(scenes, tmp_path).run()
    path = sorted((tmp_path / "pictures").iterdir())[2]
    content = path.read_bytes()
    if damage == "size":
        Image.new("RGB", (8, 8)).save(path)
    elif damage == "replaced":
        Image.new("RGB", (64, 64), "red").save(path)
    else:
        path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    said: list[str] = []
    evaluation(scenes, tmp_path, log=said.append).run()
    assert path.read_bytes() == content
    if damage == "replaced":  # by another whole picture: it is drawn again too, and the report says so
        again, before = Report.load(tmp_path), Report.load(whole)
        assert again.methods[0].miou == before.methods[0].miou
        assert any("had been changed" in sentence for sentence in again.warnings)
    else:
        assert ["drawn again" in sentence for sentence in said] == [True]
        assert without_times(tmp_path) == without_times(whole)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", "[" * 100_000, "\xff\xfe"])
def test_a_folder_that_does_not_say_whose_it_is_is_refused(
    scenes: Path,
    tmp_path: Path,
    text: str,
) -> None:
    evaluation(scenes, tmp_path).run()
    (tmp_path / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SemsynthError, match=r"run\.json"):
        evaluation(scenes, tmp_path).run()


def test_features_that_are_no_numbers_name_the_picture(scenes: Path, tmp_path: Path) -> None:
    extractor = grid_extractor()
    calls = 0

    def spoilt(x):
        nonlocal calls
        calls += 1
        values = extractor.network(x)
        return values * float("nan") if calls == 2 else values

    spoiling = FeatureExtractor(extractor.space, extractor.side, spoilt)
    wrong = evaluation(scenes, tmp_path)
    wrong.lite2 = spoiling
    with pytest.raises(SemsynthError, match=r"not finite .* for 4 of .*number 5 \(scene_004\) is the first"):
        wrong.run()
    assert not list((tmp_path / "cache").glob("features*"))


def test_only_one_process_evaluates_in_a_folder(scenes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "report"
    with claimed(folder, "evaluates"), pytest.raises(SemsynthError, match="Another process evaluates in"):
        evaluation(scenes, folder).run()
    (folder / "pictures" / "deep").mkdir(parents=True)
    leftover = folder / "pictures" / "deep" / ".a.png.0123abcd.part"
    leftover.write_bytes(b"half")
    evaluation(scenes, folder).run()
    assert not leftover.exists()


@pytest.mark.parametrize("limit", [0, 300, 3_000, 20_000])
def test_a_full_disk_is_a_sentence_and_the_evaluation_goes_on(
    scenes: Path,
    tmp_path: Path,
    whole: Path,
    limit: int,
) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
    try:
        with pytest.raises(SemsynthError, match="cannot be written"):
            evaluation(scenes, tmp_path).run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    evaluation(scenes, tmp_path).run()
    assert without_times(tmp_path) == without_times(whole)
    assert not list(tmp_path.rglob("*.part"))


# ---- reports and statistics


def spoilt(document: dict, *path: object, value: object) -> dict:
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("format",), 2),
        (("format",), None),
        (("methods",), []),
        (("methods",), 3),
        (("methods", 0), []),
        (("methods", 0, "miou"), "high"),
        (("methods", 0, "kid"), {}),
        (("methods", 0, "lite2_kernel"), {"mean": "x"}),
        (("methods", 0, "void_counted"), {}),
        (("methods", 0, "loss_networks"), "vgg19"),
        (("methods", 0, "name"), None),
        (("real", "pictures"), 3.5),
        (("real", "strange"), 1),
        (("protocol",), {}),
        (("protocol", "note"), None),
        (("networks",), {}),
        (("networks", "evaluator"), "x"),
        (("sheet",), [1]),
        (("warnings",), {}),
        (("times",), {"a": "b"}),
    ],
)
def test_a_damaged_report_is_refused_by_name(whole: Path, tmp_path: Path, path: tuple, value: object) -> None:
    document = json.loads((whole / "report.json").read_text(encoding="utf-8"))
    (tmp_path / "report.json").write_text(json.dumps(spoilt(document, *path, value=value)))
    with pytest.raises(SemsynthError, match=r"report\.json"):
        table([Report.load(tmp_path)])


@pytest.mark.parametrize("text", ["", "[]", "3", "{", "[" * 100_000, '{"format": 1, "a": ' * 400, "\xff"])
def test_what_is_no_report_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "report.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(SemsynthError, match=r"report\.json"):
        Report.load(tmp_path)


SPACE = FeatureSpace("grid", "0", "all", "clean", 2)
GOOD = {"mean": np.zeros(2), "covariance": np.eye(2)}


def provenance(**changes: object) -> str:
    space = {"network": "grid", "weights": "0", "layer": "all", "resize": "clean", "dimensions": 2}
    return json.dumps({**space, "count": 40, "source": "x", **changes})


@pytest.mark.parametrize(
    "arrays",
    [
        {"provenance": "no JSON"},
        {"provenance": "[]"},
        {"provenance": "[" * 50_000},
        {"provenance": provenance(strange=1)},
        {"provenance": provenance(dimensions="2")},
        {"provenance": provenance(network=None)},
        {"provenance": provenance(count=1)},
        {"provenance": provenance(count="many")},
        {"provenance": provenance(), "mean": np.zeros(3)},
        {"provenance": provenance(), "covariance": np.zeros((2, 3))},
        {"provenance": provenance(), "covariance": np.full((2, 2), np.inf)},
        {"provenance": provenance(), "mean": np.array(["a", "b"])},
        {"provenance": np.array([{}], dtype=object)},
    ],
    ids=range(13),
)
def test_damaged_statistics_are_refused_by_name(tmp_path: Path, arrays: dict) -> None:
    path = tmp_path / "reference.npz"
    npz(path, **{**GOOD, **arrays})
    with pytest.raises(SemsynthError, match=r"reference\.npz"):
        Statistics.load(path)


@pytest.mark.parametrize("content", [b"", b"junk", b"PK\x03\x04", b"PK\x05\x06" + bytes(18)])
def test_what_are_no_statistics_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reference.npz"
    path.write_bytes(content)
    with pytest.raises(SemsynthError, match=r"reference\.npz"):
        Statistics.load(path)


def test_statistics_are_written_whole(tmp_path: Path) -> None:
    statistics = Statistics(GOOD["mean"], GOOD["covariance"], 40, SPACE, "x")
    statistics.save(tmp_path / "reference.npz")
    loaded = Statistics.load(tmp_path / "reference.npz")
    assert replace(loaded, mean=0, covariance=0) == replace(statistics, mean=0, covariance=0)  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] == ["reference.npz"]
    with pytest.raises(SemsynthError, match="cannot be written"):
        statistics.save(tmp_path / "absent" / "reference.npz")


INTERRUPTED = """
import os, signal, sys, threading, time
from pathlib import Path
from tests.evaluation.test_run import evaluation, painter
from semsynth.evaluation.evaluation_set import EvaluatedMethod
signal.signal(signal.SIGINT, signal.default_int_handler)  # a program in the background may ignore it
base = painter(10.0)
drawn = 0
def draw(*args):
    global drawn
    drawn += 1
    if drawn == 3:
        os.kill(os.getpid(), getattr(signal, sys.argv[3]))
    return base.draw(*args)
method = EvaluatedMethod(base.name, base.fingerprint, draw, True, True, base.loss_networks)
evaluation(Path(sys.argv[1]), Path(sys.argv[2]), method).run()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_an_evaluation_that_is_ended_goes_on(
    scenes: Path,
    tmp_path: Path,
    whole: Path,
    name: str,
) -> None:
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    command = [sys.executable, "-c", INTERRUPTED, str(scenes), str(tmp_path), name]
    done = subprocess.run(command, env=environment, cwd=root, capture_output=True, timeout=120)
    assert done.returncode != 0
    assert len(list((tmp_path / "pictures").iterdir())) == 2
    evaluation(scenes, tmp_path).run()
    assert without_times(tmp_path) == without_times(whole)
