"""Generators for other runtimes: one plain graph from label map to picture, by torch.export or as ONNX.

The graph is the dense network: one-hot planes and ordinary convolutions, nothing that depends on the labels'
values. It draws what the network draws, and is as slow as the network as published.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.models.base import GeneratorModule
from semsynth.ops.blocks import fold_spectral_norm

TOLERANCE = 1e-3
"""How much a picture of the exported file may differ from the network's, of a range of 2."""
Draw = Callable[..., Tensor]
"""The inputs of a `DenseGraph` → images."""

_LARGEST = 64  # sides in units of the network's stride that are promised to the exporter


class DenseGraph(nn.Module):
    """A generator whose inputs are given by position, in the order of `input_names`.

    Args:
        generator: put into evaluation mode, its spectral norm folded, its label maps made dense.
    """

    def __init__(self, generator: GeneratorModule) -> None:
        super().__init__()
        self.generator = fold_spectral_norm(generator).eval().requires_grad_(False)
        self.generator.label_mode = "dense"

    @property
    def input_names(self) -> list[str]:
        """What the graph takes: labels and instances (B, H, W) int64, style (B, Z) float32,
        and noise_offset (B, 2) int64: zeros are fine.
        """
        names = ["labels"]
        if self.generator.uses_instances:
            names.append("instances")
        if self.generator.style_dim is not None:
            names.append("style")
        if self.generator.noise_period:
            names.append("noise_offset")
        return names

    def forward(self, *inputs: Tensor) -> Tensor:
        """→ images (B, 3, H, W) in [-1, 1]."""
        named = dict(zip(self.input_names, inputs))
        labels = named.pop("labels")
        # A runtime counts negative ids from the last class backwards; beyond the last one, it refuses them.
        labels = torch.where(labels < 0, self.generator.num_classes, labels)
        return self.generator(labels, **named)  # type: ignore[no-any-return]

    def example(self, height: int, width: int, batch: int = 1) -> tuple[Tensor, ...]:
        """Inputs of a size to export or to compare with."""
        draws = torch.Generator().manual_seed(0)
        cells = torch.randint(0, self.generator.num_classes, (batch, 4, 4), generator=draws)
        labels = cells.repeat_interleave(-(-height // 4), 1).repeat_interleave(-(-width // 4), 2)
        labels = labels[:, :height, :width].contiguous()
        made = {"labels": labels, "instances": labels.flip(1)}  # one tensor for both would be one input
        if self.generator.style_dim is not None:
            made["style"] = torch.randn(batch, self.generator.style_dim, dtype=torch.float32, generator=draws)
        if self.generator.noise_period:
            made["noise_offset"] = torch.randint(self.generator.noise_period, (batch, 2), generator=draws)
        return tuple(made[name] for name in self.input_names)


@isolated()
def export_program(
    generator: GeneratorModule, size: tuple[int, int] | None = None
) -> torch.export.ExportedProgram:
    """A generator as a graph of PyTorch operations.

    Args:
        generator: is changed, see `DenseGraph`.
        size: (H, W) of the only pictures the graph will draw, one at a time; None leaves batch, height and
            width open.

    Raises:
        SemsynthError: the network does not draw this size, or cannot leave it open.
    """
    graph = DenseGraph(generator)
    stride = generator.stride
    if size is not None:
        _check_size(generator, size)
        return _traced(graph, graph.example(*size), None)
    example = graph.example(2 * stride, 3 * stride, 2)
    batch = torch.export.Dim("batch", min=1, max=_LARGEST)
    height, width = (torch.export.Dim(name, min=2, max=_LARGEST) * stride for name in ("rows", "columns"))
    planes, row = {0: batch, 1: height, 2: width}, {0: batch}
    shapes = tuple(row if name in ("style", "noise_offset") else planes for name in graph.input_names)
    return _traced(graph, example, (shapes,))


def _traced(graph: DenseGraph, example: tuple[Tensor, ...], shapes: Any) -> torch.export.ExportedProgram:
    try:
        with torch.no_grad():
            return torch.export.export(graph, example, dynamic_shapes=shapes, strict=False)
    except Exception as error:  # of many classes
        what = "one graph" if shapes is None else "a graph for pictures of any size; a size may help"
        raise SemsynthError(f"{type(graph.generator).__name__} does not become {what}: {error}") from error


@isolated()
def export_onnx(generator: GeneratorModule, path: Path, size: tuple[int, int] | None = None) -> float:
    """Write an ONNX file, and draw with it to be sure.

    Args:
        generator: is changed, see `DenseGraph`.
        path: of the file; weights beyond 2 GB go into a second one beside it.
        size: see `export_program`.

    Returns:
        the largest difference between a picture drawn from the file and the network's, of a range of 2.

    Raises:
        SemsynthError: a package is missing, the size does not fit, or the pictures differ.
    """
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # what torch converts with
    except ImportError as error:
        raise SemsynthError(
            f"ONNX files need packages that are not installed ({error}): pip install 'semsynth[onnx]'."
        ) from error
    program = export_program(generator, size)
    graph = DenseGraph(generator)
    converted = torch.onnx.export(
        program, dynamo=True, verbose=False, input_names=graph.input_names, output_names=["images"]
    )
    assert converted is not None

    def reopen(file: Path) -> Draw:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])

        def draw(*inputs: Tensor) -> Tensor:
            named = dict(zip(graph.input_names, (values.numpy() for values in inputs)))
            return torch.from_numpy(session.run(None, named)[0])

        return draw

    return _write_checked(path, lambda file: converted.save(str(file)), reopen, graph, size)


