"""What other runtimes draw is what the network draws."""

import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.export import TOLERANCE, DenseGraph, export_onnx, export_program, export_pt2
from semsynth.models import create_model
from tests.models.test_battery import SMALL, _build
from tests.small import small_folder, small_model


@pytest.mark.parametrize("name", ["spade, styled", "pix2pixhd", "crn"])
def test_a_graph_draws_the_same(name: str) -> None:
    generator = _build(*SMALL[name])
    size = generator.valid_size(32, 64)
    inputs = DenseGraph(copy.deepcopy(generator)).example(*size)
    with torch.no_grad():
        expected = DenseGraph(copy.deepcopy(generator))(*inputs)
        found = export_program(generator, size).module()(*inputs)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_the_graph_is_of_the_trained_weights() -> None:
    """The wrapper changes how the network computes, not what."""
    generator = small_model(instances=True).generator
    graph = DenseGraph(copy.deepcopy(generator))
    labels, instances, style, noise_offset = graph.example(32, 64)
    assert graph.input_names == ["labels", "instances", "style", "noise_offset"]
    with torch.no_grad():
        expected = generator(labels, instances=instances, style=style, noise_offset=noise_offset)
        assert (graph(labels, instances, style, noise_offset) - expected).abs().max() <= 2e-5


def test_a_size_that_does_not_fit() -> None:
    with pytest.raises(SemsynthError, match="next valid size is 64x96"):
        export_program(small_model().generator, (40, 96))


def test_what_is_no_graph_is_a_sentence() -> None:
    with pytest.raises(SemsynthError, match="SIMSGenerator does not become one graph"):
        export_program(create_model("sims", num_classes=3), (64, 64))


@pytest.mark.slow
def test_onnx_of_one_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    folder, file = small_folder(tmp_path / "park", styled=False), tmp_path / "new" / "park.onnx"
    command = ["model", "export", str(folder), "-o", str(file), "--size", "32x64"]
    assert main(command) == 0
    assert "differ from the network's by" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    assert [given.name for given in session.get_inputs()] == ["labels"]
    labels = torch.randint(0, 4, (1, 32, 64))
    with torch.no_grad():
        expected = small_model(styled=False).generator(labels)
    found = torch.from_numpy(session.run(["images"], {"labels": labels.numpy()})[0])
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    for unknown in (-1, 4, 255):
        labels[0, 3, 5] = unknown
        with pytest.raises(Exception, match=r"(?i)out of (data )?bounds"):
            session.run(["images"], {"labels": labels.numpy()})
    assert [path.name for path in file.parent.iterdir() if path.is_dir()] == []
    assert main(command) == 2  # it exists
    assert "exists already" in capsys.readouterr().err


@pytest.mark.slow
def test_onnx_of_any_size(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    assert export_onnx(small_model(styled=False).generator, tmp_path / "park.onnx") <= TOLERANCE


@pytest.mark.slow
def test_torch_compile() -> None:
    """The dense network is one graph, without a break, whatever compiles that."""
    graph = DenseGraph(small_model(instances=True).generator)
    inputs = graph.example(32, 64)
    with torch.no_grad():
        expected = graph(*inputs)
        found = torch.compile(graph, fullgraph=True, backend="aot_eager")(*inputs)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_names_of_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_folder(tmp_path / "park")
    assert main(["model", "export", str(folder), "-o", str(tmp_path / "park.pth")]) == 2
    assert ".onnx" in capsys.readouterr().err
    file = tmp_path / "new" / "park.pt2"
    assert main(["model", "export", str(folder), "-o", str(file), "--size", "32x32"]) == 0
    program = torch.export.load(file)
    inputs = DenseGraph(small_model().generator).example(32, 32)
    with torch.no_grad():
        expected = DenseGraph(small_model().generator)(*inputs)
    torch.testing.assert_close(program.module()(*inputs), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("wrong", [0.0, float("nan")])
def test_a_file_that_draws_otherwise_is_not_left(
    wrong: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even where an older file lies in its place: that one stays."""
    damaged = SimpleNamespace(module=lambda: lambda *inputs: torch.full((1, 3, 32, 32), wrong))
    monkeypatch.setattr(torch.export, "load", lambda file: damaged)
    file = tmp_path / "park.pt2"
    file.write_text("older")
    with pytest.raises(SemsynthError, match=r"drawn from park\.pt2 differ .* nothing was written"):
        export_pt2(_build(*SMALL["pix2pixhd"]), file, (32, 32))
    assert [path.name for path in tmp_path.iterdir()] == ["park.pt2"]
    assert file.read_text() == "older"


def test_labels_and_instances_are_two_inputs() -> None:
    """An exporter makes one input of two that are the same tensor."""
    generator = small_model(instances=True).generator
    program = export_program(copy.deepcopy(generator), (32, 64)).module()
    graph = DenseGraph(generator)
    _, instances, *others = graph.example(32, 64)
    inputs = (torch.randint(0, 4, (1, 32, 64)), instances, *others)
    with torch.no_grad():
        torch.testing.assert_close(program(*inputs), graph(*inputs), atol=1e-5, rtol=0)
