"""The benchmarks run on every processor, say at which level, and leave out what it lacks."""

import builtins
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from semsynth.models.spade import SpadeGenerator
from semsynth.ops import processor
from tests.inference.test_engine import network
from tests.ops.test_native import blobs

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def benchmarks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Importable as they are when run: from their own folder."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    yield
    for name in set(sys.modules) - before:
        if (FOLDER / f"{name}.py").exists():
            del sys.modules[name]


@pytest.mark.usefixtures("benchmarks")
@pytest.mark.parametrize("arithmetic", [False, True])
def test_inference(
    arithmetic: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import inference
    import inference_cases
    from inference_networks import LabelMap

    maps = [LabelMap(blobs(1, 64, 64, 6), None)]

    def small(name: str, maps: object, *, style: bool = False) -> Any:
        return network(**({"stem": "style", "style_dim": 9, "latent_size": (2, 2)} if style else {}))

    for module in (inference, inference_cases):
        monkeypatch.setattr(module, "network", small)
    monkeypatch.setattr(inference, "landscape", lambda: (small("", maps, style=True), maps))
    monkeypatch.setattr(inference, "read_maps", lambda *_: maps)
    monkeypatch.setattr(processor, "has_bfloat16", lambda: arithmetic)
    installed = {"ncnn": inference_cases.dense}
    monkeypatch.setattr(
        inference, "rival", lambda name, found, *_: installed.get(name, lambda _: None)(found)
    )
    cases = ["float32", "float32_restyle", "float32_fallback", "bfloat16", "bfloat16_restyle", "stroke4"]
    rivals = ["openvino", "ncnn"]
    arguments = [part for case in [*cases, "landscape", *rivals] for part in ("--case", case)]
    command = ["inference.py", "--rounds", "1", "--threads", "1", *arguments]
    monkeypatch.setattr(sys, "argv", [*command, "--json"])
    inference.main()
    report = json.loads(capsys.readouterr().out)
    assert report["cpu"] == processor.level()
    assert report["not_on_this_processor"] == ([] if arithmetic else ["bfloat16", "bfloat16_restyle"])
    measured = {*cases, "landscape"} - set(report["not_on_this_processor"])
    assert set(report["cases"]) == measured
    assert report["rivals"]["openvino"] is None
    assert report["rivals"]["ncnn"]["error_float64"] == report["dense_error_float64"]
    assert report["float32_max_abs_diff"] < 1e-4
    assert report["error_float64"] < 1e-4
    assert report["dense_error_float64"] < 1e-4
    monkeypatch.setattr(sys, "argv", command)
    inference.main()
    shown = capsys.readouterr().out
    assert shown.startswith(f"processor: {processor.level()}, 1 threads")
    assert ("not on this processor" in shown) is not arithmetic
    assert "openvino             not installed" in shown


@pytest.mark.usefixtures("benchmarks")
def test_a_rival_that_is_not_installed_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    import rivals

    monkeypatch.setitem(sys.modules, "openvino", None)
    generator = network()
    assert isinstance(generator, SpadeGenerator)
    assert rivals.rival("openvino", generator, rivals.LabelMap(blobs(1, 64, 64, 6), None)) is None


@pytest.mark.usefixtures("benchmarks")
def test_errors_of_a_published_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import errors
    from inference_networks import LabelMap

    monkeypatch.setattr(errors, "network", lambda *_: network())
    monkeypatch.setattr(errors, "read_maps", lambda *_: [LabelMap(blobs(1, 64, 64, 6), None)])
    monkeypatch.setattr(sys, "argv", ["errors.py", "--model", "ade20k", "--threads", "1", "--json"])
    errors.main()
    report = json.loads(capsys.readouterr().out)
    assert report["maps"] == len(report["errors"]) == 2
    assert report["error_float64"] < 1e-4
    assert errors.verdict(report).startswith(f"ade20k, 2 maps, level {processor.level()}: the engine's")


@pytest.mark.usefixtures("benchmarks")
def test_inference_without_maps_beside_the_checkout_draws_those_of_the_package(tmp_path: Path) -> None:
    import inference

    maps, source = inference.choose_maps(tmp_path, "coco-stuff")
    assert len(maps) == 18
    assert source == "the example maps of the package"


@pytest.mark.usefixtures("benchmarks")
def test_training_where_the_system_tells_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux there is no /proc, and on Windows no `resource`."""
    real = builtins.__import__

    def without(name: str, *given: Any, **named: Any) -> Any:
        if name == "resource":
            raise ImportError(name)
        return real(name, *given, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "resource", raising=False)
    import training

    assert (training.peak_memory() is None) is (sys.platform == "win32")

    def none(*given: object, **named: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", none)
    assert training.peak_memory() is None


@pytest.mark.usefixtures("benchmarks")
def test_training_reports_the_level(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import training

    monkeypatch.setattr(training, "measure", lambda *_: {"ratio": 2.0})
    monkeypatch.setattr(sys, "argv", ["training.py", "--json", "--threads", "1", "--case", "labels36"])
    training.main()
    report = json.loads(capsys.readouterr().out)
    assert report["cpu"] == processor.level()
    assert report["precision"] == ("bfloat16" if torch.bfloat16 == training.PRECISION else "float32")
    assert report["cases"] == {"labels36": {"ratio": 2.0}}
    monkeypatch.setattr(sys, "argv", ["training.py", "--threads", "1", "--case", "labels36"])
    training.main()
    assert capsys.readouterr().out.startswith(f"processor: {processor.level()}, 1 threads")
