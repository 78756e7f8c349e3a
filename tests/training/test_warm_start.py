"""What a run that starts from another takes over."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.hub import Model, load_discriminator, load_model, save_model
from semsynth.labels import LabelSpace
from semsynth.models import GeneratorModule, create_model
from semsynth.models.discriminators import MultiscaleDiscriminator, OasisDiscriminator
from semsynth.models.discriminators.projected import FeatureHead
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.training.class_weights import ClassMatch, carry_over
from semsynth.training.loop import train
from semsynth.training.objective import build_networks
from semsynth.training.objectives.base import Networks
from semsynth.training.recipe import load_recipe
from semsynth.training.warm_start import start_from
from tests.small import SPACE, small_model
from tests.training.test_objectives import recipe_of
from tests.training.tiny import paint

LANDSCAPE = Path(__file__).parents[2] / "recipes" / "landscape.toml"


def discriminator(**settings: Any) -> MultiscaleDiscriminator:
    return MultiscaleDiscriminator(**{"num_classes": 4, "instances": False, "width": 4} | settings)


def networks(**settings: Any) -> Networks:
    fresh = small_model()
    return Networks(fresh.generator, discriminator(**settings), fresh.style_encoder)


def test_a_model_folders_discriminator_is_trained_on(tmp_path: Path) -> None:
    kept = discriminator()
    settings = {"num_classes": 4, "instances": False, "width": 4}
    save_model(tmp_path / "with", small_model(), discriminator=(settings, kept))
    ours = networks()
    messages, _ = start_from(ours, tmp_path / "with", SPACE)
    assert messages == f"Started from {tmp_path / 'with'}: generator, style encoder, discriminator."
    assert ours.discriminator is not None
    for name, value in ours.discriminator.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name])
    with pytest.raises(SemsynthError, match=r"The discriminator in .* does not fit the recipe"):
        start_from(networks(width=8), tmp_path / "with", SPACE)


NAMES = ("sky", "river", "Grass", "TREE", "sand")
"""Three of `SPACE`, in another order, and two new ones."""


def relabelled() -> LabelSpace:
    return LabelSpace.from_dict(
        {"name": "shore", "classes": [{"name": n, "color": [i, 0, 0]} for i, n in enumerate(NAMES)]}
    )


def draw(generator: GeneratorModule, labels: torch.Tensor) -> torch.Tensor:
    style = torch.linspace(-1, 1, 6)[None] if generator.style_dim else None
    with torch.no_grad():
        return generator.eval()(labels, style=style)


def test_another_label_set_keeps_the_classes_that_are_called_alike(tmp_path: Path) -> None:
    kept = discriminator()
    settings = {"num_classes": 4, "instances": False, "width": 4}
    before = small_model()
    save_model(tmp_path / "park", before, discriminator=(settings, kept))
    fresh = create_model("spade", **{**before.generator.config, "num_classes": 5})
    untouched = copy.deepcopy(fresh)
    ours = Networks(fresh, discriminator(num_classes=5), small_model().style_encoder)
    messages, _ = start_from(ours, tmp_path / "park", relabelled())
    assert "its 4 classes are not the 5 of the data" in messages
    assert "by name (3: sky, Grass, TREE) or begin fresh (2: river, sand)" in messages
    # A map of the kept classes is drawn as before: sky 0 -> 0, tree 1 -> 3, grass 2 -> 2.
    old = torch.randint(3, (1, 64, 64), generator=torch.Generator().manual_seed(0))
    new = torch.tensor([0, 3, 2])[old]
    assert torch.equal(draw(before.generator, old), draw(fresh, new))
    weight, before_weight = (network.stem_labels.weight for network in (fresh, before.generator))
    assert torch.equal(weight[:, [0, 2, 3]], before_weight[:, [0, 2, 1]])
    assert torch.equal(weight[:, [1, 4]], untouched.stem_labels.weight[:, [1, 4]])
    assert ours.discriminator is not None
    pictures = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    # In float64: the order of the planes is another, and so is the rounding of their sum.
    scored = kept.double().eval()(old, pictures.double())
    scored_now = ours.discriminator.double().eval()(new, pictures.double())
    for one, other in zip(scored, scored_now, strict=True):
        assert all(torch.allclose(a, b, rtol=0, atol=1e-12) for a, b in zip(one, other, strict=True))


def test_classes_in_another_order_are_no_other_classes(tmp_path: Path) -> None:
    before = small_model()
    save_model(tmp_path / "park", before)
    table = SPACE.to_dict()
    classes = [{k: v for k, v in entry.items() if k != "id"} for entry in table["classes"][::-1]]
    space = LabelSpace.from_dict({"name": "turned", "classes": classes})
    ours = networks()
    start_from(ours, tmp_path / "park", space)
    labels = torch.randint(4, (1, 64, 64), generator=torch.Generator().manual_seed(0))
    assert torch.equal(draw(before.generator, labels), draw(ours.generator, 3 - labels))


@pytest.mark.parametrize("name", ["spade", "oasis", "ccfpse"])
def test_families_whose_planes_can_be_told_apart_start_from_other_classes(tmp_path: Path, name: str) -> None:
    options = {"oasis": {"style_dim": 6}}.get(name, {})
    torch.manual_seed(0)
    before = create_model(name, num_classes=4, width=2, **options)
    save_model(tmp_path / "park", Model(before.eval(), SPACE, (64, 64)))
    ours = Networks(create_model(name, num_classes=5, width=2, **options))
    start_from(ours, tmp_path / "park", relabelled())
    old = torch.randint(3, (1, 128, 128), generator=torch.Generator().manual_seed(0))
    new = torch.tensor([0, 3, 2])[old]
    if name == "ccfpse":  # the spectral norm of its label convolution is that of all classes
        ours_kept, kept = (
            g.trunk.first[0].conv.parametrizations.weight.original for g in (ours.generator, before)
        )
        assert torch.equal(ours_kept[:, [0, 2, 3]], kept[:, [0, 2, 1]])
    else:
        torch.testing.assert_close(draw(before, old), draw(ours.generator, new), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["crn", "pix2pixhd", "concat"])
def test_other_families_say_the_two_numbers(tmp_path: Path, name: str) -> None:
    torch.manual_seed(0)
    before = create_model(name, num_classes=4, width=4)
    save_model(tmp_path / "park", Model(before.eval(), SPACE, (64, 64)))
    ours = Networks(create_model(name, num_classes=5, width=4))
    with pytest.raises(SemsynthError, match=r"4 classes, the data has 5.* model of the same classes"):
        start_from(ours, tmp_path / "park", relabelled())


def test_planes_with_spectral_norm_keep_it() -> None:
    torch.manual_seed(0)
    before, ours = (FeatureHead(8, classes, 8).train() for classes in (4, 5))
    features = torch.randn(2, 8, 8, 8)
    for _ in range(30):  # until its own norm has settled
        before(features, torch.rand(2, 4, 8, 8))
    match = ClassMatch(tuple(SPACE.names), NAMES)
    carry_over(ours, before.state_dict(), match)
    weight = ours.eval().embedding.weight
    assert float(torch.linalg.matrix_norm(weight.detach().flatten(1), 2)) == pytest.approx(1, abs=1e-3)
    raw, theirs = (m.embedding.parametrizations.weight.original for m in (ours, before))
    assert torch.equal(raw[:, [0, 2, 3]], theirs[:, [0, 2, 1]])


def test_the_landscape_model_is_trained_on_with_four_classes(tmp_path: Path) -> None:
    root = paint(tmp_path / "data", count=2, size=64)
    table = json.loads((root / "labels.json").read_text())
    for entry, name in zip(table["classes"], ("sky", "sea", "mountain", "castle"), strict=False):
        entry["name"] = name
    (root / "labels.json").write_text(json.dumps(table))
    settings = {
        "stages": "[]",
        "data.name": "auto",
        "data.root": str(root),
        "data.load_size": "64",
        "data.crop_size": "64",
        "generator.spectral": "false",
        "style_encoder.spectral": "false",
        "style_encoder.whitened": "true",
        "optimizer.lr_generator": "0.0",
        "run.images": "4",
        "run.batch_size": "2",
        "run.ema_images": "0",
        "run.precision": "float32",
        "run.start_from": "landscape",
    }
    recipe = load_recipe(LANDSCAPE, [f"{name}={value}" for name, value in settings.items()])
    messages: list[str] = []
    model = load_model(train(recipe, tmp_path / "run", device="cpu", log=messages.append))
    assert any("its 34 classes are not the 4 of the data" in sentence for sentence in messages)
    assert any("(3: sky, sea, mountain) or begin fresh (1: castle)" in sentence for sentence in messages)
    landscape = load_model("landscape")
    ids = torch.tensor([landscape.label_space.names.index(name) for name in ("sky", "sea", "mountain")])
    ours, theirs = (m.generator.stem_labels.weight for m in (model, landscape))
    assert torch.equal(ours[:, :3], theirs[:, ids])


def test_a_model_that_is_packed_says_which_settings_it_needs(tmp_path: Path) -> None:
    folded = small_model()
    fold_spectral_norm(folded.generator).config["spectral"] = False
    save_model(tmp_path / "packed", folded)
    with pytest.raises(SemsynthError, match=r"was made with --generator\.spectral false\.$"):
        start_from(networks(), tmp_path / "packed", SPACE)
    recipe = load_recipe(LANDSCAPE, ["generator.width=16"])
    space = load_model("landscape").label_space
    flags = (
        "--generator.width 32 --generator.spectral false "
        "--style_encoder.spectral false --style_encoder.whitened true"
    )
    with pytest.raises(SemsynthError, match=rf"was made with {flags}\.$"):
        start_from(build_networks(recipe, 34, False), Path("landscape"), space)


def test_a_model_folder_without_one_leaves_it_fresh(tmp_path: Path) -> None:
    save_model(tmp_path / "without", small_model())
    ours = networks()
    assert ours.discriminator is not None
    before = {name: value.clone() for name, value in ours.discriminator.state_dict().items()}
    messages, _ = start_from(ours, tmp_path / "without", SPACE)
    assert messages.endswith(": generator, style encoder.")
    for name, value in ours.discriminator.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("method", ["spade", "spade-projected", "oasis", "ccfpse"])
def test_a_run_keeps_its_discriminator_for_the_next(tmp_path: Path, method: str) -> None:
    data = paint(tmp_path / "data", count=4, size=64)
    keeping = recipe_of(method, data, keep_discriminator=True)
    model = train(keeping, tmp_path / "one", device="cpu")
    kept = load_discriminator(model)
    ours = build_networks(recipe_of(method, data), 4, has_instances=False)
    assert ours.discriminator is not None
    assert type(kept) is type(ours.discriminator)
    message, _ = start_from(ours, model, load_model(model).label_space)
    assert message.endswith("discriminator.")
    for name, value in ours.discriminator.state_dict().items():
        assert torch.equal(value, kept.state_dict()[name]), name
    # A finished run writes its model folder again where the setting has changed.
    train(recipe_of(method, data), tmp_path / "one", device="cpu")
    with pytest.raises(SemsynthError, match="holds no discriminator"):
        load_discriminator(model)


def test_a_discriminator_of_another_class_is_left_fresh(tmp_path: Path) -> None:
    keywords: dict[str, Any] = {"num_classes": 4, "widths": [2]}
    save_model(tmp_path / "other", small_model(), discriminator=(keywords, OasisDiscriminator(**keywords)))
    assert start_from(networks(), tmp_path / "other", SPACE)[0].endswith(": generator, style encoder.")
