"""The engine for browsers, run by Node: it draws what PyTorch draws, and strokes to the bit."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from semsynth import Synthesizer
from semsynth.errors import SemsynthError
from semsynth.hub import Model, load_model, save_model
from semsynth.hub.finding import EXAMPLES, find_model
from semsynth.hub.styles import encode_photo
from semsynth.labels import LabelSpace
from semsynth.labels.inputs import to_ids
from semsynth.models.spade import SpadeGenerator
from semsynth.web import module, weights
from tests.inference.test_engine import CASES, CLASSES, STYLE
from tests.inference.test_engine import network as spectral_network
from tests.inference.test_strokes import strokes
from tests.ops.test_native import blobs
from tests.small import small_folder

DRAW = Path(__file__).with_name("draw.mjs")
SPACE = LabelSpace.from_dict(
    {"name": "six", "classes": [{"name": f"class {i}", "color": [i, i, i]} for i in range(CLASSES)]}
)
DRAWABLE = ("labels", "labels+style", "larger kernels", "six doublings")


def network(**options: object) -> SpadeGenerator:
    """One whose weights are rounded as they are, not after they were divided by their spectral norm."""
    return spectral_network(spectral=False, **options)


class Browser:
    """The engine with one model.

    Attributes:
        said: What the engine told of each picture of the latest call.
    """

    def __init__(self, folder: Path, wasm: Path, packed: bytes) -> None:
        self._folder, self._files = folder, [wasm, folder / "model.bin"]
        self._files[1].write_bytes(packed)
        self.said: list[dict[str, Any]] = []

    def __call__(self, maps: Iterable[Tensor], *, fresh: bool = False, **look: object) -> Tensor:
        """Draw maps (1, H, W) of one size, one after the other: (N, 3, H, W)."""
        return self.draw([(labels, look) for labels in maps], fresh=fresh)

    def draw(self, pictures: list[tuple[Tensor, dict[str, Any]]], *, fresh: bool = False) -> Tensor:
        """The same, each in a look of its own."""
        height, width = pictures[0][0].shape[1:]
        jobs = [
            {
                "ids": base64.b64encode(labels.to(torch.uint8).numpy().tobytes()).decode(),
                **{"height": labels.shape[1], "width": labels.shape[2], "forget": fresh},
                "look": {
                    key: value.tolist() if isinstance(value, Tensor) else value for key, value in look.items()
                },
            }
            for labels, look in pictures
        ]
        return self._run(jobs).view(-1, height, width, 3).permute(0, 3, 1, 2)

    def style(self, photo: NDArray[np.uint8]) -> Tensor | None:
        """The style (Z,) of a photograph (H, W, 3)."""
        pixels = base64.b64encode(photo.tobytes()).decode()
        self._run([{"photo": pixels, "height": photo.shape[0], "width": photo.shape[1]}])
        style = self.said[0].get("style")
        return None if style is None else torch.tensor(style)

    def _run(self, jobs: list[dict[str, Any]]) -> Tensor:
        job, result = self._folder / "job.json", self._folder / "result.bin"
        job.write_text(json.dumps(jobs))
        done = subprocess.run(
            ["node", DRAW, *self._files, job, result], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        self.said = [json.loads(line) for line in done.stdout.splitlines()]
        assert all(line.get("apart", 0) <= 0.5001 for line in self.said)  # what was rounded
        return torch.from_numpy(np.fromfile(result, np.float32))


@pytest.fixture(scope="session")
def wasm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("node") is None:
        pytest.skip("there is no Node")
    target = tmp_path_factory.mktemp("wasm") / "semsynth.wasm"
    try:
        module.build(target)
    except SemsynthError as error:
        pytest.skip(str(error))
    return target


@pytest.fixture
def browser(tmp_path: Path, wasm: Path) -> Callable[[SpadeGenerator], Browser]:
    """The engine with a network whose weights fit float16."""

    def with_network(generator: SpadeGenerator) -> Browser:
        with torch.no_grad():
            for value in (*generator.parameters(), *generator.buffers()):
                value.copy_(value.half())
        folder = save_model(tmp_path / "model", Model(generator, SPACE, (64, 64)))
        return Browser(tmp_path, wasm, weights.pack(folder))

    return with_network


@pytest.fixture(scope="module")
def landscape(tmp_path_factory: pytest.TempPathFactory, wasm: Path) -> Browser:
    return Browser(tmp_path_factory.mktemp("landscape"), wasm, weights.pack("landscape"))


def drawn(generator: SpadeGenerator, labels: Tensor, **look: Tensor) -> Tensor:
    """What PyTorch draws of a map (1, H, W), or of several."""
    with torch.inference_mode():
        return generator(labels, **look)  # type: ignore[no-any-return]


def styled(generator: SpadeGenerator, seed: int = 0) -> dict[str, Tensor]:
    if generator.style_dim is None:
        return {}
    return {"style": torch.randn(generator.style_dim, generator=torch.Generator().manual_seed(seed))}


def test_the_examples_of_the_bundled_model(landscape: Browser) -> None:
    model = load_model("landscape")
    paths = sorted((find_model("landscape") / EXAMPLES).glob("*.png"))[::4]
    maps = [torch.from_numpy(to_ids(path, model.label_space)[0]) for path in paths]
    styles = torch.randn(len(maps), 64, generator=torch.Generator().manual_seed(0))
    offsets = [[0, 0], *([1000 + 17 * i, 3900 - i] for i in range(1, len(maps)))]
    found = landscape.draw(
        [(labels, {"style": styles[i], "noise": offsets[i]}) for i, labels in enumerate(maps)]
    )
    assert landscape.said[-1]["memory"] <= 300e6
    for i, labels in enumerate(maps):
        wanted = drawn(
            model.generator, labels, style=styles[i : i + 1], noise_offset=torch.tensor([offsets[i]])
        )
        assert (found[i] - wanted[0]).abs().max() <= 2e-5


def test_strokes_on_the_bundled_model(landscape: Browser) -> None:
    labels = blobs(1, 256, 256, 33)
    maps = [labels, *strokes(labels, 3, classes=33), blobs(1, 256, 256, 33, seed=1)]
    style = torch.randn(64)
    assert torch.equal(landscape(maps, style=style), landscape(maps, style=style, fresh=True))


def test_a_map_that_is_too_large(landscape: Browser) -> None:
    """It is refused, and the next is drawn as ever."""
    labels, look = blobs(1, 64, 96, 33), {"seed": 1}
    pictures = landscape.draw([(labels, look), (blobs(1, 3200, 3200, 33), look), (labels, look)])
    assert landscape.said[1]["error"] == "There is not enough memory for a picture of this size."
    assert torch.equal(pictures[0], pictures[1])


def test_a_seed_gives_what_it_gives_in_python(landscape: Browser) -> None:
    labels = blobs(1, 64, 96, 33)
    found = landscape.draw([(labels, {"seed": seed}) for seed in (0, 5, 2**31)])
    synthesizer = Synthesizer.from_pretrained("landscape", device="cpu", precision="float32")
    for picture, said, seed in zip(found, landscape.said, (0, 5, 2**31), strict=True):
        wanted = synthesizer(labels[0].numpy(), seed=seed)
        assert said["noise"] == wanted.record().noise_offset
        assert (picture - wanted.images[0]).abs().max() <= 2e-5


@pytest.mark.parametrize("size", [(256, 256), (300, 217), (100, 700)])
def test_the_style_of_a_photograph(size: tuple[int, int], landscape: Browser) -> None:
    coarse = torch.rand(1, 3, 9, 7, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=size, mode="bicubic")[0]
    photo = (255 * smooth.clamp(0, 1)).round().byte().permute(1, 2, 0).numpy()
    model = load_model("landscape")
    assert model.style_encoder is not None
    wanted = encode_photo(model.style_encoder, photo, model.image_size)[0]
    found = landscape.style(photo)
    assert found is not None
    assert (found - wanted).abs().max() <= 2e-4


@pytest.mark.parametrize("case", DRAWABLE)
def test_draws_what_the_network_draws(case: str, browser: Callable[[SpadeGenerator], Browser]) -> None:
    generator = network(**CASES[case])
    engine, look = browser(generator), styled(generator)
    rows = {key: value[None] for key, value in look.items()}
    for size in ((64, 128), (192, 64)):
        labels = blobs(2, *size, CLASSES)
        wanted = torch.cat([drawn(generator, one, **rows) for one in labels[:, None]])
        assert (engine([*labels[:, None], labels[:1]], **look) - wanted[[0, 1, 0]]).abs().max() <= 2e-5


@pytest.mark.parametrize("case", ["labels+style", "larger kernels"])
def test_strokes(case: str, browser: Callable[[SpadeGenerator], Browser]) -> None:
    generator = network(**CASES[case])
    engine, look = browser(generator), styled(generator)
    labels = blobs(1, 64, 128, CLASSES)
    maps = [labels, *strokes(labels, 64)]
    edited = engine(maps, **look)
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (line["changed"] for line in engine.said)]
    assert 0 in areas  # nothing had changed
    assert any(0 < area < 64 * 128 for area in areas)
    assert torch.equal(edited, engine(maps, **look, fresh=True))


def test_styles_of_classes(browser: Callable[[SpadeGenerator], Browser]) -> None:
    generator = network(**CASES["labels+style"])
    engine, labels = browser(generator), blobs(1, 64, 128, CLASSES)
    rows = torch.randn(CLASSES, STYLE)
    other = rows.clone()
    other[2] = torch.randn(STYLE)
    same = rows[:1].expand(CLASSES, -1)
    styles = [rows, other, rows[0], same, other, rows]
    maps = [labels] * 2 + list(strokes(labels, len(styles) - 2))
    pictures = [(one, {"style": style}) for one, style in zip(maps, styles, strict=True)]
    found = engine.draw(pictures)
    assert torch.equal(found, engine.draw(pictures, fresh=True))
    for picture, one, style in zip(found, maps, styles, strict=True):
        assert (picture - drawn(generator, one, style=style[None])[0]).abs().max() <= 2e-5


def test_what_cannot_be_drawn_is_refused(browser: Callable[[SpadeGenerator], Browser]) -> None:
    engine, labels = browser(network(**CASES["labels+style"])), blobs(1, 64, 128, CLASSES)
    style = torch.zeros(STYLE)
    engine.draw(
        [
            (labels, {"style": style}),
            (labels[:, :50], {"style": style}),
            (labels + CLASSES, {"style": style}),
            (labels, {"style": style[1:]}),
            (labels, {"style": style[None]}),
            (labels, {}),
            (labels, {"style": style, "noise": [0, -1]}),
            (labels, {"style": style}),
        ]
    )
    assert [line.get("error", "").partition(";")[0] for line in engine.said] == [
        "",
        "The sides of a label map are multiples of 32",
        "The ids are 0 to 5",
        *["A style is 9 numbers, or as many for each of 6 classes."] * 3,
        "A noise offset is two whole numbers.",
        "",
    ]


@pytest.mark.parametrize("case", ["instances", "style", "instance norm"])
def test_networks_that_browsers_do_not_draw(case: str, tmp_path: Path) -> None:
    save_model(tmp_path / "model", Model(network(**CASES[case]), SPACE, (64, 64)))
    with pytest.raises(SemsynthError, match="A browser cannot draw with this model: its network has"):
        weights.pack(tmp_path / "model")


def test_packing_is_the_same_every_time(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "model")
    assert weights.pack(folder) == weights.pack(folder)
