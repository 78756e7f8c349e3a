"""From label map to picture: sizes, seeds, styles, and every way to give each of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semsynth import Synthesizer, device
from semsynth.errors import SemsynthError
from semsynth.hub import save_model
from semsynth.images import to_photo
from semsynth.labels import LabelSpace, write_label_map
from semsynth.labels.inputs import to_ids
from semsynth.pipeline import MAX_PIXELS
from tests.small import SPACE, small_folder, small_model


@pytest.fixture(scope="module")
def synthesizer(tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    return Synthesizer.from_pretrained(small_folder(tmp_path_factory.mktemp("models") / "park"))


@pytest.fixture(scope="module")
def plain() -> Synthesizer:
    """Without styles, with instances."""
    return Synthesizer(small_model(styled=False, instances=True))


def scene(height: int = 40, width: int = 56) -> np.ndarray:
    ids = np.zeros((height, width), np.int64)
    ids[height // 2 :] = 2
    ids[height // 3 : height // 2, width // 4 : width // 2] = 1
    return ids


# ---- seeds


def test_same_seed_same_bytes_another_seed_another_picture(synthesizer: Synthesizer) -> None:
    one, again, other = (synthesizer(scene(), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(one.images, again.images)
    assert one.styles is not None
    assert again.styles is not None
    assert torch.equal(one.styles, again.styles)
    assert not torch.equal(one.images, other.images)


def test_a_seed_is_drawn_and_reported(synthesizer: Synthesizer) -> None:
    drawn = synthesizer(scene())
    assert torch.equal(synthesizer(scene(), seed=drawn.seed).images, drawn.images)
    assert synthesizer(scene()).seed != drawn.seed


def test_the_first_of_many_is_the_one_alone(synthesizer: Synthesizer) -> None:
    many = synthesizer(scene(), seed=5, num_images=3)
    assert many.images.shape == (3, 3, 40, 56)
    assert torch.equal(many.images[:1], synthesizer(scene(), seed=5).images)
    assert len({image.numpy().tobytes() for image in many.images}) == 3


def test_drawing_leaves_torchs_own_randomness_alone(synthesizer: Synthesizer) -> None:
    before = torch.get_rng_state()
    synthesizer(scene(), num_images=2)
    assert torch.equal(torch.get_rng_state(), before)


# ---- sizes


@pytest.mark.parametrize("size", [(32, 64), (33, 31), (8, 100), (64, 8)])
def test_any_size_comes_out_as_it_went_in(synthesizer: Synthesizer, size: tuple[int, int]) -> None:
    result = synthesizer(scene(*size), seed=0)
    assert result.images.shape == (1, 3, *size)
    assert result.images.dtype == torch.float32
    assert result.images.isfinite().all()
    assert result.images.abs().max() <= 1


def test_padding_repeats_the_border(synthesizer: Synthesizer) -> None:
    ids = scene(40, 56)
    padded = np.pad(ids, ((0, 24), (0, 8)), mode="edge")  # to multiples of 32
    cropped = synthesizer(padded, seed=0).images[:, :, :40, :56]
    assert torch.equal(synthesizer(ids, seed=0).images, cropped)


def test_a_size_resizes_the_map_by_nearest(synthesizer: Synthesizer) -> None:
    ids = scene(16, 32)
    doubled = ids.repeat(4, 0).repeat(4, 1)
    assert torch.equal(synthesizer(ids, seed=0, size=(64, 128)).images, synthesizer(doubled, seed=0).images)


@pytest.mark.parametrize(
    ("ids", "size"),
    [
        (scene(1, 1), None),
        (scene(7, 40), None),
        (scene(), (4, 64)),
        (scene(), (4096, MAX_PIXELS // 4096 + 1)),
    ],
)
def test_sizes_that_make_no_picture_are_refused(
    synthesizer: Synthesizer, ids: np.ndarray, size: tuple[int, int] | None
) -> None:
    with pytest.raises(SemsynthError, match=r"8 pixels a side|larger than"):
        synthesizer(ids, size=size)


# ---- ways to give a label map


def test_all_kinds_of_label_maps_are_the_same(synthesizer: Synthesizer, tmp_path: Path) -> None:
    ids = scene()
    write_label_map(tmp_path / "map.png", ids, SPACE)
    Image.fromarray(SPACE.colorize(ids)).save(tmp_path / "colours.png")
    expected = synthesizer(ids, seed=1).images
    for labels in (
        tmp_path / "map.png",
        str(tmp_path / "colours.png"),
        ids.astype(np.uint8),
        Image.fromarray(ids.astype(np.uint8)),
        torch.from_numpy(ids),
        torch.from_numpy(ids)[None].to(torch.int16),
    ):
        assert torch.equal(synthesizer(labels, seed=1).images, expected)


def test_a_batch_of_maps(synthesizer: Synthesizer) -> None:
    maps = torch.stack([torch.from_numpy(scene()), torch.from_numpy(scene()).flip(1)])
    two = synthesizer(maps, seed=2, num_images=2)
    assert two.images.shape[0] == 4
    assert two.styles is not None
    assert two.noise_offsets is not None
    for number, image in enumerate(two.images):
        alone = synthesizer(
            maps[number // 2], two.styles[number], noise_offset=two.noise_offsets[number]
        ).images[0]
        assert torch.equal(image, alone)


@pytest.mark.parametrize(
    ("labels", "pattern"),
    [
        (np.full((20, 20), 4), r"ids 4 \(400 pixels\).*0\.\.3"),
        (np.full((20, 20), -1), "ids -1"),
        (np.zeros((20, 20, 3, 1), np.int64), r"\(20, 20, 3\)"),
        (np.zeros((20, 20), np.float32), "integers"),
        (np.zeros((0, 20), np.int64), "integers"),
        (torch.zeros(20, 20), "integers"),
        (Image.new("RGB", (20, 20), "magenta"), "not drawn in label set"),
        ("nowhere.png", r"nowhere\.png does not exist"),
    ],
)
def test_what_is_no_label_map_is_a_sentence(synthesizer: Synthesizer, labels: object, pattern: str) -> None:
    with pytest.raises(SemsynthError, match=pattern):
        synthesizer(labels)  # type: ignore[arg-type]


# ---- void


def test_void_without_a_channel_takes_the_nearest_class() -> None:
    space = LabelSpace(SPACE.name, SPACE.classes, void_id=255)
    ids = np.array([[0, 0, 255, 255, 255, 1], [0, 255, 255, 255, 255, 255]])
    filled = to_ids(ids, space)[0][0]
    assert filled.tolist() == [[0, 0, 0, filled[0, 3].item(), 1, 1], [0, 0, 0, filled[1, 3].item(), 1, 1]]
    assert set(np.unique(filled).tolist()) == {0, 1}
    with pytest.raises(SemsynthError, match="nothing but void"):
        to_ids(np.full((9, 9), 255), space)


def test_void_with_a_channel_is_taken_as_it_is() -> None:
    space = LabelSpace(SPACE.name, SPACE.classes, void_id=3)
    ids = np.array([[0, 3], [3, 1]])
    assert np.array_equal(to_ids(ids, space)[0][0], ids)


# ---- styles


def test_all_kinds_of_styles(synthesizer: Synthesizer, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (50, 70, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    vector = synthesizer.encode_style(tmp_path / "photo.png")
    assert vector.shape == (6,)
    assert vector.isfinite().all()
    expected = synthesizer(scene(), vector).images
    tensor = torch.from_numpy(to_photo(pixels))
    for photo in (str(tmp_path / "photo.png"), Image.fromarray(pixels), pixels, tensor):
        assert torch.equal(synthesizer(scene(), photo).images, expected)
    named = synthesizer(scene(), "noon")
    assert torch.equal(named.images, synthesizer(scene(), synthesizer.styles["noon"].numpy()).images)
    assert not torch.equal(named.images, expected)
    again = synthesizer(scene(), "noon", seed=named.seed)
    assert torch.equal(named.images, again.images)


def test_a_seed_moves_what_a_style_leaves_open(synthesizer: Synthesizer, plain: Synthesizer) -> None:
    drawn = synthesizer(scene(), seed=5, num_images=2)
    assert torch.equal(synthesizer(scene(), drawn.styles, seed=5).images, drawn.images)
    assert torch.equal(synthesizer.random_styles(5, 2), drawn.styles)
    assert not torch.equal(synthesizer(scene(), drawn.styles, seed=6).images, drawn.images)
    noon = synthesizer(scene(), "noon", num_images=2).images
    assert torch.equal(noon[:1], synthesizer(scene(), "noon").images)
    assert not torch.equal(noon[:1], noon[1:])
    assert torch.equal(plain(scene(), seed=5).images, plain(scene(), seed=6).images)


def test_a_style_photo_of_any_size(synthesizer: Synthesizer) -> None:
    grey = [
        synthesizer.encode_style(Image.new("RGB", size, "gray")) for size in ((64, 64), (500, 30), (9, 9))
    ]
    torch.testing.assert_close(grey[0], grey[1], atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(grey[0], grey[2], atol=1e-4, rtol=1e-3)


def test_a_style_for_each_picture(synthesizer: Synthesizer) -> None:
    vectors = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    several = synthesizer(scene(), vectors)
    assert torch.equal(several.images[:1], synthesizer(scene(), vectors[0]).images)
    assert not torch.equal(several.images[1:2], several.images[2:])
    assert several.styles is not None
    assert torch.equal(several.styles, vectors)


@pytest.mark.parametrize(
    ("style", "options", "pattern"),
    [
        ("midnight", {}, r"neither a photograph nor a style of this model \(noon, dusk\)"),
        (torch.zeros(5), {}, r"\(6,\) or \(N, 6\).*got \(5,\)"),
        (torch.full((6,), float("nan")), {}, "finite"),
        (torch.zeros(3, 6), {"num_images": 2}, "3 styles were given"),
        (torch.zeros(4, 20, 20), {}, r"\(3, H, W\)"),
        (None, {"num_images": 0}, "num_images is 0"),
        (None, {"seed": -1}, "seed is -1"),
        (None, {"noise_offset": torch.zeros(3, 2).long()}, r"\(2,\) or \(1, 2\)"),
        (None, {"noise_offset": torch.zeros(2)}, "int64"),
        (None, {"noise_offset": [[1], [2, 3]]}, "int64"),
    ],
)
def test_styles_that_do_not_fit_are_sentences(
    synthesizer: Synthesizer, style: object, options: dict[str, Any], pattern: str
) -> None:
    with pytest.raises(SemsynthError, match=pattern):
        synthesizer(scene(), style, **options)  # type: ignore[arg-type]


def test_a_model_without_styles(plain: Synthesizer) -> None:
    result = plain(scene(), seed=1)
    assert result.styles is None
    assert torch.equal(result.images, plain(scene(), seed=2).images)
    for call in (lambda: plain(scene(), "noon"), lambda: plain(scene(), num_images=2)):
        with pytest.raises(SemsynthError, match="no style"):
            call()
    with pytest.raises(SemsynthError, match="no style encoder"):
        plain.encode_style(Image.new("RGB", (64, 64)))


# ---- instances


def test_instances(plain: Synthesizer, tmp_path: Path) -> None:
    instances = scene() * 1000 + np.arange(56) // 20
    Image.fromarray(instances.astype(np.uint16)).save(tmp_path / "instances.png")
    given = plain(scene(), instances=instances).images
    assert torch.equal(plain(scene(), instances=tmp_path / "instances.png").images, given)
    assert not torch.equal(plain(scene()).images, given)
    assert torch.equal(plain(scene(), instances=scene()).images, plain(scene()).images)
    with pytest.raises(SemsynthError, match="instance map is 20x56, the label map 40x56"):
        plain(scene(), instances=instances[:20])


# ---- computing


def test_bfloat16_is_nearly_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    full, half = (Synthesizer(small_model(), precision=name) for name in ("float32", "bfloat16"))  # type: ignore[arg-type]
    one, other = full(scene(), "dusk").images, half(scene(), "dusk").images
    assert other.dtype == torch.float32
    assert 0 < (one - other).abs().mean() < 0.05
    for fast in (False, True):
        monkeypatch.setattr(device, "has_bfloat16_arithmetic", lambda device, fast=fast: fast)
        chosen = Synthesizer(small_model())
        assert torch.equal(chosen(scene(), "dusk").images, other if fast else one)
    with pytest.raises(SemsynthError, match="precision"):
        Synthesizer(small_model(), precision="int8")  # type: ignore[arg-type]


def test_folding_and_patches_change_nothing() -> None:
    model, ids = small_model(), torch.from_numpy(scene(32, 64))[None]
    draws = torch.Generator().manual_seed(0)
    torch.randn(6, generator=draws)  # first a style, which is not wanted here
    style, noise_offset = torch.ones(1, 6), torch.randint(3904, (1, 2), generator=draws)
    model.generator.label_mode = "dense"
    with torch.no_grad():
        expected: Tensor = model.generator(ids, style=style, noise_offset=noise_offset)
    drawn = Synthesizer(model, precision="float32")(ids, style).images
    torch.testing.assert_close(drawn, expected, atol=2e-5, rtol=0)


def test_what_was_drawn_before_changes_nothing() -> None:
    """The synthesizer keeps what depends on the map alone; a picture is the same to the byte all the same."""
    used = Synthesizer(small_model())
    for ids, style in (
        (scene(), "noon"),
        (scene(), "dusk"),
        (scene()[:, ::-1].copy(), "dusk"),
        (scene(), "noon"),
    ):
        fresh = Synthesizer(small_model())
        assert torch.equal(used(ids, style).images, fresh(ids, style).images)


@pytest.mark.parametrize("name", ["float32", "bfloat16"])
def test_incremental_pictures_are_those_drawn_from_nothing(name: device.Precision) -> None:
    """Any size, padding and several pictures included: a stroke, another style, another map."""
    painter = Synthesizer(small_model(instances=True), precision=name, incremental=True)
    plain = Synthesizer(small_model(instances=True), precision=name)
    ids = scene(75, 110)
    for step in range(6):
        ids = ids.copy()
        ids[10 * step : 10 * step + 4, 5 * step : 5 * step + 6] = step % 4
        style, seed = ("noon", "dusk")[step // 3], step // 2
        drawn, expected = painter(ids, style, seed=seed), plain(ids, style, seed=seed)
        assert torch.equal(drawn.images, expected.images)
    assert torch.equal(painter(ids, "noon").images, painter(ids, "noon").images)
    several = np.stack([ids, ids[:, ::-1]])
    expected = plain(several, seed=1, num_images=2)
    assert torch.equal(painter(several, seed=1, num_images=2).images, expected.images)


def test_a_model_that_was_loaded_holds_its_weights_once(tmp_path: Path) -> None:
    """The engine has its own; the encoder is needed as it is."""
    folder = save_model(tmp_path / "park", small_model())
    painter = Synthesizer.from_pretrained(folder, precision="float32")
    assert all(weight.is_meta for weight in painter.generator.parameters())
    assert not any(weight.is_meta for weight in painter.encoder.parameters())  # type: ignore[union-attr]
    expected = Synthesizer(small_model(), precision="float32")(scene(), "noon").images
    assert torch.equal(painter(scene(), "noon").images, expected)


def test_results_are_ordinary_tensors(synthesizer: Synthesizer) -> None:
    result = synthesizer(scene(), seed=0)
    result.images.requires_grad_().sum().backward()
    assert not synthesizer.encode_style(Image.new("RGB", (64, 64))).is_inference()


def test_pictures_are_rounded() -> None:
    from semsynth.pipeline import Result

    levels = torch.tensor([-1.0, 1.0, 0.0, 1 / 127.5, -2.0, 2.0]).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    picture = Result(levels, None, None, 0).pictures()[0]
    assert picture.mode == "RGB"
    assert [picture.getpixel((x, 0))[0] for x in range(6)] == [0, 255, 128, 128, 0, 255]  # type: ignore[index]


# ---- photographs


def turned_photo(path: Path) -> np.ndarray:
    """Write a photograph whose camera was held on its side; what it shows when it is turned, (70, 50, 3)."""
    shown = np.random.default_rng(1).integers(0, 256, (70, 50, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by a quarter, clockwise
    Image.fromarray(np.rot90(shown)).save(path, exif=exif)
    return shown


def test_a_photograph_is_turned_as_it_was_held(synthesizer: Synthesizer, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    shown = turned_photo(path)
    expected = synthesizer.encode_style(shown)
    assert torch.equal(synthesizer.encode_style(path), expected)
    with Image.open(path) as image:
        assert torch.equal(synthesizer.encode_style(image), expected)
    assert not torch.equal(synthesizer.encode_style(np.rot90(shown)), expected)


# ---- devices


@pytest.mark.parametrize("name", ["banana", "cuda:99", "meta"])
def test_devices_that_are_not_there_are_sentences(name: str) -> None:
    with pytest.raises(SemsynthError, match=f"device '{name}' cannot be used.*Give auto, cpu"):
        Synthesizer(small_model(), device=name)
