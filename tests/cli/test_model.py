"""`semsynth model import` and `info`: published files in, a model folder out, or a sentence and nothing."""

import json
import pickle
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from semsynth.cli import main
from semsynth.hub import load_discriminator, load_model
from semsynth.models.spade import SpadeGenerator
from semsynth.models.style_encoder import StyleEncoder
from tests.models.spade_names import published_encoder, published_generator, without
from tests.small import small_folder


def generator(**settings: Any) -> SpadeGenerator:
    torch.manual_seed(0)
    return SpadeGenerator(**({"num_classes": 5, "width": 2, "hidden": 4} | settings)).eval()


def counted(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """With the counters that the release keeps."""
    counters = {
        name.replace("running_mean", "num_batches_tracked"): torch.tensor(3)
        for name in state
        if name.endswith("running_mean")
    }
    return state | counters


def run(*arguments: object) -> int:
    return main(["model", "import", "--from", "spade", *map(str, arguments)])


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.save(counted(published_generator(generator())), tmp_path / "G.pth")
    return tmp_path / "G.pth"


def test_the_same_picture_comes_out(published: Path, tmp_path: Path) -> None:
    assert run(published, "-o", tmp_path / "park") == 0
    labels = torch.randint(0, 5, (1, 64, 32), generator=torch.Generator().manual_seed(0))
    imported = load_model(tmp_path / "park").generator
    with torch.no_grad():
        assert torch.equal(imported(labels), generator()(labels))
    ids = labels[0].to(torch.uint8).numpy()
    Image.fromarray(ids).save(tmp_path / "map.png")
    out = tmp_path / "out"
    files = (tmp_path / "map.png", "-o", out, "--model", tmp_path / "park")
    assert main(["synthesize", *map(str, files)]) == 0
    with Image.open(out / "map.png") as picture, torch.no_grad():
        drawn = np.asarray(picture).astype(np.float32) / 127.5 - 1
        expected = generator()(labels)[0].permute(1, 2, 0).numpy()
    assert np.abs(drawn - expected).max() <= 0.5 / 127.5 + 1e-4


def test_a_recorded_run_comes_out(shared: Path, tmp_path: Path) -> None:
    """Published weights and label map to published picture, all the way through files."""
    golden = torch.load(shared / "golden" / "spade_novae_syncbatch3x3.pt", weights_only=True)
    torch.save(golden["state_dict"]["G"], tmp_path / "G.pth")
    assert run(tmp_path / "G.pth", "--instances", "-o", tmp_path / "model") == 0
    for folder, key in (("maps", "label"), ("instances", "instance")):
        (tmp_path / folder).mkdir()
        for number, values in enumerate(golden[key][:, 0].numpy().astype(np.uint16)):
            Image.fromarray(values).save(tmp_path / folder / f"{number}.png")
    folders = ("-o", tmp_path / "out", "--instances", tmp_path / "instances", "--model", tmp_path / "model")
    assert main(["synthesize", str(tmp_path / "maps"), *map(str, folders)]) == 0
    for number, fake in enumerate(golden["eval_f64"]["fake"]):
        with Image.open(tmp_path / "out" / f"{number}.png") as picture:
            drawn = torch.from_numpy(np.array(picture)).permute(2, 0, 1)
        levels = (fake + 1) * 127.5
        assert (drawn - levels).abs().max() <= 0.5 + 2e-5 * 127.5  # nothing but rounding to 8 bits


@pytest.mark.parametrize("old_format", [False, True])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_files_as_they_come(tmp_path: Path, old_format: bool, prefix: str) -> None:
    state = {prefix + name: value for name, value in published_generator(generator()).items()}
    state = without(state, "weight_v")
    torch.save(state, tmp_path / "G.pth", _use_new_zipfile_serialization=not old_format)
    assert run(tmp_path / "G.pth", "-o", tmp_path / "park") == 0
    assert load_model(tmp_path / "park").generator.num_classes == 5


def test_encoder_and_discriminator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    styled = generator(stem="style", style_dim=6, latent_size=(1, 2), instances=True)
    encoder = StyleEncoder(style_dim=6, width=2)
    torch.save(published_generator(styled), tmp_path / "G.pth")
    torch.save(published_encoder(encoder), tmp_path / "E.pth")
    discriminator = {}
    for scale in range(2):
        widths = [2, 4, 8]
        name = f"discriminator_{scale}.model"
        discriminator |= {f"{name}0.0.weight": torch.randn(2, 9, 4, 4), f"{name}0.0.bias": torch.randn(2)}
        for layer, (before, after) in enumerate(pairwise(widths), start=1):
            discriminator |= {
                f"{name}{layer}.0.0.weight_orig": torch.randn(after, before, 4, 4),
                f"{name}{layer}.0.0.weight_u": torch.randn(after),
                f"{name}{layer}.0.0.weight_v": torch.randn(before * 16),
            }
        discriminator |= {f"{name}3.0.weight": torch.randn(1, 8, 4, 4), f"{name}3.0.bias": torch.randn(1)}
    torch.save(discriminator, tmp_path / "D.pth")
    files = ("--encoder", tmp_path / "E.pth", "--discriminator", tmp_path / "D.pth")
    own = (tmp_path / "G.pth", "--instances", "--aspect-ratio", 2)
    assert run(*own, *files, "-o", tmp_path / "park") == 0
    model = load_model(tmp_path / "park")
    assert model.image_size == (32, 64)
    assert model.style_encoder is not None
    first = load_discriminator(tmp_path / "park").state_dict()["scales.0.first.weight"]
    assert torch.equal(first, discriminator["discriminator_0.model0.0.weight"])
    capsys.readouterr()
    assert run(*own, "--encoder", tmp_path / "D.pth", "-o", tmp_path / "bad") == 2
    assert "D.pth: This is not a published SPADE style encoder" in capsys.readouterr().err
    assert run(*own, "--discriminator", tmp_path / "E.pth", "-o", tmp_path / "bad") == 2
    assert "E.pth: This is not a published discriminator" in capsys.readouterr().err
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize(
    ("planes", "flags", "label_set", "size", "instances"),
    [
        (184, [], "coco-stuff", (256, 256), True),
        (151, [], "ade20k", (256, 256), False),
        (151, ["--ids", "shifted"], "ade20k-shifted", (256, 256), False),
        (36, [], "cityscapes", (256, 512), True),
        (35, ["--labels", "cityscapes"], "cityscapes", (256, 512), False),
        (13, [], "facades-cmp", (256, 256), False),
        (34, ["--labels", "siftflow"], "siftflow", (256, 256), False),
        (35, ["--labels", "siftflow"], "siftflow", (256, 256), True),
        (7, [], "unnamed-7", (256, 256), False),
    ],
)
def test_settings_of_known_label_sets(
    tmp_path: Path, planes: int, flags: list[str], label_set: str, size: tuple[int, int], instances: bool
) -> None:
    torch.save(published_generator(generator(num_classes=planes, width=1, hidden=2)), tmp_path / "G.pth")
    assert run(tmp_path / "G.pth", *flags, "-o", tmp_path / "model") == 0
    model = load_model(tmp_path / "model")
    assert model.label_space.name == label_set
    assert model.image_size == size
    assert model.generator.uses_instances is instances
    assert model.generator.config["upsamplings"] == (6 if label_set == "cityscapes" else 5)


class _Code:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("it ran"),))


