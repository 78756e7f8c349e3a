from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.hub import Model, load_model, save_model
from semsynth.hub.packing import whiten_styles
from semsynth.hub.styles import encode_photo
from semsynth.labels import LabelSpace, write_label_map
from semsynth.models import create_model
from semsynth.models.style_encoder import StyleEncoder
from semsynth.pipeline import Synthesizer


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    space = LabelSpace.named("siftflow")
    generator = create_model(
        "spade", num_classes=34, width=2, hidden=4, stem="labels+style", style_dim=3, style_modulation=True
    )
    encoder = StyleEncoder(style_dim=3, width=2, image_size=64)
    (tmp_path / "photos").mkdir()
    for name, colour in (("red", (200, 30, 20)), ("blue", (20, 40, 200))):
        Image.new("RGB", (64, 64), colour).save(tmp_path / "photos" / f"{name}.png")
    write_label_map(tmp_path / "map.png", np.full((64, 64), 28), space)
    (tmp_path / "styles.toml").write_text(
        '[warm]\nnote = "fire"\nphotos = ["red"]\n[both]\nphotos = ["red", "blue"]\n'
    )
    return save_model(tmp_path / "model", Model(generator.eval(), space, (64, 64), encoder.eval()))


def pack(source: Path, *more: str) -> int:
    folder = source.parent
    return main(["model", "pack", str(source), "-o", str(folder / "packed"), *more])


def styled(source: Path) -> list[str]:
    folder = source.parent
    styles, photos = str(folder / "styles.toml"), str(folder / "photos")
    return ["--styles", styles, "--photos", photos, "--thumbnail", str(folder / "map.png")]


def test_a_packed_model_draws_what_the_model_drew(source: Path):
    assert pack(source, *styled(source)) == 0
    packed = load_model(source.parent / "packed")
    assert not [name for name in packed.generator.state_dict() if "parametrizations" in name]
    labels = np.full((64, 64), 28)
    style = torch.tensor([0.5, -1.0, 0.2])
    before, after = (
        Synthesizer.from_pretrained(folder)(labels, style=style).images
        for folder in (source, source.parent / "packed")
    )
    assert (before - after).abs().max() < 0.05  # bfloat16 keeps eight bits
    size = {path: (path / "model.safetensors").stat().st_size for path in (source, source.parent / "packed")}
    assert size[source.parent / "packed"] < 0.6 * size[source]


def test_styles_are_means_over_their_photographs(source: Path):
    assert pack(source, *styled(source)) == 0
    painter = Synthesizer.from_pretrained(source.parent / "packed")
    model = load_model(source.parent / "packed")
    assert list(model.styles) == ["warm", "both"]
    assert model.styles["warm"].note == "fire"
    thumbnail = model.styles["warm"].thumbnail
    assert thumbnail is not None
    assert thumbnail.size == (96, 96)
    red, blue = (painter.encode_style(source.parent / "photos" / f"{name}.png") for name in ("red", "blue"))
    torch.testing.assert_close(model.styles["both"].vector, (red + blue) / 2, atol=0.02, rtol=0.02)


def test_seeds_draw_styles_such_as_photographs_have(source: Path):
    photos = source.parent / "photos"
    noise = np.random.default_rng(0)
    for i in range(12):
        colours = noise.integers(0, 256, (8, 8, 3)).astype(np.uint8)
        Image.fromarray(colours).resize((64, 64)).save(photos / f"noise{i}.png")
    model, twice = load_model(source), load_model(source)
    files = sorted(photos.iterdir())
    whiten_styles(model, files)
    assert model.style_encoder is not None
    assert twice.style_encoder is not None
    found = [encode_photo(model.style_encoder, path, (64, 64)) for path in files]
    means = torch.stack([mean for mean, _ in found])
    torch.testing.assert_close(means.mean(0), torch.zeros(3), atol=1e-4, rtol=0)
    assert (torch.cov(means.T) - torch.eye(3)).abs().max() < 0.02

    narrow = load_model(source)
    whiten_styles(narrow, files, spread=0.5)
    assert narrow.style_encoder is not None
    wide, _ = encode_photo(narrow.style_encoder, files[0], (64, 64))
    torch.testing.assert_close(wide, 2 * means[0], atol=1e-3, rtol=0)

    labels = np.full((64, 64), 28)  # and what a photograph's style looks like has not changed
    before = Synthesizer(twice, precision="float32")(labels, style=files[0]).images
    after = Synthesizer(model, precision="float32")(labels, style=files[0]).images
    torch.testing.assert_close(before, after, atol=1e-4, rtol=0)

    whiten_styles(model, files)  # nor does it the second time
    again, _ = encode_photo(model.style_encoder, files[0], (64, 64))
    after = Synthesizer(model, precision="float32")(labels, style=files[0]).images
    torch.testing.assert_close(before, after, atol=1e-4, rtol=0)
    kept = load_model(save_model(source.parent / "kept", model)).style_encoder
    assert kept is not None
    torch.testing.assert_close(encode_photo(kept, files[0], (64, 64))[0], again)


