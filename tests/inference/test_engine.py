"""The engine draws what the dense network draws."""

import copy

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.inference.engine import Precision, SpadeEngine, engine_for
from semsynth.models.pix2pixhd import Pix2PixHDGenerator
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import amx, native
from tests.exactness import assert_as_exact
from tests.ops.test_native import blobs

CLASSES, STYLE = 6, 9


def network(**options: object) -> SpadeGenerator:
    """A small network of healthy random weights whose running statistics are those of a batch."""
    torch.manual_seed(0)
    generator = SpadeGenerator(num_classes=CLASSES, width=6, hidden=10, **options)  # type: ignore[arg-type]
    for name, parameter in generator.named_parameters():
        if parameter.dim() == 1 or ".style." in name:
            torch.nn.init.normal_(parameter, std=0.2)
    with torch.no_grad():
        for _ in range(6):
            generator(*inputs(generator)[:1], style=inputs(generator)[1])
    return generator.eval()


def inputs(generator: SpadeGenerator, batch: int = 2, seed: int = 0) -> tuple[Tensor, Tensor | None]:
    labels = blobs(batch, 64, 128, CLASSES, seed)
    return labels, None if generator.style_dim is None else torch.randn(batch, STYLE)


needs_matrix_unit = pytest.mark.skipif(not amx.available(), reason=f"no matrix unit: {native.describe()}")


CASES = {
    "labels": {},
    "instances": {"instances": True},
    "style": {"stem": "style", "style_dim": STYLE, "latent_size": (2, 4)},
    "labels+style": {
        "stem": "labels+style",
        "style_dim": STYLE,
        "style_modulation": True,
        "noise_channels": 3,
    },
    "instance norm": {"norm": "instance"},
    "larger kernels": {"kernel_size": 5},
    "six doublings": {"upsamplings": 6},
}


@pytest.mark.parametrize("case", CASES)
def test_float32_equals_the_dense_network(case: str) -> None:
    generator = network(**CASES[case])
    labels, style = inputs(generator)
    dense = copy.deepcopy(generator)
    dense.label_mode = "dense"
    with torch.no_grad():
        plain = dense(labels, style=style)
        exact = dense.double()(labels, style=None if style is None else style.double())
    engine = engine_for(generator)
    assert isinstance(engine, SpadeEngine)
    for _ in range(2):  # the second from kept tables
        assert_as_exact(engine(labels, style=style), plain, exact)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_positions_are_moved_picture_by_picture(precision: Precision) -> None:
    generator = network(**CASES["labels+style"])
    labels, style = inputs(generator)
    noise_offsets = [
        None,
        torch.tensor([[3, 50]]),
        torch.tensor([[0, 0], [7, 3000]]),
        torch.tensor([[7, 3000]] * 2),
    ]
    with torch.no_grad():
        expected = [
            generator(labels, style=style, noise_offset=noise_offset) for noise_offset in noise_offsets
        ]
    assert len({float(picture.mean()) for picture in expected}) == len(noise_offsets)
    assert torch.equal(expected[0][0], expected[2][0])
    engine = engine_for(generator, precision)
    for noise_offset, picture in (*zip(noise_offsets, expected, strict=True), (None, expected[0])):
        error = (engine(labels, style=style, noise_offset=noise_offset) - picture).abs()
        assert error.max() <= (2e-5 if precision == "float32" else 0.05)
    kept = torch.tensor([[7, 3000]])
    engine(labels, style=style, noise_offset=kept)
    kept += 2
    found = engine(labels, style=style, noise_offset=kept)
    assert torch.equal(found, engine(labels, style=style, noise_offset=torch.tensor([[9, 3002]])))
    for wrong in (torch.zeros(3, 2).long(), torch.zeros(1, 2), torch.zeros(2).long()):
        with pytest.raises(SemsynthError, match="A noise_offset is int64"):
            engine(labels, style=style, noise_offset=wrong)