def _bad_files(folder: Path) -> None:
    state = published_generator(generator())
    whole = folder / "whole.pth"
    torch.save(state, whole)
    (folder / "truncated.pth").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    torch.save({"fc.weight": _Code()}, folder / "code.pth")
    torch.save({"fc.weight": _Code()}, folder / "old code.pth", _use_new_zipfile_serialization=False)
    (folder / "pickle.pth").write_bytes(pickle.dumps(_Code()))
    torch.save({"conv.weight": torch.zeros(3)}, folder / "other.pth")
    torch.save(state | {"up_0.conv_1.bias": torch.zeros(3)}, folder / "shape.pth")
    torch.save(state | {"up_0.conv_1.bias": torch.full((16,), torch.nan)}, folder / "nan.pth")
    torch.save({"epoch": 3} | state, folder / "mixed.pth")
    torch.save([state], folder / "list.pth")
    (folder / "text.pth").write_text("hello")
    (folder / "empty.pth").touch()


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("truncated", "damaged or truncated"),
        ("code", "holds code or objects beside tensors"),
        ("old code", "holds code or objects beside tensors"),
        ("pickle", "code|damaged|no checkpoint"),
        ("other", "not a published SPADE generator"),
        ("shape", "'up_0.conv_1.bias' has shape (3,); this network needs (16,)"),
        ("nan", "'up_0.conv_1.bias' holds numbers that are not finite"),
        ("mixed", "holds 'epoch', a int"),
        ("list", "holds a list"),
        ("text", "damaged|no checkpoint"),
        ("empty", "damaged"),
        ("absent", "does not exist"),
    ],
)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(
    tmp_path: Path,
    name: str,
    pattern: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    _bad_files(tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    assert run(f"{name}.pth", "-o", "park") == 2
    error = capsys.readouterr().err
    assert any(part in error for part in (pattern, *pattern.split("|")))
    assert f"{name}.pth" in error
    assert error.count("\n") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == before  # no folder, and nothing ran


@pytest.mark.parametrize(
    ("flags", "pattern"),
    [
        (["--labels", "ade20k"], "a network of 5 classes; label set 'ade20k' has 151"),
        (["--labels", "mars"], "no label set 'mars'"),
        (["--labels", "coco-stuff", "--ids", "raw"], "--ids is about ADE20K"),
        (["--upsamplings", "7"], "need up_4"),
    ],
)
def test_hints_that_do_not_fit(
    published: Path, tmp_path: Path, flags: list[str], pattern: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(published, *flags, "-o", tmp_path / "park") == 2
    assert pattern in capsys.readouterr().err
    assert not (tmp_path / "park").exists()


def test_an_existing_folder_stays(
    published: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = small_folder(tmp_path / "park")
    assert run(published, "-o", folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert load_model(folder).card == "# A small model\n"
    assert run(published, "-o", folder, "--overwrite") == 0
    assert load_model(folder).card != "# A small model\n"


def test_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = small_folder(tmp_path / "park")
    assert main(["model", "info", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["generator"]["name"] == "spade"
    assert facts["classes"] == ["sky", "tree", "grass", "path"]
    assert facts["styles"] == ["noon", "dusk"]
    assert facts["image_size"] == [64, 64]
    assert facts["parameters"]["generator"] == sum(
        p.numel() for p in load_model(folder).generator.parameters()
    )
    assert main(["model", "info", str(folder)]) == 0
    shown = capsys.readouterr().out
    for text in (
        "park, 4 classes",
        "noon, dusk",
        "6 numbers, from photographs or at random",
        "A small model",
    ):
        assert text in shown
    assert main(["model", "info", str(tmp_path / "nothing")]) == 2