def test_a_prior_is_fitted_where_one_is_asked_for(source: Path, capsys: pytest.CaptureFixture[str]):
    prior = ["--prior", str(source.parent / "photos")]
    assert pack(source, *styled(source), *prior) == 2
    assert "2 photographs are too few" in capsys.readouterr().err
    for i in range(4):
        Image.new("RGB", (64, 64), (60 * i, 9, 9)).save(source.parent / "photos" / f"more{i}.png")
    for more, whitened in (([], False), (prior, True)):
        assert pack(source, *styled(source), *more, "--overwrite") == 0
        packed = load_model(source.parent / "packed")
        assert packed.style_encoder is not None
        assert packed.style_encoder.config["whitened"] == whitened
        assert list(packed.styles) == ["warm", "both"]


def test_an_impossible_spread_is_refused(source: Path, capsys: pytest.CaptureFixture[str]):
    assert pack(source, "--spread", "0") == 2
    assert "--spread is 0" in capsys.readouterr().err


def test_families_whose_styles_have_no_other_basis_say_so(source: Path):
    model = load_model(source)
    generator = create_model("oasis", num_classes=34, width=2, hidden=2, style_dim=3)
    red, blue = (source.parent / "photos" / f"{name}.png" for name in ("red", "blue"))
    with pytest.raises(SemsynthError, match="basis"):
        whiten_styles(replace(model, generator=generator), [red, red, blue, blue])
    with pytest.raises(SemsynthError, match="the same style"):
        whiten_styles(model, [red] * 4)


def test_a_missing_photograph_is_named(source: Path, capsys: pytest.CaptureFixture[str]):
    (source.parent / "photos" / "red.png").unlink()
    assert pack(source, *styled(source)) == 2
    assert "'red'" in capsys.readouterr().err
    assert not (source.parent / "packed").exists()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (b'[warm]\nnote = "fire"\n', "'warm' names no photographs"),
        (b'warm = "red"\n', "'warm' names no photographs"),
        (b"[warm]\nphotos = []\n", "'warm' names no photographs"),
        (b'[warm]\nphotos = "red"\n', "'warm' names no photographs"),
        (b"[warm]\nphotos = [1]\n", "'warm' names no photographs"),
        (b'[warm]\nphotos = ["/red"]\n', "names the photograph '/red'"),
        (b'[warm]\nphotos = ["re*"]\n', "names the photograph 're*'"),
        (b'[warm]\nnote = "gl\xfchend"\nphotos = ["red"]\n', "cannot be read as a TOML file"),
        (b"[warm\n", "cannot be read as a TOML file"),
    ],
)
def test_what_is_no_list_of_styles_is_a_sentence(
    source: Path, text: bytes, word: str, capsys: pytest.CaptureFixture[str]
):
    (source.parent / "styles.toml").write_bytes(text)
    assert pack(source, *styled(source)) == 2
    error = capsys.readouterr().err
    assert word in error
    assert "styles.toml" in error
    assert error.count("\n") == 1
    assert not (source.parent / "packed").exists()


def test_a_card_in_another_encoding_is_a_sentence(source: Path, capsys: pytest.CaptureFixture[str]):
    card = source.parent / "card.md"
    card.write_bytes("für alle".encode("latin-1"))
    assert pack(source, "--card", str(card)) == 2
    assert "card.md cannot be read as a text file" in capsys.readouterr().err
