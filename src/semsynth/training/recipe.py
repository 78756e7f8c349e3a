"""A recipe: one TOML file that says everything about a training run.

Sections fill the dataclasses of `semsynth.training.settings`; a flag `--section.key value` overrides a value.
The sections `generator`, `style_encoder`, `discriminator` and `objective` hold keyword arguments of the
method's classes. Unknown keys are refused with the nearest known one named, and so are values that no run can
use. The settings in force are written beside the checkpoints.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_toml
from semsynth.files.recipes import recipe_path
from semsynth.files.settings import fill
from semsynth.hub import compat
from semsynth.training.objective import objective_settings
from semsynth.training.settings import Recipe, flat

_DEEPEST = 8
"""Tables within tables that a recipe may have."""


def load_recipe(path: Path, overrides: Iterable[str] = (), *, variants: Iterable[Path] = ()) -> Recipe:
    """Read a TOML recipe.

    Args:
        path: The file.
        overrides: "section.key=value" settings, in TOML's notation for the value; text may lack quotes.
        variants: Files that give only what they change, later ones over earlier. Stages in one of them take
            the place of the length and the sizes given before.

    Raises:
        SemsynthError: An unreadable file, an unknown key, a value of the wrong type or of no use.
    """
    files = [recipe_path(file) for file in (path, *variants)]
    table: dict[str, Any] = {}
    given: set[str] = set()
    for changes in map(_read, files):
        if changes.get("stages"):
            given.clear()
        given |= dict(flat(changes)).keys()
        table = _merged(table, changes)
    for override in overrides:
        given.add(_override(table, override))
    where = " with ".join(map(str, files))
    recipe = recipe_from_dict(table, where)
    _refuse_idle(recipe, given, where)
    return recipe


def recipe_from_dict(table: Mapping[str, Any], where: str = "the recipe") -> Recipe:
    """Build a recipe from nested dicts, refusing what it does not know.

    Args:
        table: Sections and values, as TOML or `Recipe.to_json` give them.
        where: What to name in errors.

    Raises:
        SemsynthError: An unknown key, a value of the wrong type or of no use.
    """
    _refuse_control(table, where)
    recipe = fill(Recipe, table, where)
    recipe = replace(recipe, objective=objective_settings(recipe, where))
    _check_stages(recipe, where)
    return recipe


def _read(path: Path) -> dict[str, Any]:
    table = read_toml(path)
    _refuse_deep(table, str(path))
    return compat.run_settings(table)


def _refuse_deep(value: Any, where: str, depth: int = 0) -> None:
    """Refuse tables within tables beyond what any setting needs: later steps follow them by recursion."""
    if depth > _DEEPEST:
        raise SemsynthError(f"{where} is nested more than {_DEEPEST} tables deep; a recipe needs three.")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _refuse_deep(inner, where, depth + 1)


def _merged(table: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A table with the values of another put in, section by section."""
    merged = dict(table)
    for key, value in changes.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _refuse_idle(recipe: Recipe, given: set[str], where: str) -> None:
    """Refuse those of the given settings that have no effect, because the stages say otherwise."""
    for name in ("run.images", "run.batch_size", "data.load_size", "data.crop_size"):
        section, key = name.split(".")
        value = getattr(getattr(recipe, section), key)
        theirs = {getattr(stage, key) for stage in recipe.schedule()}
        if key == "images":
            theirs = {recipe.total_images()}
        if recipe.stages and name in given and theirs != {value}:
            raise SemsynthError(
                f"{where}: {name} is {value}, but the recipe has stages, and they say what {key} is; give "
                "the stages in a variant TOML file, or drop them with --stages '[]'."
            )


def _check_stages(recipe: Recipe, where: str) -> None:
    """Refuse stages that do not end where the next one begins, or of whose batches a share is nothing."""
    for stage in recipe.stages[:-1]:
        if stage.images % stage.batch_size:
            raise SemsynthError(
                f"{where}: a stage has images = {stage.images} and batch_size = {stage.batch_size}; where "
                "another stage follows, images must be a multiple of batch_size."
            )
    share = recipe.objective.get("prior_share", 0)
    for stage in recipe.schedule():
        if 0 < share * stage.batch_size < 1:
            raise SemsynthError(
                f"{where}: objective.prior_share is {share}, which is not one picture of a batch of "
                f"{stage.batch_size}; make it 0, or raise it or batch_size."
            )


def _override(table: dict[str, Any], override: str) -> str:
    """Put a setting in; its name."""
    name, separator, text = override.partition("=")
    if not separator:
        raise SemsynthError(f"{override!r} is no setting; write section.key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, RecursionError):  # text without quotes, such as C:\\data
        value = text
    _refuse_deep(value, name)
    *sections, key = name.split(".")
    for section in sections:
        table = table.setdefault(section, {})
        if not isinstance(table, dict):
            raise SemsynthError(f"{name}: {section} is a value, not a section.")
    table[key] = value
    return name


def _refuse_control(table: Mapping[str, Any], where: str) -> None:
    """Refuse text that no name or path is, such as what TOML makes of "C:\\temp" in double quotes."""
    for name, value in flat(table):
        if isinstance(value, str) and (strange := re.search(r"[\x00-\x1f\x7f]", value)):
            raise SemsynthError(
                f"{where}: {name} is {value!r}, which holds the control character {strange[0]!r}. In double "
                r"quotes TOML reads \t as a tab and \n as the end of a line: write Windows paths in single "
                r"quotes, as in 'C:\temp\new', or with forward slashes."
            )
