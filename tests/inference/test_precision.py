"""Every precision draws on every processor, and where there is no bfloat16 arithmetic it costs nothing."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semsynth import device
from semsynth.inference import engine, packed
from semsynth.inference.engine import engine_for
from semsynth.inference.incremental import IncrementalEngine
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import processor
from tests.inference.test_engine import CASES, CLASSES, inputs, network
from tests.ops.test_native import blobs

DRAW = """
import copy, torch
from semsynth.inference.engine import SpadeEngine, engine_for
from semsynth.inference.incremental import IncrementalEngine
from tests.inference.test_engine import CASES, inputs, network
torch.set_num_threads(1)
generator = network(**CASES["labels+style"])
labels, style = inputs(generator, 1)
stroked = labels.clone()
stroked[0, 20:26, 70:80] = 0
exact = copy.deepcopy(generator).double()
exact.label_mode = "dense"
for precision, limit in (("float32", 1e-4), ("bfloat16", 0.1)):
    engine = engine_for(copy.deepcopy(generator), precision)
    assert isinstance(engine, SpadeEngine)
    follower = IncrementalEngine(engine)
    for look, given in ((labels, style), (labels, style + 1), (stroked, style + 1)):
        with torch.no_grad():
            expected = exact(look, style=given.double())
        for draw in (engine, follower):
            assert (draw(look, style=given) - expected).abs().max() < limit, precision
print("drawn")
"""


@pytest.mark.parametrize("native", ["1", "0"])
@pytest.mark.parametrize("level", processor.available())
def test_every_precision_at_every_level(level: str, native: str) -> None:
    """From nothing, in another style, after a stroke; with our kernels and without."""
    kept = {name: value for name, value in os.environ.items() if name not in processor._OTHERS}
    done = subprocess.run(
        [sys.executable, "-c", DRAW],
        env=kept | {processor.VARIABLE: level, "SEMSYNTH_NATIVE": native},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "drawn\n", done.stderr


@pytest.fixture
def without_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "has_bfloat16_arithmetic", lambda _: False)
    monkeypatch.setattr(device, "has_bfloat16_arithmetic", lambda _: False)


def rounded(generator: SpadeGenerator | Pix2PixHDGenerator) -> SpadeGenerator | Pix2PixHDGenerator:
    twin = copy.deepcopy(generator)
    with torch.no_grad():
        for weight in twin.parameters():
            if weight.dim() > 1:
                weight.copy_(weight.bfloat16())
    return twin


@pytest.mark.parametrize("case", CASES)
@pytest.mark.usefixtures("without_arithmetic")
def test_without_arithmetic_the_weights_are_rounded_and_float32_computes(case: str) -> None:
    """The very picture, and so the very work, of float32 with these weights."""
    from semsynth.ops.blocks import fold_spectral_norm

    generator = fold_spectral_norm(network(**CASES[case]))
    labels, style = inputs(generator, 1)
    half, full = engine_for(copy.deepcopy(generator), "bfloat16"), engine_for(rounded(generator))
    assert torch.equal(half(labels, style=style), full(labels, style=style))
    assert not torch.equal(half(labels, style=style), engine_for(generator)(labels, style=style))


@pytest.mark.usefixtures("without_arithmetic")
def test_without_arithmetic_other_networks_are_not_put_under_autocast() -> None:
    torch.manual_seed(0)
    generator = Pix2PixHDGenerator(num_classes=CLASSES, width=4).eval()
    labels, kinds = blobs(1, 32, 32, CLASSES), set[torch.dtype]()
    generator.register_forward_hook(lambda module, given, out: kinds.add(out.dtype))
    engine_for(generator, "bfloat16")(labels)
    assert kinds == {torch.float32}


@pytest.mark.usefixtures("without_arithmetic")
def test_without_arithmetic_training_computes_in_float32_and_says_so() -> None:
    said: list[str] = []
    cpu = torch.device("cpu")
    assert device.training_dtype("bfloat16", cpu, said.append) == torch.float32
    assert said == ["Training in float32: this device has no bfloat16 arithmetic."]
    assert device.training_dtype("auto", cpu, said.append) == torch.float32
    assert len(said) == 1


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_packing_that_fails_is_done_without(precision: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operation of PyTorch's that this processor lacks, or that another version has not."""
    torch.manual_seed(0)
    conv, calls = torch.nn.Conv2d(8, 12, 3, padding=1), []
    x = torch.randn(1, 8, 9, 11).to(memory_format=torch.channels_last)

    def missing(*given: object) -> torch.Tensor:
        calls.append(given)
        raise RuntimeError("bf16 path needs the cpu support avx512bw")

    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", missing)
    ours = packed.PackedConv(copy.deepcopy(conv), precision)
    with torch.inference_mode():
        expected = conv(x)
        for _ in range(2):
            found = ours(x.to(precision))
            assert (found.float() - expected).abs().max() < (1e-5 if precision == torch.float32 else 0.05)
        added = ours(x.to(precision), add=found)
    assert (added.float() - 2 * expected).abs().max() < (1e-5 if precision == torch.float32 else 0.1)
    assert len(calls) <= 1  # not tried again


def test_a_network_whose_convolutions_cannot_be_packed_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*given: object) -> torch.Tensor:
        raise RuntimeError("not on this processor")

    generator = network()
    labels, _ = inputs(generator, 1)
    expected = engine_for(copy.deepcopy(generator))(labels)
    monkeypatch.setattr(torch.ops.mkldnn, "_reorder_convolution_weight", missing)
    for precision in ("float32", "bfloat16"):
        follower = IncrementalEngine(engine_for(copy.deepcopy(generator), precision))  # type: ignore[arg-type]
        assert (follower(labels) - expected).abs().max() < (1e-4 if precision == "float32" else 0.1)
