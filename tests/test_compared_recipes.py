"""The compared systems' recipes build networks of the published sizes, and ablations are variants of them."""

from pathlib import Path

import pytest

from semsynth.cli import main
from semsynth.errors import SemsynthError
from semsynth.evaluation.protocol import load_protocol
from semsynth.training.recipe import load_recipe
from tests.test_recipes import RECIPES, networks_of, parameters

ABLATIONS = RECIPES / "ablations"

# Parameters of generator and discriminator, in millions, as measured on the releases or counted by hand.
PUBLISHED = {
    "pix2pixhd-ade20k": (182.9, 5.84),
    "pix2pixhd-cityscapes": (182.5, 5.60),
    "pix2pixhd-coco-stuff": (183.0, 5.90),
    "pix2pixhd-cityscapes-2048": (182.8, 8.40),
    "pix2pixhdpp-ade20k": (182.9, 5.84),
    "crn-ade20k": (105.1, 0),
    "crn-coco-stuff": (106.9, 0),
    "ccfpse-ade20k": (140.7, 5.19),
    "ccfpse-coco-stuff": (141.9, 5.19),
    "ccfpse-cityscapes": (128.0, 5.18),
    "oasis-ade20k": (74.3, 22.26),
    "oasis-coco-stuff": (75.2, 22.26),
    "oasis-cityscapes": (71.1, 22.25),
}

# The paper's Tables 3 and 4 on ADE20K: recipe, variants, millions of parameters of the generator.
TABLES = [
    ("spade", ["width-48"], 60.64),
    ("spade", ["width-80"], 140.68),
    ("pix2pixhdpp", ["width-48"], 103.00),
    ("pix2pixhdpp", ["labels-spade"], 236.88),
    ("pix2pixhdpp", ["labels-concat"], 195.45),
    ("pix2pixhdpp", ["decoder-concat"], 79.25),
    ("pix2pixhdpp", ["norm-instance", "no-spectral"], 182.89),
]

OF_PIX2PIXHDPP = ("labels-spade", "labels-concat", "decoder-concat", "no-spectral")


def ablated(base: str, *names: str):
    return load_recipe(RECIPES / f"{base}.toml", variants=[ABLATIONS / f"{name}.toml" for name in names])


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_have_the_published_size(name: str) -> None:
    generator, discriminator, _ = networks_of(load_recipe(RECIPES / f"{name}.toml"))
    of_generator, of_discriminator = PUBLISHED[name]
    assert parameters(generator) / 1e6 == pytest.approx(of_generator, abs=0.05)
    assert parameters(discriminator) / 1e6 == pytest.approx(of_discriminator, abs=0.005)


@pytest.mark.parametrize(("base", "names", "millions"), TABLES)
def test_the_ablations_have_the_papers_sizes(base: str, names: list[str], millions: float) -> None:
    generator, _, _ = networks_of(ablated(f"{base}-ade20k", *names))
    assert parameters(generator) / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize("path", sorted(ABLATIONS.glob("*.toml")), ids=lambda path: path.stem)
def test_an_ablation_builds_on_every_data_set(path: Path) -> None:
    base = "pix2pixhdpp" if path.stem in OF_PIX2PIXHDPP else "spade"
    for data in ("ade20k", "coco-stuff", "cityscapes"):
        plain, recipe = load_recipe(RECIPES / f"{base}-{data}.toml"), ablated(f"{base}-{data}", path.stem)
        assert recipe.data == plain.data
        assert recipe.run == plain.run
        assert recipe != plain
    networks_of(recipe)  # the one with instances and its own number of doublings


def test_the_comparison_is_of_equals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RECIPES.parent / "tools"))
    import compare

    files = {path.stem for path in (RECIPES / "comparison").glob("*.toml")}
    assert files == {"64px", "protocol", *compare.ROWS}
    budgets = set()
    for name in compare.ROWS:
        train, evaluate = compare.commands(name, Path("data"), Path("runs"))
        base, *variants = (RECIPES.parent / file for file in train[1 : train.index("--data.root")])
        recipe = load_recipe(base, variants=variants)
        networks_of(recipe)
        assert recipe.method == name
        assert recipe.style_encoder is None
        budgets.add((recipe.run.images, recipe.run.batch_size, recipe.data.crop_size))
        assert load_protocol(RECIPES.parent / evaluate[evaluate.index("--protocol") + 1]).height == 64
    assert len(budgets) == 1


def test_the_changes_of_the_landscape_recipe_are_one_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(RECIPES.parent / "tools"))
    import landscape_changes

    plain = None
    for name in landscape_changes.ROWS:
        train, *_ = landscape_changes.commands(name, Path("data"), Path("runs"))
        base, *variants = (RECIPES.parent / file for file in train[1 : train.index("--data.root")])
        recipe = load_recipe(base, variants=variants)
        networks_of(recipe)
        plain = plain or recipe
        assert recipe.stages == plain.stages
        assert (recipe == plain) == (name == "recipe")


def test_later_variants_win_and_flags_over_all(tmp_path: Path) -> None:
    small, smaller = tmp_path / "small.toml", tmp_path / "smaller.toml"
    small.write_text("[data]\nload_size = 80\ncrop_size = 72\n")
    smaller.write_text("[data]\ncrop_size = 64\n")
    recipe = load_recipe(RECIPES / "spade-siftflow.toml", ["run.images=4"], variants=[small, smaller])
    assert (recipe.data.name, recipe.data.load_size, recipe.data.crop_size) == ("siftflow", 80, 64)
    assert recipe.run.images == 4
    with pytest.raises(SemsynthError, match="does not exist"):
        load_recipe(small, variants=[tmp_path / "absent.toml"])


def test_the_command_takes_variants_before_settings(capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(RECIPES / "crn-siftflow.toml"), str(RECIPES / "sizes" / "64px.toml")]
    assert main(["train", *files, "--data.root", "somewhere", "--print"]) == 0
    shown = capsys.readouterr().out
    assert '"crop_size": 64' in shown
    assert '"root": "somewhere"' in shown
