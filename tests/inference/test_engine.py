"""The engine draws what the dense network draws, on every backend."""

import copy
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from semsynth.inference.amx_backend import AmxBackend
from semsynth.inference.backend import Backend
from semsynth.inference.choice import Precision, backend_for, engine_for
from semsynth.inference.cpu_backend import CpuBackend
from semsynth.inference.engine import Engine, Keep
from semsynth.inference.torch_backend import TorchBackend
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


BACKENDS: dict[str, Callable[[SpadeGenerator], Backend]] = {
    "torch": TorchBackend,
    "torch bfloat16": lambda generator: TorchBackend(generator, torch.bfloat16),
}
"""Those that run here."""
if native.available():
    BACKENDS["cpu"] = CpuBackend
if amx.available():
    BACKENDS["amx"] = AmxBackend
BFLOAT16 = ("torch bfloat16", "amx")


def engine_on(backend: str, generator: SpadeGenerator, keep: Keep = "tables") -> Engine:
    """An engine on a backend of that name."""
    return Engine(generator, BACKENDS[backend](generator), keep)


CASES: dict[str, dict[str, object]] = {
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


def drawable(backend: str, case: str) -> bool:
    return backend != "amx" or case != "instance norm"


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_what_the_dense_network_draws(backend: str, case: str) -> None:
    if not drawable(backend, case):
        pytest.skip("not drawn there")
    generator = network(**CASES[case])
    labels, style = inputs(generator)
    dense = copy.deepcopy(generator)
    dense.label_mode = "dense"
    with torch.no_grad():
        plain = dense(labels, style=style)
        exact = dense.double()(labels, style=None if style is None else style.double())
    engine = engine_on(backend, generator)
    for rows in (slice(0, 1), slice(0, 2), slice(1, 2), slice(1, 2)):  # the last from kept tables
        found = engine(labels[rows], style=None if style is None else style[rows])
        assert found.dtype == torch.float32
        if backend in BFLOAT16:
            assert (found - plain[rows]).square().mean() < 1e-3 * plain.square().mean()
        else:
            assert_as_exact(found, plain[rows], exact[rows])
            assert (found - plain[rows]).abs().max() <= 2e-5


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("size", [(32, 32), (32, 96), (96, 160), (160, 32)])
def test_any_size_is_drawn(backend: str, size: tuple[int, int]) -> None:
    generator = network()
    labels = blobs(1, *size, CLASSES)
    with torch.no_grad():
        expected = generator(labels)
    error = (engine_on(backend, generator)(labels) - expected).square().mean()
    assert error < (1e-3 if backend in BFLOAT16 else 1e-10) * expected.square().mean()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_generator_is_left_as_it_is(precision: Precision) -> None:
    """In training mode too, where reading a weight under spectral norm changes its state."""
    generator = network(**CASES["labels+style"]).train()
    before = {key: value.clone() for key, value in generator.state_dict().items()}
    labels, style = inputs(generator, 1)
    first, second = (engine_for(generator, precision) for _ in range(2))
    assert torch.equal(first(labels, style=style), second(labels, style=style))
    assert generator.training
    assert all(parameter.requires_grad for parameter in generator.parameters())
    after = generator.state_dict()
    assert after.keys() == before.keys()
    assert all(torch.equal(value, before[key]) for key, value in after.items())
    drawn = first(labels, style=style)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.zero_()
    first.forget()  # type: ignore[attr-defined]
    assert torch.equal(first(labels, style=style), drawn)


def test_the_fastest_backend_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network()
    assert isinstance(engine_for(generator), Engine)
    monkeypatch.setattr(amx, "available", lambda: True)
    cpu = torch.device("cpu")
    assert isinstance(backend_for(generator, torch.bfloat16, cpu), AmxBackend)
    assert isinstance(backend_for(network(norm="instance"), torch.bfloat16, cpu), TorchBackend)
    monkeypatch.setattr(amx, "available", lambda: False)
    assert isinstance(backend_for(generator, torch.bfloat16, cpu), TorchBackend)


def test_the_tables_of_two_maps_are_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_on("torch", network())
    engine(blobs(1, 64, 64, CLASSES))
    level = weakref.ref(next(iter(engine._drawing.levels.values())))  # type: ignore[union-attr]
    begin, gone = engine._begin, []

    def watched(*given: Any) -> Any:
        gone.append(level() is None)
        return begin(*given)

    monkeypatch.setattr(engine, "_begin", watched)
    engine(blobs(1, 64, 64, CLASSES, 1))
    assert gone == [True]


@pytest.mark.parametrize("keep", ["tables", "features"])
def test_what_is_not_kept_is_freed(keep: Keep) -> None:
    engine = engine_on("torch", network(), keep)
    engine(blobs(1, 64, 64, CLASSES))
    backend = engine.backend
    assert isinstance(backend, TorchBackend)
    assert any(features is not None for features in backend._features) is (keep == "features")


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


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interruption_while_noise_is_moved_leaves_no_trace(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = network(**CASES["labels+style"])
    labels, style = inputs(generator, 1)
    engine, noise_offset = engine_on(backend, generator), torch.tensor([[5, 40]])
    expected = engine(labels, style=style, noise_offset=noise_offset)
    engine(labels, style=style)
    noise = engine.backend._fixed_noise  # type: ignore[attr-defined]
    noise_at, calls = noise.at, []

    def stopped(*given: object) -> Tensor:
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return noise_at(*given)  # type: ignore[no-any-return]

    monkeypatch.setattr(noise, "at", stopped)
    with pytest.raises(KeyboardInterrupt):
        engine(labels, style=style, noise_offset=noise_offset)
    assert torch.equal(engine(labels, style=style, noise_offset=noise_offset), expected)


@pytest.mark.parametrize("keep", ["tables", "features"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_interrupted_picture_leaves_no_trace(
    backend: str, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in a smaller picture, nor in the same one."""
    generator = network()
    large, small = blobs(1, 128, 192, CLASSES, 1), blobs(1, 64, 64, CLASSES, 2)
    fresh = engine_on(backend, generator, keep)
    expected = {size: fresh(labels) for size, labels in (("small", small), ("large", large))}
    engine = engine_on(backend, generator, keep)
    monkeypatch.setattr(engine.backend, "picture", _interrupted)
    for name, labels in (("small", small), ("large", large)):
        with pytest.raises(KeyboardInterrupt):
            engine(large)
        with monkeypatch.context() as undone:
            undone.delattr(engine.backend, "picture")
            assert torch.equal(engine(labels), expected[name])


def _interrupted(_: object) -> Tensor:
    raise KeyboardInterrupt


def test_public_operations_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network(**CASES["labels+style"])
    labels, style = inputs(generator)
    expected = engine_for(generator)(labels, style=style)
    monkeypatch.setattr(native, "available", lambda: False)
    assert (engine_for(generator)(labels, style=style) - expected).abs().max() <= 2e-5


def test_bfloat16_is_close() -> None:
    generator = network()
    labels, _ = inputs(generator)
    expected = engine_for(generator)(labels)
    found = engine_for(generator, "bfloat16")(labels)
    assert found.dtype == torch.float32
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


@needs_matrix_unit
def test_large_maps_go_strip_by_strip_to_the_same_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = network(stem="labels")
    labels = blobs(2, 160, 192, CLASSES)
    engine = engine_on("amx", generator)
    found = engine(labels)
    chain = amx.chain
    monkeypatch.setattr(
        "semsynth.inference.amx_backend.chain",
        lambda first, products, whole: chain(first, products, whole=False),
    )
    assert torch.equal(engine(labels), found)


def test_instance_norm_is_drawn_without_the_matrix_unit() -> None:
    generator = network(norm="instance")
    labels, _ = inputs(generator)
    expected = engine_for(generator)(labels)
    found = engine_for(generator, "bfloat16")(labels)
    assert (found - expected).square().mean() < 1e-3 * expected.square().mean()


def test_another_map_style_or_size_is_never_answered_from_the_last() -> None:
    generator = network(**CASES["labels+style"])
    engine = engine_for(generator)
    for seed, batch in ((0, 1), (1, 1), (1, 2)):
        labels, style = inputs(generator, batch, seed)
        with torch.no_grad():
            assert (engine(labels, style=style) - generator(labels, style=style)).abs().max() <= 2e-5
    labels = labels[:, :32, :64]
    with torch.no_grad():
        assert (engine(labels, style=style) - generator(labels, style=style)).abs().max() <= 2e-5


def test_instances_are_part_of_the_map() -> None:
    generator = network(instances=True)
    engine = engine_for(generator)
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
        expected = generator(labels)
    torch.testing.assert_close(engine_for(generator)(labels), expected, rtol=1e-3, atol=2e-4)
