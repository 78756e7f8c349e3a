"""Model folders: whole or absent, checked by name, and everything comes back."""

import dataclasses
import json
import resource
from pathlib import Path

import pytest
import torch

from semsynth import hub
from semsynth.errors import SemsynthError
from semsynth.hub import find_model, finding, load_discriminator, load_model, save_model
from semsynth.labels import LabelSpace
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.ops.blocks import fold_spectral_norm
from tests.small import small_folder, small_model


def _edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def _state(network: torch.nn.Module | None) -> dict[str, torch.Tensor]:
    assert network is not None
    return network.state_dict()


def test_everything_comes_back(tmp_path: Path) -> None:
    model = small_model()
    folder = save_model(tmp_path / "park", model)
    loaded = load_model(folder)
    for ours, theirs in ((model.generator, loaded.generator), (model.style_encoder, loaded.style_encoder)):
        before, after = _state(ours), _state(theirs)
        assert list(before) == list(after)
        assert all(torch.equal(before[name], after[name]) for name in before)
    assert loaded.label_space == model.label_space
    assert (loaded.image_size, loaded.card, loaded.folder) == (model.image_size, model.card, folder)
    assert list(loaded.styles) == ["noon", "dusk"]
    assert torch.equal(loaded.styles["noon"].vector, model.styles["noon"].vector)
    assert loaded.styles["noon"].note == "high sun"
    assert loaded.styles["noon"].thumbnail is not None
    assert loaded.styles["noon"].thumbnail.size == (8, 6)
    assert loaded.styles["dusk"].thumbnail is None
    assert not loaded.generator.training
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "config.json", "labels.json", "README.md", "model.safetensors", "style_encoder.safetensors",
        "styles/styles.json", "styles/00.png",
    }  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["park"]


def test_bfloat16_halves_the_file_and_keeps_vectors(tmp_path: Path) -> None:
    model = small_model()
    sizes = {}
    for dtype in ("float32", "bfloat16"):
        folder = save_model(tmp_path / dtype, model, dtype=dtype)  # type: ignore[arg-type]
        sizes[dtype] = (folder / "model.safetensors").stat().st_size
    assert sizes["bfloat16"] < 0.7 * sizes["float32"]
    before, after = _state(model.generator), _state(load_model(tmp_path / "bfloat16").generator)
    for name, value in after.items():
        assert value.dtype == torch.float32
        if value.dim() < 2:
            assert torch.equal(value, before[name])
        else:
            torch.testing.assert_close(value, before[name], rtol=2**-8, atol=0)


def test_a_folded_network_can_be_saved(tmp_path: Path) -> None:
    model = small_model()
    labels, style = torch.zeros(1, 32, 32, dtype=torch.int64), torch.ones(1, 6)
    with torch.no_grad():
        fold_spectral_norm(model.generator)
        expected = model.generator(labels, style=style)
        loaded = load_model(save_model(tmp_path / "folded", model))
        assert torch.equal(loaded.generator(labels, style=style), expected)


def test_a_discriminator_may_be_kept(tmp_path: Path) -> None:
    settings = {"num_classes": 4, "instances": False, "width": 4}
    network = MultiscaleDiscriminator(**settings)  # type: ignore[arg-type]
    save_model(tmp_path / "with", small_model(), discriminator=(settings, network))
    again = load_discriminator(tmp_path / "with")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in network.state_dict().items())
    _edit(tmp_path / "with", discriminator={"foo": 1})
    with pytest.raises(SemsynthError, match=r"does not describe a network.*foo"):
        load_discriminator(tmp_path / "with")
    with pytest.raises(SemsynthError, match="no discriminator"):
        load_discriminator(small_folder(tmp_path / "without"))


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "PRETRAINED", tmp_path / "package")
    (tmp_path / "package").mkdir()
    monkeypatch.chdir(tmp_path)
    packaged = small_folder(tmp_path / "package" / "meadow")
    assert find_model("meadow") == packaged
    assert find_model("pretrained:meadow") == packaged
    own = small_folder(tmp_path / "meadow")
    assert find_model("meadow").resolve() == own  # a folder at hand comes first
    assert find_model("pretrained:meadow") == packaged
    with pytest.raises(SemsynthError, match=r"no model 'forest'.*does not exist.*\(meadow\)"):
        find_model("forest")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SemsynthError, match=r"without config\.json"):
        find_model("empty")


def test_folders_above_are_made(tmp_path: Path) -> None:
    assert load_model(small_folder(tmp_path / "models" / "new" / "park")).label_space.name == "park"
    (tmp_path / "file").touch()
    with pytest.raises(SemsynthError, match="file is no folder; park cannot be made in it"):
        small_folder(tmp_path / "file" / "park")


