"""Stroke after stroke, the picture is to the bit the one drawn from nothing, on every backend."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from semsynth.inference.engine import Engine
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import amx, native
from tests.inference.test_engine import BACKENDS, CASES, CLASSES, STYLE, drawable, engine_on, network
from tests.ops.test_native import blobs

SIZE = (128, 192) if amx.available() else (64, 128)
"""Of label maps: with a matrix unit some of its tiles must lie within a picture."""


class Fresh:
    """An engine that keeps nothing from picture to picture."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __call__(self, labels: Tensor, **given: Tensor | None) -> Tensor:
        self._engine.forget()
        return self._engine(labels, **given)


def engines(generator: SpadeGenerator, backend: str = "torch") -> tuple[Engine, Fresh]:
    """One that edits, and one to compare with."""
    return engine_on(backend, generator, "features"), Fresh(engine_on(backend, generator))


def strokes(labels: Tensor, count: int, seed: int = 0, classes: int = CLASSES) -> Iterator[Tensor]:
    """The map (1, H, W) after each of many strokes: dots, lines, far pairs, borders, undone and nothing."""
    draws = torch.Generator().manual_seed(seed)
    height, width = labels.shape[1:]
    y, x = torch.arange(height)[:, None], torch.arange(width)
    before = labels

    def some(most: int) -> int:
        return int(torch.randint(0, most, (1,), generator=draws))

    def dot(radius: int, inside: bool = True) -> Tensor:
        row, column = some(height), some(width if inside else 2)
        return (y - row) ** 2 + (x - column) ** 2 <= radius**2

    for number in range(count):
        now, kind = labels.clone(), number % 8
        if kind < 4:
            now[0][dot((0, 2, 4, 9)[kind])] = some(classes)
        elif kind == 4:
            now[0][(y * width - x * height + some(height * width) // 2).abs() < width] = some(classes)
        elif kind == 5:
            now[0][dot(3) | dot(3, inside=False)] = some(classes)
        elif kind == 6:
            now = before  # undone
        before, labels = labels, now
        yield labels


def check(pair: tuple[Engine, Fresh], maps: Iterator[Tensor], **given: Tensor) -> None:
    edited, fresh = pair
    for number, labels in enumerate(maps):
        assert torch.equal(edited(labels, **given), fresh(labels, **given)), number


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("backend", BACKENDS)
def test_strokes(backend: str, case: str) -> None:
    if not drawable(backend, case):
        pytest.skip("not drawn there")
    generator = network(**CASES[case])
    style = {} if generator.style_dim is None else {"style": torch.randn(1, STYLE)}
    check(engines(generator, backend), strokes(blobs(1, *SIZE, CLASSES), 24), **style)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("width", [3, 5])
def test_few_channels(backend: str, width: int) -> None:
    """Whose tables have few columns: there a matrix product may treat its rows differently."""
    torch.manual_seed(0)
    generator = SpadeGenerator(num_classes=CLASSES, width=width, hidden=10).eval()
    check(engines(generator, backend), strokes(blobs(1, 64, 128, CLASSES), 8))


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_hundred_and_fifty_strokes(backend: str) -> None:
    """Long enough for tables to be full and cleared, again and again."""
    check(engines(network(instances=True), backend), strokes(blobs(1, 64, 128, CLASSES), 250, seed=1))


def test_tables_alone_follow_strokes() -> None:
    generator = network()
    pair = engine_on("torch", generator), Fresh(engine_on("torch", generator))
    check(pair, strokes(blobs(1, 64, 128, CLASSES), 16))


def test_public_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "available", lambda: False)
    check(engines(network()), strokes(blobs(1, 64, 96, CLASSES), 12))


def test_strips_of_any_height(monkeypatch: pytest.MonkeyPatch) -> None:
    """With few pixels a strip, strokes touch some strips of every level and leave others."""
    monkeypatch.setattr("semsynth.inference.torch_backend._STRIP", 256)
    check(engines(network(**CASES["labels"])), strokes(blobs(1, 64, 96, CLASSES), 24))


def test_a_class_never_seen_before() -> None:
    labels = blobs(1, 128, 128, CLASSES - 1)
    edited = labels.clone()
    edited[0, 60:66, 70:75] = CLASSES - 1
    check(engines(network()), iter([labels, edited, labels]))


def test_instances_and_their_boundaries() -> None:
    edited, fresh = engines(network(instances=True))
    labels = blobs(1, 128, 128, CLASSES)
    for instances in strokes(labels, 16, classes=50):
        assert torch.equal(edited(labels, instances=instances), fresh(labels, instances=instances))


@pytest.mark.parametrize("case", ["style", "labels+style"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_styles_and_strokes_mixed(case: str, backend: str) -> None:
    edited, fresh = engines(network(**CASES[case]), backend)
    draws = torch.Generator().manual_seed(0)
    look: dict[str, Tensor | None] = {"style": torch.randn(1, STYLE, generator=draws), "noise_offset": None}
    for number, labels in enumerate(strokes(blobs(1, *SIZE, CLASSES), 24)):
        if number % 3 == 1:
            look["style"] = torch.randn(1, STYLE, generator=draws)
        if number % 5 == 2:
            look["noise_offset"] = torch.randint(4000, (1, 2), generator=draws)
        assert torch.equal(edited(labels, **look), fresh(labels, **look)), number


def test_other_maps_sizes_and_batches_in_between() -> None:
    pair = engines(network())
    one, other = blobs(1, 128, 128, CLASSES), blobs(1, 128, 128, CLASSES, 1)
    check(pair, iter([one, other, one[:, :64], blobs(2, 64, 96, CLASSES), one[:, :64], one]))


def test_pictures_given_away_stay_as_they_are() -> None:
    edited, _ = engines(network())
    labels, changed = blobs(1, 64, 64, CLASSES), blobs(1, 64, 64, CLASSES).clone()
    changed[0, :20] = 0
    first = edited(labels)
    kept = first.clone()
    assert not torch.equal(edited(changed), first)
    assert torch.equal(first, kept)


def test_after_an_error_the_next_picture_is_right() -> None:
    edited, fresh = engines(network(**CASES["labels+style"]))
    maps = list(strokes(blobs(1, 64, 64, CLASSES), 3))
    style = torch.randn(1, STYLE)
    edited(maps[0], style=style)
    with pytest.raises(Exception, match="style"):
        edited(maps[1])
    assert torch.equal(edited(maps[2], style=style), fresh(maps[2], style=style))
