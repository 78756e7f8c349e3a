"""Find a recipe: a file of the user's, or one of those that are shipped.

They stand in recipes/ at the root of the repository, for reading, and in semsynth/recipes/ of a wheel.
"""

import difflib
from pathlib import Path

from semsynth.errors import SemsynthError

ENDING = ".toml"


def recipe_folder() -> Path:
    """The folder of the recipes that are shipped."""
    package = Path(__file__).parents[1]
    shipped = package / "recipes"
    return shipped if shipped.is_dir() else package.parents[1] / "recipes"


def recipe_names() -> list[str]:
    """What the shipped recipes are called: their paths below the folder, without ending."""
    folder = recipe_folder()
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob(f"*{ENDING}"))


def recipe_path(name: str | Path) -> Path:
    """The file of a recipe.

    Args:
        name: A file, which comes first; or the name of a shipped recipe, such as "spade-siftflow",
            "comparison/spade" or "recipes/spade-siftflow.toml".

    Raises:
        SemsynthError: Neither is there; it names those that are.
    """
    path = Path(name)
    if path.exists() or path.is_absolute():
        return path
    known = recipe_names()
    wanted = path.as_posix().removeprefix("./").removeprefix("recipes/").removesuffix(ENDING)
    if wanted in known:
        return recipe_folder() / f"{wanted}{ENDING}"
    near = difflib.get_close_matches(wanted, known, 3) or [name for name in known if "/" not in name]
    below = sorted({name.partition("/")[0] for name in known if "/" in name})
    raise SemsynthError(
        f"{path} does not exist, and no recipe of this name is shipped; there are {', '.join(near)} and "
        f"others, also in {', '.join(f'{folder}/' for folder in below)}: `semsynth train --help` lists them."
    )