def test_a_card_in_another_encoding_does_not_keep_a_model_from_use(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    (folder / "README.md").write_bytes("Für alle".encode("latin-1"))
    assert load_model(folder).card == "F\ufffdr alle"


def test_an_existing_folder_is_not_replaced_unasked(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    with pytest.raises(SemsynthError, match="exists already"):
        save_model(folder, small_model())
    changed = dataclasses.replace(small_model(), card="# Another\n")
    save_model(folder, changed, overwrite=True)
    assert load_model(folder).card == "# Another\n"
    other = tmp_path / "holiday photos"
    other.mkdir()
    (other / "beach.jpg").touch()
    with pytest.raises(SemsynthError, match="no model folder"):
        save_model(other, small_model(), overwrite=True)
    assert (other / "beach.jpg").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["holiday photos", "park"]


def test_examples_stay_where_a_model_is_saved_anew(tmp_path: Path) -> None:
    folder = tmp_path / "park"
    (folder / "examples").mkdir(parents=True)
    (folder / "examples" / "lake.png").write_bytes(b"a map")
    for _ in range(2):
        save_model(folder, small_model(), overwrite=True)
        assert load_model(folder).card == "# A small model\n"
        assert (folder / "examples" / "lake.png").read_bytes() == b"a map"


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    before = (folder / "model.safetensors").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))  # no file may grow beyond
    try:
        for target in (folder, tmp_path / "new"):
            with pytest.raises(SemsynthError, match="cannot be written"):
                save_model(target, small_model(), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["park"]
    assert (folder / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("changes", "pattern"),
    [
        ({"format": 2}, r"format 2; this version reads formats up to 1: install a newer"),
        ({"format": "new"}, r'no "format" number'),
        ({"format": None}, r'no "format" number'),
        ({"generator": {"name": "spaed"}}, "does not describe a network.*spaed"),
        ({"generator": {"name": "spade", "num_classes": 4, "colour": 3}}, "does not describe.*colour"),
        ({"generator": {"name": "spade", "num_classes": 5}}, r"labels\.json has 4 classes, the network 5"),
        ({"generator": {"name": "spade", "num_classes": 4, "width": 3}}, "the tensor.*has shape|lacks the"),
        ({"generator": {"name": "spade", "num_classes": 4, "width": "wide"}}, "does not describe a network"),
        ({"generator": "spade"}, "generator is 'spade'; it must be a table"),
        ({"generator": None}, "generator is None; it must be a table"),
        ({"style_encoder": {"foo": 1}}, "does not describe a network.*foo"),
        ({"style_encoder": 7}, "style_encoder is 7; it must be a table"),
        ({"image_size": [64]}, r"image_size is \[64\]; it must be \[height, width\]"),
        ({"image_size": None}, "image_size is None"),
        ({"image_size": [64, -1]}, "image_size is"),
        ({"image_size": "64"}, "image_size is"),
        ({"loss_networks": 5}, "loss_networks is 5; it must be a list of names"),
        ({"sha256": []}, "sha256 is"),
    ],
)
def test_config_of_another_kind_is_a_sentence(
    tmp_path: Path, changes: dict[str, object], pattern: str
) -> None:
    folder = small_folder(tmp_path / "park")
    _edit(folder, **changes)
    with pytest.raises(SemsynthError, match=pattern):
        load_model(folder)


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    weights = folder / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(SemsynthError, match="damaged: its SHA-256"):
        load_model(folder)
    load_model(folder, verify=False)  # one bit of one weight: readable, if one insists
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SemsynthError, match="no whole safetensors file"):
        load_model(folder, verify=False)
    weights.unlink()
    with pytest.raises(SemsynthError, match=r"model\.safetensors does not exist"):
        load_model(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(SemsynthError, match="cannot be read as a JSON file"):
        load_model(folder)


def test_styles_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    path = folder / "styles" / "styles.json"
    path.write_text('{"format": 1, "styles": [{"name": "odd", "vector": [1, 2]}]}')
    with pytest.raises(SemsynthError, match="'odd' has 2 numbers; the network takes 6"):
        load_model(folder)
    path.write_text('{"styles": 3}')
    with pytest.raises(SemsynthError, match=r"styles\.json cannot be used"):
        load_model(folder)


def test_a_thumbnail_cannot_lie_elsewhere(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    path = folder / "styles" / "styles.json"
    path.write_text(path.read_text().replace("00.png", "../../../etc/00.png"))
    assert load_model(folder).styles["noon"].thumbnail is not None  # only its last part counts


def test_label_set_travels(tmp_path: Path) -> None:
    space = LabelSpace.named("siftflow")
    folder = save_model(tmp_path / "sift", small_model(space))
    assert load_model(folder).label_space == space
    assert json.loads((folder / "config.json").read_text())["label_set"] == "siftflow"


def test_a_fingerprint_tells_whatever_decides_what_is_drawn(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "park", small_model())
    before = hub.fingerprint(folder)
    (folder / "README.md").write_text("A card draws nothing.")
    assert hub.fingerprint(save_model(tmp_path / "copy", load_model(folder))) == before
    bank = folder / "bank"
    for path in (folder / "style_encoder.safetensors", folder / "config.json", bank / "images.npy"):
        bank.mkdir(exist_ok=True)
        with path.open("ab") as file:
            file.write(b" ")
        assert hub.fingerprint(folder) != before
        before = hub.fingerprint(folder)


def test_how_many_pictures_the_weights_saw_is_written(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "park", dataclasses.replace(small_model(), images_seen=1200))
    assert load_model(folder).images_seen == hub.images_seen(folder) == 1200
    assert load_model(small_folder(tmp_path / "other")).images_seen is None
    assert hub.images_seen(tmp_path / "none") is None
    _edit(folder, images_seen=-1)
    with pytest.raises(SemsynthError, match="images_seen is -1"):
        load_model(folder)


def test_a_model_whose_replacement_was_killed_is_found(tmp_path: Path) -> None:
    folder = small_folder(tmp_path / "park")
    folder.rename(tmp_path / ".park.0123abcd.old")
    (tmp_path / ".park.0123abcd.part").mkdir()
    assert load_model(folder).label_space.name == "park"
    folder.rename(tmp_path / ".park.0123abcd.old")
    with pytest.raises(SemsynthError, match="exists already"):
        save_model(folder, small_model())
    save_model(folder, small_model(), overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["park"]