@isolated()
def export_pt2(generator: GeneratorModule, path: Path, size: tuple[int, int] | None = None) -> float:
    """Write a torch.export file, and draw with it to be sure.

    Args:
        generator: is changed, see `DenseGraph`.
        path: of the file.
        size: see `export_program`.

    Returns:
        see `export_onnx`.

    Raises:
        SemsynthError: the size does not fit, or the pictures differ.
    """
    program = export_program(generator, size)

    def reopen(file: Path) -> Draw:
        return torch.export.load(file).module()

    return _write_checked(
        path, lambda file: torch.export.save(program, file), reopen, DenseGraph(generator), size
    )


def _write_checked(
    path: Path,
    write: Callable[[Path], None],
    reopen: Callable[[Path], Draw],
    graph: DenseGraph,
    size: tuple[int, int] | None,
) -> float:
    """Write a file beside its place, compare what it draws with what the graph draws, and move it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        file = Path(folder) / path.name
        write(file)
        draw = reopen(file)
        with torch.no_grad():
            apart = [(draw(*inputs) - graph(*inputs)).abs().max() for inputs in _trials(graph, size)]
        difference = float(torch.stack(apart).max())
        if not difference <= TOLERANCE:  # nor where it is no number
            raise SemsynthError(
                f"Pictures drawn from {path.name} differ from the network's by {difference:.2g}; "
                "nothing was written."
            )
        for written in Path(folder).iterdir():
            written.replace(path.parent / written.name)
    return difference


def _trials(graph: DenseGraph, size: tuple[int, int] | None) -> list[tuple[Tensor, ...]]:
    """Inputs to compare pictures on: of the one size, or of sizes the graph was not traced at."""
    if size is not None:
        return [graph.example(*size)]
    stride = graph.generator.stride
    return [graph.example(3 * stride, 2 * stride), graph.example(2 * stride, 4 * stride, 3)]


def _check_size(generator: GeneratorModule, size: tuple[int, int]) -> None:
    valid = generator.valid_size(*size)
    if valid != size:
        raise SemsynthError(
            f"This network does not draw {size[0]}x{size[1]}; the next valid size is {valid[0]}x{valid[1]}."
        )
