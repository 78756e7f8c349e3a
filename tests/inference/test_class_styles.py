"""A style with a row per class, on every backend."""

import copy

import pytest
import torch
from torch import Tensor

from semsynth.errors import SemsynthError
from tests.exactness import assert_as_exact
from tests.inference.test_engine import (
    BACKENDS,
    BFLOAT16,
    CASES,
    CLASSES,
    STYLE,
    engine_on,
    inputs,
    network,
)
from tests.inference.test_strokes import SIZE, check, engines, strokes
from tests.ops.test_native import blobs

STYLED = {
    **{case: CASES[case] for case in ("style", "labels+style")},
    "instances": {**CASES["labels+style"], "instances": True},
    "instance norm": {**CASES["labels+style"], "norm": "instance"},
}


def rows(batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(batch, CLASSES, STYLE, generator=torch.Generator().manual_seed(seed))


def drawable(backend: str, case: str) -> bool:
    return backend != "amx" or case != "instance norm"


@pytest.mark.parametrize("case", STYLED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_every_backend_draws_what_the_dense_network_draws(backend: str, case: str) -> None:
    if not drawable(backend, case):
        pytest.skip("not drawn there")
    generator = network(**STYLED[case])
    labels, _ = inputs(generator)
    style, dense = rows(2), copy.deepcopy(generator)
    dense.label_mode = "dense"
    with torch.no_grad():
        plain = dense(labels, style=style)
        assert (generator(labels, style=style) - plain).abs().max() <= 2e-5
        exact = dense.double()(labels, style=style.double())
    found = engine_on(backend, generator)(labels, style=style)
    if backend in BFLOAT16:
        assert (found - plain).square().mean() < 1e-3 * plain.square().mean()
    else:
        assert_as_exact(found, plain, exact)


@pytest.mark.parametrize("case", ["style", "labels+style"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_rows_draw_the_picture_of_one_style(backend: str, case: str) -> None:
    generator = network(**STYLED[case])
    labels, style = inputs(generator)
    assert style is not None
    equal = style[:, None].expand(-1, CLASSES, -1)
    with torch.no_grad():
        assert (generator(labels, style=equal) - generator(labels, style=style)).abs().max() <= 2e-5
    engine = engine_on(backend, generator)
    assert torch.equal(engine(labels, style=equal), engine(labels, style=style))


@pytest.mark.parametrize("case", STYLED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_restyled_classes_and_strokes_mixed(backend: str, case: str) -> None:
    if not drawable(backend, case):
        pytest.skip("not drawn there")
    edited, fresh = engines(network(**STYLED[case]), backend)
    style = rows()
    for number, labels in enumerate(strokes(blobs(1, *SIZE, CLASSES), 24)):
        style = style.clone()
        if number % 3 == 1:
            style[0, number % CLASSES] = torch.randn(STYLE)
        elif number == 12:  # one style for all, then each class its own again
            style = torch.randn(1, STYLE)
        elif number == 15:
            style = rows(seed=1)
        look = {"style": style}
        assert torch.equal(edited(labels, **look), fresh(labels, **look)), number
        if style.dim() == 2:
            style = style[:, None].expand(-1, CLASSES, -1)


@pytest.mark.parametrize("backend", BACKENDS)
def test_strokes_in_the_styles_of_classes(backend: str) -> None:
    pair = engines(network(**CASES["labels+style"]), backend)
    check(pair, strokes(blobs(1, *SIZE, CLASSES), 24, seed=2), style=rows())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_restyled_class_changes_what_depends_on_it_alone(backend: str) -> None:
    generator = network(**CASES["labels+style"])
    labels = torch.zeros(1, 64, 512, dtype=torch.int64)
    labels[..., :32] = 1
    style = rows()
    restyled = style.clone()
    restyled[0, 1] += 1
    engine = engine_on(backend, generator, "features")
    before = engine(labels, style=style)
    boxes: list[int] = []
    repaint = engine.backend.repaint

    def watched(block: int, parts: list, *given: object) -> None:  # type: ignore[type-arg]
        boxes.append(max(box.right for box in parts))
        repaint(block, parts, *given)  # type: ignore[arg-type]

    engine.backend.repaint = watched  # type: ignore[method-assign,assignment]
    after = engine(labels, style=restyled)
    assert torch.equal(after, engine_on(backend, generator)(labels, style=restyled))
    assert not torch.equal(after[..., :32], before[..., :32])
    assert torch.equal(after[..., -32:], before[..., -32:])
    assert boxes[-1] < 512
    absent = restyled.clone()
    absent[0, 4] += 1
    boxes.clear()
    assert torch.equal(engine(labels, style=absent), after)
    assert not boxes


@pytest.mark.parametrize("mode", ["dense", "patches"])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_reach_the_rows_of_classes_that_are_there(mode: str, training: bool) -> None:
    generator = network(**CASES["labels+style"]).train(training)
    generator.label_mode = mode  # type: ignore[assignment]
    labels = blobs(2, 32, 64, CLASSES - 1)
    style = rows(2).requires_grad_()
    generator(labels, style=style).square().mean().backward()
    assert style.grad is not None
    assert (style.grad[:, :-1].abs().sum(2) > 0).all()
    assert not style.grad[:, -1].any()


def test_other_shapes_are_refused() -> None:
    generator = network(**CASES["labels+style"])
    labels, _ = inputs(generator)
    sentence = r"shape \(2, 9\) or \(2, 6, 9\); got \(2, 5, 9\)"
    for draw in (generator, engine_on("torch", generator)):
        with pytest.raises(SemsynthError, match=sentence):
            draw(labels, style=rows(2)[:, 1:])
