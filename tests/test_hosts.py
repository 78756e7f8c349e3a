"""Within other programs: threads, forks, pickles, notebooks, and what they have told PyTorch and NumPy."""

import contextlib
import copy
import io
import multiprocessing
import pickle
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semsynth import Synthesizer
from semsynth.errors import SemsynthError
from semsynth.evaluation.features import lite2_extractor
from semsynth.evaluation.segmenters import load_segmenter
from semsynth.explain import explain_normalization
from semsynth.export import export_program
from semsynth.hub import Model, load_model, save_model
from semsynth.hub.importing import import_model
from semsynth.inference import engine
from semsynth.labels import LabelSpace, write_label_map
from semsynth.models import create_model
from semsynth.models.spade import SpadeGenerator
from semsynth.ops.init import initialize
from semsynth.pipeline import Result
from semsynth.training.loop import train
from tests.models.spade_names import published_generator
from tests.small import SPACE, small_folder, small_model
from tests.training.tiny import paint, tiny_recipe


def scene(number: int = 0, height: int = 32, width: int = 32) -> np.ndarray:
    """Another map for every number."""
    ids = np.full((height, width), number % 4, np.int64)
    ids[height // 2 :] = (number + 1) % 4
    ids[:8, : 4 + number] = (number + 2) % 4
    return ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_folder(tmp_path_factory.mktemp("models") / "park")


@pytest.fixture(scope="module")
def synthesizer(folder: Path) -> Synthesizer:
    return Synthesizer.from_pretrained(folder, precision="float32")


# ---- threads


@pytest.mark.parametrize("follows", [False, True], ids=["plain", "incremental"])
def test_a_thread_that_pauses_anywhere_gets_its_own_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch, follows: bool
) -> None:
    """Threads may be switched at any line; here they are, wherever what is kept is looked at or used."""
    painter = Synthesizer.from_pretrained(folder, precision="float32", incremental=follows)
    maps = [scene(0), scene(1)]
    expected = [painter(ids, "noon", seed=i).images for i, ids in enumerate(maps)]

    def slowed(function: Callable[..., Any]) -> Callable[..., Any]:
        def slow(*args: Any, **kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            time.sleep(0.02)
            return result

        return slow

    monkeypatch.setattr(engine, "cover", slowed(engine.cover))
    for name in ("_begin", "_follow", "_repaint"):
        monkeypatch.setattr(engine.Engine, name, slowed(getattr(engine.Engine, name)))
    monkeypatch.setattr(SpadeGenerator, "pyramid", slowed(SpadeGenerator.pyramid))

    def draw(i: int) -> list[Tensor]:
        return [painter(maps[i], "noon", seed=i).images for _ in range(4)]

    with ThreadPoolExecutor(2) as pool:
        for want, drawn in zip(expected, pool.map(draw, range(2)), strict=True):
            for images in drawn:
                assert (images - want).abs().max() <= 2e-5


@pytest.mark.parametrize("follows", [False, True], ids=["plain", "incremental"])
def test_threads_with_maps_sizes_styles_and_mistakes_of_their_own(folder: Path, follows: bool) -> None:
    painter = Synthesizer.from_pretrained(folder, precision="float32", incremental=follows)
    tasks: list[tuple[Any, Any, dict[str, Any]]] = [
        (scene(0), "noon", {"seed": 1}),
        (scene(1), None, {"seed": 2}),
        (scene(2, 40, 56), "dusk", {"seed": 3}),
        (scene(3), Image.new("RGB", (64, 64), "gray"), {"seed": 4, "size": (64, 32)}),
    ]
    expected = [painter(ids, style, **more).images for ids, style, more in tasks]
    worst, refused = [0.0] * 4, [0] * 4

    def work(i: int) -> None:
        for turn in range(8):
            k = (i + turn) % 4
            ids, style, more = tasks[k]
            worst[i] = max(worst[i], float((painter(ids, style, **more).images - expected[k]).abs().max()))
            try:
                painter(np.full((32, 32), 9), style)
            except SemsynthError:
                refused[i] += 1

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert refused == [8] * 4
    assert max(worst) <= 2e-5


def test_a_failure_within_a_thread_spoils_no_later_picture(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    painter = Synthesizer.from_pretrained(folder, precision="float32", incremental=True)
    ids = scene(0, 64, 64)
    painter(ids, "noon")
    stroke = ids.copy()
    stroke[40:48, 40:48] = 3

    def fail(*_: Any) -> Tensor:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(type(painter._engine.backend), "picture", fail)  # type: ignore[attr-defined]
        with ThreadPoolExecutor(1) as pool, pytest.raises(MemoryError):
            pool.submit(painter, stroke, "noon").result()
    fresh = Synthesizer.from_pretrained(folder, precision="float32")
    assert torch.equal(painter(stroke, "noon").images, fresh(stroke, "noon").images)


# ---- what a program may have told PyTorch


@contextlib.contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def default_device(name: str) -> Iterator[None]:
    torch.set_default_device(name)
    try:
        yield
    finally:
        torch.set_default_device(None)


HOSTS: dict[str, Callable[[], contextlib.AbstractContextManager[Any]]] = {
    "float64": lambda: default_dtype(torch.float64),
    "float16": lambda: default_dtype(torch.float16),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta": lambda: default_device("meta"),
    "missing device": lambda: default_device("cuda" if not torch.cuda.is_available() else "mps"),
    "within a device": lambda: torch.device("meta"),
    "no gradients": lambda: torch.set_grad_enabled(False),
    "inference": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}
hosts = pytest.mark.parametrize("host", HOSTS.values(), ids=HOSTS)


@pytest.fixture(scope="module")
def drawn(synthesizer: Synthesizer) -> dict[str, Tensor]:
    return pictures(synthesizer)


def pictures(synthesizer: Synthesizer) -> dict[str, Tensor]:
    """What a synthesizer gives, each in a way of its own."""
    photo = np.full((50, 70, 3), 90, np.uint8)
    several = synthesizer(scene(1, 40, 56), seed=3, num_images=2)
    return {
        "several": several.images,
        "styles": several.styles,  # type: ignore[dict-item]
        "named": synthesizer(scene(2), "noon").images,
        "photo": synthesizer(scene(2), photo, size=(33, 47)).images,
        "code": synthesizer.encode_style(photo),
        "random": synthesizer.random_styles(8, 2),
        "levels": torch.from_numpy(np.stack([np.asarray(p) for p in several.pictures()])),
    }


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert value.dtype == expected[name].dtype, name
        assert not value.is_inference() or name == "levels", name
        assert torch.equal(value, expected[name]), name


@hosts
def test_pictures_are_the_same_whatever_the_program_has_set(
    host: Callable[[], Any], folder: Path, synthesizer: Synthesizer, drawn: dict[str, Tensor]
) -> None:
    with host():
        earlier = pictures(synthesizer)
        now = pictures(Synthesizer.from_pretrained(folder, precision="float32"))
        painter = Synthesizer.from_pretrained(folder, precision="float32", incremental=True)
        followed = painter(scene(2), "noon").images
    assert_same(earlier, drawn)
    assert_same(now, drawn)
    assert (followed - drawn["named"]).abs().max() <= 2e-5
    painter(scene(2), "noon")  # and goes on without


@pytest.mark.parametrize("family", ["crn", "pix2pixhd", "oasis", "ccfpse", "concat"])
def test_other_families_too(family: str) -> None:
    def draw() -> Tensor:
        generator = create_model(family, num_classes=4, width=4)
        initialize(generator, "xavier", 0.5, generator=torch.Generator().manual_seed(0))
        return Synthesizer(Model(generator.eval(), SPACE, (64, 64)))(scene(1, 64, 64), seed=1).images

    expected = draw()
    with default_dtype(torch.float64):
        assert torch.equal(draw(), expected)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, without_curves: None) -> Path:
    return paint(tmp_path_factory.mktemp("data") / "set")


def trained(data: Path, folder: Path) -> dict[str, Tensor]:
    """Two steps of everything SPADE's objective has."""
    train(tiny_recipe(data, run__images=8, run__checkpoint_images=8, run__sample_images=8), folder)
    model = load_model(folder / "model")
    networks = {"generator": model.generator, "style encoder": model.style_encoder}
    return {
        f"{kind} {name}": value
        for kind, network in networks.items()
        for name, value in network.state_dict().items()  # type: ignore[union-attr]
    }


@pytest.fixture(scope="module")
def weights(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Tensor]:
    return trained(data, tmp_path_factory.mktemp("run") / "plain")


@hosts
def test_training_is_the_same_whatever_the_program_has_set(
    host: Callable[[], Any], data: Path, weights: dict[str, Tensor], tmp_path: Path
) -> None:
    with host():
        found = trained(data, tmp_path / "run")
    assert_same(found, weights)


PHOTO = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
PICTURE = torch.from_numpy(PHOTO).permute(2, 0, 1)[None].float() / 127.5 - 1


def segmented() -> tuple[Any, Tensor]:
    return lite2_extractor()([PHOTO]), load_segmenter("pretrained:segmenter-siftflow")(PICTURE)


@pytest.fixture(scope="module")
def expected() -> tuple[Any, Tensor]:
    return segmented()


@hosts
def test_segmenting_is_the_same_whatever_the_program_has_set(
    host: Callable[[], Any], expected: tuple[Any, Tensor]
) -> None:
    features, classes = expected
    with host():
        found_features, found_classes = segmented()
    assert np.array_equal(found_features, features)
    assert np.array_equal(found_classes.numpy(), classes.numpy())


def files_of(folder: Path, given: Path, to: Path) -> tuple[dict[str, Tensor], Any, dict[str, bytes]]:
    """What is made of a published file and of a model folder."""
    imported, _ = import_model("spade", given / "G.pth", labels=str(given / "labels.json"))
    save_model(to, load_model(folder))
    answers = explain_normalization(load_model(folder), "park")
    graph = export_program(load_model(folder).generator, (32, 32))
    parameters = {str(value.dtype) for value in graph.state_dict.values() if value.is_floating_point()}
    files = {path.name: path.read_bytes() for path in to.glob("*.safetensors")}
    assert parameters == {"torch.float32"}
    return dict(imported.generator.state_dict()), answers, files


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator's published file, and its labels."""
    given = tmp_path_factory.mktemp("published")
    torch.save(published_generator(create_model("spade", num_classes=4, width=2, hidden=8)), given / "G.pth")
    SPACE.save(given / "labels.json")
    return given


@pytest.fixture(scope="module")
def made(folder: Path, published: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    return files_of(folder, published, tmp_path_factory.mktemp("made") / "plain")


@hosts
def test_model_files_are_the_same_whatever_the_program_has_set(
    host: Callable[[], Any], folder: Path, published: Path, made: tuple[Any, ...], tmp_path: Path
) -> None:
    state, answers, files = made
    with host():
        found_state, found_answers, found_files = files_of(folder, published, tmp_path / "other")
    assert_same(found_state, state)
    assert found_files == files
    assert found_answers.layers == answers.layers
    assert torch.equal(found_answers.pictures, answers.pictures)


def test_the_program_finds_its_settings_as_they_were(folder: Path) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
            with contextlib.suppress(SemsynthError):
                Synthesizer.from_pretrained(folder)(scene(), "no such style")
            assert torch.is_inference_mode_enabled()
            assert torch.is_autocast_enabled("cpu")
            assert torch.empty(0).device.type == "meta"
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


# ---- numbers of NumPy's


def test_numbers_may_be_numpys(synthesizer: Synthesizer) -> None:
    expected = synthesizer(scene(), seed=3, num_images=2, size=(40, 48))
    for kind in (np.int64, np.int32, np.uint8, np.uint64, lambda value: torch.tensor(value)):
        found = synthesizer(scene(), seed=kind(3), num_images=kind(2), size=(kind(40), kind(48)))
        assert torch.equal(found.images, expected.images)
        assert type(found.seed) is int
    assert torch.equal(synthesizer(scene(), seed=3, num_images=2, size=[40, 48]).images, expected.images)  # type: ignore[arg-type]
    assert torch.equal(
        synthesizer(scene(), seed=3, num_images=2, size=np.array([40, 48])).images,  # type: ignore[arg-type]
        expected.images,
    )
    moved = synthesizer(scene(), "noon", noise_offset=np.array([3, 4])).images
    assert torch.equal(moved, synthesizer(scene(), "noon", noise_offset=torch.tensor([3, 4])).images)
    assert torch.equal(synthesizer.random_styles(np.int64(3), np.int32(2)), synthesizer.random_styles(3, 2))


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"seed": True}, r"The seed is True \(bool\).*whole number"),
        ({"seed": np.True_}, "whole number"),
        ({"seed": torch.tensor(True)}, "whole number"),
        ({"seed": 3.0}, r"The seed is 3\.0 \(float\)"),
        ({"seed": "3"}, "whole number"),
        ({"seed": np.float64(3)}, "whole number"),
        ({"seed": 2**63}, "The seed is 9223372036854775808"),
        ({"num_images": False}, "num_images is False"),
        ({"num_images": 2.5}, "num_images"),
        ({"size": 64}, r"\(height, width\)"),
        ({"size": (64,)}, r"\(height, width\)"),
        ({"size": (64, True)}, "width is True"),
        ({"size": (64, 64.0)}, "width"),
        ({"size": (-64, 64)}, "height is -64"),
        ({"size": "ab"}, "height"),
        ({"noise_offset": [1.5, 2.5]}, "integers"),
    ],
)
def test_what_is_no_number_is_a_sentence(
    synthesizer: Synthesizer, options: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(SemsynthError, match=pattern):
        synthesizer(scene(), **options)


# ---- maps, instances and photographs as programs hold them


def in_every_form(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """One image file, as it may be handed over."""
    monkeypatch.chdir(path.parent)
    content = path.read_bytes()
    yield from (path, str(path), path.name, content, io.BytesIO(content), Image.open(path), path.open("rb"))


def test_a_map_is_the_same_in_every_form(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = scene(1, 40, 56)
    colors = SPACE.colorize(ids)
    write_label_map(tmp_path / "indexed.png", ids, SPACE)
    Image.fromarray(colors).save(tmp_path / "rgb.png")
    Image.fromarray(colors).convert("RGBA").save(tmp_path / "rgba.png")
    Image.fromarray(ids.astype(np.uint8)).save(tmp_path / "grey.png")
    expected = synthesizer(ids, seed=1).images
    for path in sorted(tmp_path.glob("*.png")):
        for labels in in_every_form(path, monkeypatch):
            assert torch.equal(synthesizer(labels, seed=1).images, expected), (path.name, type(labels))
    arrays = [
        colors,
        np.dstack([colors, np.full(ids.shape, 255, np.uint8)]),
        colors[::-1][::-1],
        np.dstack([ids.astype(np.uint8)] * 3),  # as OpenCV reads a grey file
        ids[..., None],
        ids[None],
        ids.astype(">i4"),
        ids.astype(np.uint64),
        np.asfortranarray(ids),
        ids.tolist(),
        torch.from_numpy(ids).to(torch.uint8),
        torch.from_numpy(colors),
    ]
    for array in arrays:
        assert torch.equal(synthesizer(array, seed=1).images, expected)


def test_a_list_of_maps(synthesizer: Synthesizer, tmp_path: Path) -> None:
    maps = [scene(i) for i in range(3)]
    write_label_map(tmp_path / "first.png", maps[0], SPACE)
    expected = synthesizer(np.stack(maps), seed=1).images
    given = [tmp_path / "first.png", Image.fromarray(SPACE.colorize(maps[1])), torch.from_numpy(maps[2])]
    assert torch.equal(synthesizer(given, seed=1).images, expected)
    assert torch.equal(synthesizer(tuple(given), seed=1).images, expected)
    with pytest.raises(SemsynthError, match="different sizes, such as 32x32 and 40x32"):
        synthesizer([maps[0], scene(0, 40)])
    with pytest.raises(SemsynthError, match="empty list"):
        synthesizer([])
    with pytest.raises(SemsynthError, match="Label map 1 of the list holds the ids 9"):
        synthesizer([maps[0], np.full((32, 32), 9)])


def one_hot(ids: np.ndarray, classes: int = 4) -> np.ndarray:
    return np.eye(classes, dtype=np.uint8)[ids]


@pytest.mark.parametrize(
    ("labels", "pattern"),
    [
        (one_hot(scene()).transpose(2, 0, 1), r"\(4, 32, 32\).*argmax\(0\)"),
        (one_hot(scene()), r"\(32, 32, 4\).*argmax\(2\)"),
        (one_hot(scene(), 5), r"\(32, 32, 5\).*argmax\(2\)"),
        (torch.from_numpy(one_hot(scene(), 5).transpose(2, 0, 1)).bool(), r"\(5, 32, 32\).*argmax\(0\)"),
        (SPACE.colorize(scene())[..., ::-1], "red and blue exchanged.*COLOR_BGR2RGB"),
        (torch.from_numpy(SPACE.colorize(scene())[..., ::-1].copy()), "red and blue exchanged"),
        (SPACE.colorize(scene()).astype(np.float32), r"float32 of shape \(32, 32, 3\)"),
        (SPACE.colorize(scene()).astype(np.int64), r"int64 of shape \(32, 32, 3\)"),
        (scene().astype(np.float64), r"float64 of shape \(32, 32\).*astype"),
        (np.zeros((32, 32, 3, 1, 1), np.uint8), r"uint8 of shape \(32, 32, 3, 1, 1\)"),
        (np.array(["a"]), "of shape"),
        (np.ma.masked_equal(scene(), 1), "masked"),
        (torch.zeros(32, 32, dtype=torch.int64, device="meta"), "meta device"),
        (torch.zeros(32, 32, dtype=torch.bfloat16), "integers"),
        (b"no picture", "cannot be read as an image"),
        (b"", "is empty"),
        (io.StringIO("text"), "opened as text"),
        (None, "NoneType"),
        ({"a": 1}, "dict"),
        ([[1, 2], [3]], "unequal lengths"),
    ],
)
def test_arrays_that_are_no_label_map_are_sentences(
    synthesizer: Synthesizer, labels: Any, pattern: str
) -> None:
    with pytest.raises(SemsynthError, match=pattern):
        synthesizer(labels)


def test_a_stack_of_maps_of_two_classes_is_no_one_hot(synthesizer: Synthesizer) -> None:
    maps = np.stack([scene(0) % 2 for _ in range(4)])  # as many maps as there are classes
    assert synthesizer(maps, seed=1).images.shape[0] == 4


def test_what_was_repaired_is_told(synthesizer: Synthesizer, tmp_path: Path) -> None:
    colors = SPACE.colorize(scene())
    colors[0, 0] += 3
    drawn = synthesizer(colors, seed=1)
    assert any("1 pixels" in note for note in drawn.notes)
    assert "1 pixels" in repr(drawn)
    assert synthesizer(scene(), seed=1).notes == ()
    Image.fromarray(colors).save(tmp_path / "map.png")
    assert synthesizer([tmp_path / "map.png", colors], seed=1).notes == drawn.notes


def test_instances_in_every_form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    painter = Synthesizer(small_model(styled=False, instances=True))
    ids = scene()
    instances = np.arange(32 * 32).reshape(32, 32) // 100 * 300
    Image.fromarray(instances.astype(np.uint16)).save(tmp_path / "instances.png")
    expected = painter(ids, instances=instances).images
    assert not torch.equal(expected, painter(ids).images)
    for given in in_every_form(tmp_path / "instances.png", monkeypatch):
        assert torch.equal(painter(ids, instances=given).images, expected)
    coloured = np.stack([instances % 256, instances // 256, 0 * instances], 2).astype(np.uint8)
    Image.fromarray(coloured).save(tmp_path / "coloured.png")
    for given in (coloured, *in_every_form(tmp_path / "coloured.png", monkeypatch)):
        assert torch.equal(painter(ids, instances=given).images, expected)
    with pytest.raises(SemsynthError, match="instance map is float64"):
        painter(ids, instances=np.zeros((32, 32)))


def test_photographs_in_every_form(
    synthesizer: Synthesizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    expected = synthesizer.encode_style(pixels)
    for given in in_every_form(tmp_path / "photo.png", monkeypatch):
        assert torch.equal(synthesizer.encode_style(given), expected)
    for given in in_every_form(tmp_path / "photo.png", monkeypatch):
        drawn = synthesizer(scene(), given).styles
        assert drawn is not None
        assert torch.equal(drawn[0], expected)
    opaque = np.dstack([pixels, np.full((50, 70), 255, np.uint8)])
    assert torch.equal(synthesizer.encode_style(opaque), expected)
    grey = synthesizer.encode_style(pixels[..., 0])
    assert torch.equal(grey, synthesizer.encode_style(np.dstack([pixels[..., 0]] * 3)))
    assert torch.equal(grey, synthesizer.encode_style(pixels[..., :1]))


@pytest.mark.parametrize(
    ("style", "pattern"),
    [
        (np.random.default_rng(0).random((20, 20, 3)), r"float64 of shape \(20, 20, 3\)"),
        (torch.full((3, 20, 20), 200.0), "reaches from 200 to 200"),
        (torch.full((3, 20, 20), float("nan")), r"\[-1, 1\]"),
        (torch.zeros(3, 20, 20, dtype=torch.uint8), "floating point"),
        (np.zeros((3, 20, 20), np.uint8), r"\(3, 20, 20\)"),
        (b"no picture", "cannot be read as an image"),
        ("x" * 5000, "neither a photograph nor a style"),
        ("a\0b", "neither a photograph nor a style"),
        ([["a"]], "numbers, a name or a photograph"),
        ([[0.0], [0.0, 1.0]], "numbers, a name or a photograph"),
        (5, "int"),
    ],
)
def test_what_is_no_style_is_a_sentence(synthesizer: Synthesizer, style: Any, pattern: str) -> None:
    with pytest.raises(SemsynthError, match=pattern):
        synthesizer(scene(), style)


def test_a_style_may_be_a_list(synthesizer: Synthesizer) -> None:
    numbers = [0.5] * 6
    vector = torch.tensor(numbers)
    assert torch.equal(synthesizer(scene(), numbers).images, synthesizer(scene(), vector).images)
    assert torch.equal(
        synthesizer(scene(), vector.double().requires_grad_()).images, synthesizer(scene(), vector).images
    )


# ---- pickles and copies


def copies_of(value: Any) -> list[Any]:
    joblib = pytest.importorskip("joblib") if "joblib" in sys.modules else None
    copies = [copy.deepcopy(value), copy.copy(value)]
    copies += [pickle.loads(pickle.dumps(value, protocol)) for protocol in (2, 4, pickle.HIGHEST_PROTOCOL)]
    if joblib is not None:
        joblib.dump(value, buffer := io.BytesIO())
        copies.append(joblib.load(io.BytesIO(buffer.getvalue())))
    return copies


@pytest.mark.parametrize("follows", [False, True])
def test_copies_of_a_loaded_synthesizer(folder: Path, follows: bool) -> None:
    original = Synthesizer.from_pretrained(folder, precision="float32", incremental=follows)
    original.styles["mine"] = torch.full((6,), 0.123456789)
    expected = original(scene(), "mine", seed=4)
    for twin in copies_of(original):
        assert torch.equal(twin(scene(), "mine", seed=4).images, expected.images)
        assert torch.equal(original(scene(), "mine", seed=4).images, expected.images)
        assert repr(twin) == repr(original)
    assert len(pickle.dumps(original)) < 5000  # the folder, not the weights


def test_copies_of_a_synthesizer_in_memory() -> None:
    model = small_model(instances=True)
    original = Synthesizer(model, precision="float32")
    expected = original(scene(), "noon", seed=4).images
    photo = np.full((64, 64, 3), 77, np.uint8)
    for twin in copies_of(original):
        assert torch.equal(twin(scene(), "noon", seed=4).images, expected)
        assert torch.equal(twin.encode_style(photo), original.encode_style(photo))
        again = pickle.loads(pickle.dumps(twin))
        assert torch.equal(again(scene(), "noon", seed=4).images, expected)


def test_a_pickle_knows_when_its_folder_holds_another_model(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    pickled = pickle.dumps(Synthesizer.from_pretrained(folder))
    save_model(folder, small_model(instances=True), overwrite=True)
    with pytest.raises(SemsynthError, match="another model than the one that was pickled"):
        pickle.loads(pickled)
    folder.rename(tmp_path / "moved")
    with pytest.raises(SemsynthError, match="no model"):
        pickle.loads(pickled)


def test_results_and_label_sets_can_be_copied(synthesizer: Synthesizer) -> None:
    result = synthesizer(scene(), seed=1)
    for twin in copies_of(result):
        assert torch.equal(twin.images, result.images)
        assert (twin.seed, twin.notes) == (result.seed, result.notes)
    space = LabelSpace.named("siftflow")
    assert space.groups  # which is kept once it has been asked for
    for other in copies_of(space):
        assert other == space
        assert other.groups == space.groups


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_a_synthesizer_leaves_the_model_alone(name: Any) -> None:
    """Its generator draws, trains and is copied afterwards as before."""
    model = small_model()
    before = {key: value.clone() for key, value in model.generator.state_dict().items()}
    Synthesizer(model, precision=name)
    after = model.generator.state_dict()
    assert after.keys() == before.keys()
    for key, value in after.items():
        assert value.dtype == before[key].dtype
        assert torch.equal(value, before[key])
    twin = copy.deepcopy(model.generator)
    ids, style = torch.from_numpy(scene())[None], torch.ones(1, 6)
    assert torch.equal(twin(ids, style=style), model.generator(ids, style=style))


# ---- forks

FORK = textwrap.dedent(
    """
    import multiprocessing, sys, threading
    import numpy as np
    import torch
    from semsynth import Synthesizer
    from semsynth.errors import SemsynthError

    folder, mode = sys.argv[1:]
    torch.set_num_threads(1 if mode == "one thread" else 2)
    ids = np.zeros((64, 64), np.int64)
    painter = None if mode == "not loaded" else Synthesizer.from_pretrained(folder, precision="float32")
    if painter is not None:
        painter(ids, seed=1)

    def draw(queue):
        if mode == "one thread in the child":
            torch.set_num_threads(1)
        def paint():
            try:
                found = painter or Synthesizer.from_pretrained(folder, precision="float32")
                queue.put(float(found(ids, seed=1).images.mean()))
            except SemsynthError as error:
                queue.put(str(error))
        if mode == "thread of the child":
            thread = threading.Thread(target=paint)
            thread.start()
            thread.join()
        else:
            paint()

    if __name__ == "__main__":
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        process = context.Process(target=draw, args=(queue,))
        process.start()
        print(queue.get(timeout=60))
        process.join(20)
        assert process.exitcode == 0
    """
)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
@pytest.mark.parametrize(
    "mode", ["used", "one thread", "one thread in the child", "not loaded", "thread of the child"]
)
def test_a_forked_process_draws_or_says_why_not(folder: Path, tmp_path: Path, mode: str) -> None:
    script = tmp_path / "fork.py"
    script.write_text(FORK, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script, folder, mode], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    if mode == "used":
        assert "forked" in done.stdout
        assert 'get_context("spawn")' in done.stdout
        assert "set_num_threads(1)" in done.stdout
    else:
        float(done.stdout)


# ---- notebooks


@pytest.mark.parametrize(
    ("count", "size"), [(1, (32, 24)), (2, (64, 24)), (3, (96, 24)), (5, (128, 48)), (16, (128, 96))]
)
def test_a_result_shows_itself(count: int, size: tuple[int, int]) -> None:
    images = torch.linspace(-1, 1, count).view(-1, 1, 1, 1).expand(count, 3, 24, 32)
    result = Result(images, None, None, 7)
    shown = Image.open(io.BytesIO(result._repr_png_()))
    assert shown.size == size
    assert shown.getpixel((0, 0)) == result.pictures()[0].getpixel((0, 0))
    assert repr(result) == f"Result({count} picture{'s' if count > 1 else ''} of 24x32, seed=7)"


def test_many_large_pictures_are_shown_smaller() -> None:
    shown = Result(torch.zeros(8, 3, 64, 2000), None, None, 7).sheet()
    assert shown.width <= 2048
    assert shown.height >= 2


def test_a_synthesizer_is_a_line(synthesizer: Synthesizer) -> None:
    assert repr(synthesizer) == "Synthesizer(park, SpadeGenerator, 4 classes of park, 64x64, float32 on cpu)"
    assert "park" in repr(Synthesizer(small_model(), precision="float32"))
