"""Every precision draws on every processor, and where there is no bfloat16 arithmetic it costs nothing."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from semsynth import device
from semsynth.inference import choice
from semsynth.inference.choice import engine_for
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import processor
from tests.inference.test_engine import CASES, CLASSES, inputs, network
from tests.ops.test_native import blobs

DRAW = """
import copy, torch
from semsynth.inference.choice import engine_for
from semsynth.inference.engine import Engine
from tests.inference.test_engine import CASES, inputs, network
torch.set_num_threads(1)
generator = network(**CASES["labels+style"])
labels, style = inputs(generator, 1)
stroked = labels.clone()
stroked[0, 20:26, 70:80] = 0
exact = copy.deepcopy(generator).double()
exact.label_mode = "dense"
for precision, limit in (("float32", 1e-4), ("bfloat16", 0.1)):
    engine, follower = (engine_for(generator, precision, keep=keep) for keep in ("tables", "features"))
    assert isinstance(engine, Engine)
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
    monkeypatch.setattr(choice, "has_bfloat16_arithmetic", lambda _: False)
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
    half, full = engine_for(generator, "bfloat16"), engine_for(rounded(generator))
    assert torch.equal(half(labels, style=style), full(labels, style=style))
    assert not torch.equal(half(labels, style=style), engine_for(generator)(labels, style=style))


@pytest.mark.usefixtures("without_arithmetic")
def test_without_arithmetic_other_networks_are_not_put_under_autocast() -> None:
    torch.manual_seed(0)
    generator = Pix2PixHDGenerator(num_classes=CLASSES, width=4).eval()
    labels = blobs(1, 32, 32, CLASSES)
    with torch.no_grad():
        expected = rounded(generator)(labels)
    torch.testing.assert_close(engine_for(generator, "bfloat16")(labels), expected, rtol=1e-3, atol=2e-4)


@pytest.mark.usefixtures("without_arithmetic")
def test_without_arithmetic_training_computes_in_float32_and_says_so() -> None:
    said: list[str] = []
    cpu = torch.device("cpu")
    assert device.training_dtype("bfloat16", cpu, said.append) == torch.float32
    assert said == ["Training in float32: this device has no bfloat16 arithmetic."]
    assert device.training_dtype("auto", cpu, said.append) == torch.float32
    assert len(said) == 1
