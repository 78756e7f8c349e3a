import json
from pathlib import Path

import pytest

from semsynth.cli.train import read_settings
from semsynth.errors import SemsynthError
from semsynth.training.recipe import load_recipe, recipe_from_dict


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_flags_override_the_file(tmp_path: Path):
    path = write(tmp_path, '[run]\nimages = 10\n[generator]\nwidth = 8\n[objective]\naugment = ["color"]')
    settings = read_settings(["--run.images", "20", "--generator.stem=style", "--data.root", "some folder"])
    recipe = load_recipe(path, settings)
    assert recipe.run.images == 20
    assert recipe.generator == {"width": 8, "stem": "style"}
    assert recipe.data.root == "some folder"
    assert recipe.objective.augment == ("color",)


def test_settings_survive_json(tmp_path: Path):
    path = write(
        tmp_path,
        "[style_encoder]\nwidth = 8\n[[stages]]\nimages = 4\nload_size = 36\ncrop_size = 32\nbatch_size = 2",
    )
    recipe = load_recipe(path)
    assert recipe_from_dict(json.loads(recipe.to_json())) == recipe
    assert recipe.total_images() == 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[run]\nimags = 3", "no setting run.imags; did you mean images?"),
        ("[rn]\nimages = 3", "no setting rn; did you mean run?"),
        ("[run]\nimages = 'many'", "run.images is 'many'; it must be of type int"),
        ("[run]\nimages = true", "run.images is True"),
        ("[data]\nflip = 1", "data.flip is 1; it must be of type bool"),
        ("[[stages]]\nimages = 3", "section stages: .*missing"),
        ("run = 3", "run is 3"),
        ("[run", "is no TOML file"),
    ],
)
def test_unusable_recipes_are_refused_in_a_sentence(tmp_path: Path, text: str, sentence: str):
    with pytest.raises(SemsynthError, match=sentence):
        load_recipe(write(tmp_path, text))


def test_unusable_flags_are_refused_in_a_sentence(tmp_path: Path):
    with pytest.raises(SemsynthError, match="cannot read"):
        load_recipe(tmp_path / "absent.toml")
    for arguments, sentence in ((["stray"], "no setting"), (["--run.images"], "needs a value")):
        with pytest.raises(SemsynthError, match=sentence):
            read_settings(arguments)
