"""Other runtimes that draw the published network: what `inference.py` measures beside the engine.

Each gets its ordinary best setting on a CPU, and as many threads as PyTorch. OpenVINO and ONNX Runtime read
what `semsynth model export` writes; ncnn, which has no integer label maps, reads the one-hot planes.
Exported files are kept in `build/rivals`, by the digest of the weights.
"""

import copy
import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from inference_networks import LabelMap
from published import draw, label_planes
from semsynth.export import export_onnx
from semsynth.models.spade import SpadeGenerator

Draw = Callable[[LabelMap], Tensor]
KEPT = Path(__file__).parents[1] / "build" / "rivals"


class _Dense(nn.Module):
    def __init__(self, generator: SpadeGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, planes: Tensor) -> Tensor:
        return draw(self.generator, planes)


def _planes(generator: SpadeGenerator, here: LabelMap) -> Tensor:
    return label_planes(here.labels, generator.num_classes, here.instances)


def _named(here: LabelMap) -> dict[str, object]:
    given = {"labels": here.labels, "instances": here.instances}
    return {name: values.numpy() for name, values in given.items() if values is not None}


def _kept(generator: SpadeGenerator, here: LabelMap, name: str) -> Path:
    """Where the exported file of these weights and this size lies, or is to lie."""
    digest = hashlib.sha256(str(here.labels.shape).encode())
    for values in generator.state_dict().values():
        digest.update(values.numpy())
    folder = KEPT / digest.hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def _onnx(generator: SpadeGenerator, here: LabelMap) -> Path:
    file = _kept(generator, here, "spade.onnx")
    if not file.exists():
        height, width = here.labels.shape[1:]
        export_onnx(copy.deepcopy(generator), file, (height, width))
    return file


def openvino(generator: SpadeGenerator, here: LabelMap, precision: str = "float32") -> Draw:
    """OpenVINO, tuned for latency."""
    import onnxscript  # noqa: F401  # what exports
    import openvino as ov

    hints = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    hints["INFERENCE_PRECISION_HINT"] = {"float32": "f32", "bfloat16": "bf16"}[precision]
    ready = ov.Core().compile_model(_onnx(generator, here), "CPU", hints)
    return lambda here: torch.from_numpy(next(iter(ready(_named(here)).values())))


def onnxruntime(generator: SpadeGenerator, here: LabelMap) -> Draw:
    """ONNX Runtime with all optimizations of the graph, which are its default."""
    import onnxruntime as ort
    import onnxscript  # noqa: F401

    options = ort.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = ort.InferenceSession(str(_onnx(generator, here)), options, providers=["CPUExecutionProvider"])
    return lambda here: torch.from_numpy(session.run(None, _named(here))[0])


def ncnn(generator: SpadeGenerator, here: LabelMap) -> Draw:
    """Ncnn on the traced graph of one size, converted by pnnx."""
    import ncnn
    import numpy as np
    import pnnx

    file = _kept(generator, here, "spade.ncnn.bin")
    if not file.exists():
        with torch.inference_mode():
            traced = torch.jit.trace(_Dense(generator), _planes(generator, here), check_trace=False)
        traced.save(str(file.with_name("spade.pt")))
        convert = [pnnx.EXEC_PATH, "spade.pt", "fp16=0"]
        subprocess.run(convert, cwd=file.parent, check=True, capture_output=True)
        for other in [*file.parent.glob("spade.pnnx.*"), file.with_name("spade.pt")]:
            other.unlink()
    net = ncnn.Net()
    net.opt.num_threads = torch.get_num_threads()
    net.load_param(str(file.with_suffix(".param")))
    net.load_model(str(file))

    def run(here: LabelMap) -> Tensor:
        planes = _planes(generator, here)[0].numpy()  # a Mat does not keep its memory alive
        extractor = net.create_extractor()
        extractor.input("in0", ncnn.Mat(planes))
        return torch.from_numpy(np.array(extractor.extract("out0")[1]))[None]

    return run


def compiled(generator: SpadeGenerator, here: LabelMap, precision: str = "float32") -> Draw:
    """torch.compile: channels last, weights frozen."""
    from torch._inductor import config, cpp_builder, exc

    try:
        cpp_builder.get_cpp_compiler()
    except exc.InvalidCxxCompiler as error:
        raise ImportError("torch.compile needs a C++ compiler.") from error
    config.freezing = True
    layout = {"dtype": getattr(torch, precision), "memory_format": torch.channels_last}
    twin = copy.deepcopy(generator).to(**layout)
    quick = torch.compile(_Dense(twin))

    @torch.inference_mode()
    def run(here: LabelMap) -> Tensor:
        return quick(_planes(twin, here).to(**layout)).float()  # type: ignore[no-any-return]

    return run


RIVALS: dict[str, Callable[..., Draw]] = {
    "openvino": openvino,
    "onnxruntime": onnxruntime,
    "ncnn": ncnn,
    "compile": compiled,
}


def rival(name: str, generator: SpadeGenerator, here: LabelMap, precision: str = "float32") -> Draw | None:
    """What draws, for maps of the size of `here`; None where it is not installed."""
    try:
        return RIVALS[name](generator, here, *[precision][: precision != "float32"])
    except ImportError:
        return None