@needs_matrix_unit
def test_an_interruption_while_noise_is_moved_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network(**CASES["labels+style"])
    labels, style = inputs(generator, 1)
    engine, noise_offset = engine_for(generator, "bfloat16"), torch.tensor([[5, 40]])
    expected = engine(labels, style=style, noise_offset=noise_offset)
    engine(labels, style=style)
    assert generator.noise is not None
    noise_at, calls = generator.noise.at, []

    def stopped(*given: object) -> Tensor:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return noise_at(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(generator.noise, "at", stopped)
    with pytest.raises(KeyboardInterrupt):
        engine(labels, style=style, noise_offset=noise_offset)
    assert torch.equal(engine(labels, style=style, noise_offset=noise_offset), expected)


def test_public_operations_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network(**CASES["labels+style"])
    labels, style = inputs(generator)
    expected = engine_for(copy.deepcopy(generator))(labels, style=style)
    monkeypatch.setattr(native, "available", lambda: False)
    assert (engine_for(generator)(labels, style=style) - expected).abs().max() <= 2e-5


def test_bfloat16_is_close() -> None:
    generator = network()
    labels, _ = inputs(generator)
    expected = engine_for(copy.deepcopy(generator))(labels)
    found = engine_for(generator, "bfloat16")(labels)
    assert found.dtype == torch.float32
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


@needs_matrix_unit
@pytest.mark.parametrize("case", [case for case in CASES if case != "instance norm"])
def test_the_matrix_unit_draws_the_same_in_bfloat16(case: str) -> None:
    generator = network(**CASES[case])
    labels, style = inputs(generator)
    expected = engine_for(copy.deepcopy(generator))(labels, style=style)
    engine = engine_for(generator, "bfloat16")
    assert isinstance(engine, SpadeEngine)
    assert engine.amx is not None
    for rows in (slice(0, 1), slice(0, 2), slice(0, 2)):  # one map, two, and two from kept tables
        found = engine(labels[rows], style=None if style is None else style[rows])
        assert (found - expected[rows]).square().mean() < 1e-3 * expected.square().mean()


@needs_matrix_unit
@pytest.mark.parametrize("size", [(32, 32), (32, 96), (96, 160), (160, 32)])
def test_the_matrix_unit_draws_any_size(size: tuple[int, int]) -> None:
    generator = network()
    labels = blobs(1, *size, CLASSES)
    expected = engine_for(copy.deepcopy(generator))(labels)
    found = engine_for(generator, "bfloat16")(labels)
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


@needs_matrix_unit
def test_large_maps_go_strip_by_strip_to_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network(stem="labels")
    labels = blobs(2, 160, 192, CLASSES)
    engine = engine_for(generator, "bfloat16")
    found = engine(labels)
    chain = amx.chain
    monkeypatch.setattr(
        "semsynth.inference.amx_blocks.chain",
        lambda first, products, whole: chain(first, products, whole=False),
    )
    assert torch.equal(engine(labels), found)


def test_instance_norm_is_drawn_without_the_matrix_unit() -> None:
    generator = network(norm="instance")
    labels, _ = inputs(generator)
    expected = engine_for(copy.deepcopy(generator))(labels)
    found = engine_for(generator, "bfloat16")(labels)
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


def test_another_map_style_or_size_is_never_answered_from_the_last() -> None:
    generator = network(**CASES["labels+style"])
    engine = engine_for(copy.deepcopy(generator))
    for seed, batch in ((0, 1), (1, 1), (1, 2)):
        labels, style = inputs(generator, batch, seed)
        with torch.no_grad():
            assert (engine(labels, style=style) - generator(labels, style=style)).abs().max() <= 2e-5
    labels = labels[:, :32, :64]
    with torch.no_grad():
        assert (engine(labels, style=style) - generator(labels, style=style)).abs().max() <= 2e-5


def test_instances_are_part_of_the_map() -> None:
    generator = network(instances=True)
    engine = engine_for(copy.deepcopy(generator))
    labels, _ = inputs(generator)
    for instances in (labels, torch.arange(128).expand(2, 64, 128) // 20):
        with torch.no_grad():
            expected = generator(labels, instances=instances)
        assert (engine(labels, instances=instances) - expected).abs().max() <= 2e-5


def test_errors_are_those_of_the_generator() -> None:
    engine = engine_for(network(**CASES["labels+style"]))
    with pytest.raises(SemsynthError, match="style"):
        engine(blobs(1, 64, 64, CLASSES))
    with pytest.raises(SemsynthError, match="multiples"):
        engine(blobs(1, 60, 64, CLASSES), style=torch.zeros(1, STYLE))


def test_other_networks_are_drawn_with_as_they_are() -> None:
    torch.manual_seed(0)
    generator = Pix2PixHDGenerator(num_classes=CLASSES, width=4).eval()
    labels = blobs(1, 32, 32, CLASSES)
    with torch.no_grad():
        expected = copy.deepcopy(generator)(labels)
    torch.testing.assert_close(engine_for(generator)(labels), expected, rtol=1e-4, atol=1e-5)
