"""Where model folders are, and where one may be written."""

import os
from pathlib import Path

from semsynth.errors import SemsynthError
from semsynth.files.folders import recover

EXAMPLES = "examples"
"""The one folder of a model folder that saving anew leaves as it is."""

PRETRAINED = Path(__file__).parents[1] / "pretrained"
"""Where the models that come with the package lie."""


def pretrained_names() -> list[str]:
    """Names of the models that come with the package."""
    return sorted(path.parent.name for path in PRETRAINED.glob("*/config.json"))


def find_model(name: str | Path) -> Path:
    """The folder of a model: a path, the name of a model that comes with the package, or "pretrained:NAME".

    A folder of that name in the current directory comes before a packaged model.

    Raises:
        SemsynthError: There is none.
    """
    text = str(name)
    recover(Path(name))
    if text.startswith("pretrained:"):
        folder = PRETRAINED / text.removeprefix("pretrained:")
    elif (Path(name) / "config.json").is_file() or text not in pretrained_names():
        folder = Path(name)
    else:
        folder = PRETRAINED / text
    if (folder / "config.json").is_file():
        return folder
    known = ", ".join(pretrained_names()) or "none"
    what = "is a folder without config.json" if folder.is_dir() else "is no folder"
    what = what if os.path.lexists(folder) else "does not exist"
    raise SemsynthError(
        f"There is no model {text!r}: {folder} {what}; "
        f"give a model folder, or a model of the package ({known})."
    )


def check_place(folder: Path, overwrite: bool) -> None:
    """Refuse to write a model where something else is."""
    if folder.parent.exists() and not folder.parent.is_dir():
        raise SemsynthError(f"{folder.parent} is no folder; {folder.name} cannot be made in it.")
    recover(folder)
    if not folder.exists():
        return
    if not overwrite:
        raise SemsynthError(f"{folder} exists already; choose another name, or ask to overwrite it.")
    ours = folder.is_dir() and (folder / "config.json").is_file()
    if not ours and (not folder.is_dir() or any(entry.name != EXAMPLES for entry in folder.iterdir())):
        raise SemsynthError(f"{folder} exists already and is no model folder; it will not be overwritten.")
