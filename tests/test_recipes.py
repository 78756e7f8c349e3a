"""Every published recipe loads, and builds networks of exactly the published size."""

from pathlib import Path

import pytest
import torch
from torch import nn

from semsynth.data import FORMATS
from semsynth.labels import LabelSpace
from semsynth.training.objective import METHODS, build_networks
from semsynth.training.recipe import load_recipe
from semsynth.training.settings import Recipe

RECIPES = Path(__file__).resolve().parents[1] / "recipes"
OTHER = ("segmenter", "landscape-styles")  # of other commands
FILES = sorted(path for path in RECIPES.glob("*.toml") if not path.stem.startswith(OTHER))

# Label set and whether there are instance maps, by data set.
DATA = {
    "coco-stuff": ("coco-stuff", True),
    "ade20k": ("ade20k", False),
    "ade20k-outdoor": ("ade20k", False),
    "cityscapes": ("cityscapes", True),
    "facades": ("facades-cmp", False),
    "siftflow": ("siftflow", False),
}

# Parameters of generator, discriminator and style encoder; the released networks have these.
PUBLISHED = {
    "spade-coco-stuff": (97_480_899, 5_904_514, 0),
    "spade-ade20k": (96_492_483, 5_836_930, 0),
    "spade-ade20k-outdoor": (96_492_483, 5_836_930, 0),
    "spade-cityscapes": (93_048_003, 5_601_410, 0),
    "spade-facades": (92_359_107, 5_554_306, 0),
    "spade-coco-stuff-style": (112_626_883, 5_904_514, 10_463_424),
    "spade-ade20k-style": (111_942_595, 5_836_930, 10_463_424),
    "spade-ade20k-outdoor-style": (111_942_595, 5_836_930, 10_463_424),
    "spade-cityscapes-style": (101_136_579, 5_601_410, 10_463_424),
}


def parameters(module: nn.Module | None) -> int:
    return 0 if module is None else sum(p.numel() for p in module.parameters())


def networks_of(recipe: Recipe) -> tuple[nn.Module, nn.Module | None, nn.Module | None]:
    label_set, has_instances = DATA[recipe.data.name]
    with torch.device("meta"):
        built = build_networks(recipe, LabelSpace.named(label_set).num_classes, has_instances)
    return built.generator, built.discriminator, built.style_encoder


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recipe_is_complete(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.method in METHODS
    assert recipe.data.name in FORMATS
    assert recipe.total_images() >= recipe.run.constant_images
    assert all(stage.images % stage.batch_size == 0 or not recipe.stages for stage in recipe.schedule())


@pytest.mark.parametrize("name", PUBLISHED)
def test_networks_have_the_published_size(name: str) -> None:
    recipe = load_recipe(RECIPES / f"{name}.toml")
    assert tuple(parameters(network) for network in networks_of(recipe)) == PUBLISHED[name]


def test_all_published_recipes_are_checked() -> None:
    published = {path.stem for path in FILES if path.stem.startswith("spade-")} - {"spade-siftflow"}
    assert published == set(PUBLISHED)
