"""What evaluations found of a model, as data in its config.json."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.files.reading import read_bytes, read_json, shown
from semsynth.files.writing import write_atomically

MAX_SCORES = 64
"""Most evaluations that a model folder keeps, and most numbers of one."""
MAX_TEXT = 200


@dataclass(frozen=True)
class Scores:
    """One evaluation of a model. Shares are 0..1.

    Attributes:
        protocol: Name of the protocol.
        data: Label set and split of the photographs.
        pictures: How many were scored.
        evaluator: The segmentation network that read the pictures.
        values: Number by name, such as {"miou": 0.459}.
        real: The same of the real photographs, where they have them.
    """

    protocol: str
    data: str
    pictures: int
    evaluator: str
    values: dict[str, float]
    real: dict[str, float] = field(default_factory=dict)

    def replaces(self, other: "Scores") -> bool:
        """Whether both are of one protocol, data set and evaluator, so that the newer one stands."""
        return all(getattr(self, name) == getattr(other, name) for name in ("protocol", "data", "evaluator"))


def read_scores(path: Path, rows: object) -> tuple[Scores, ...]:
    """The entry `scores` of a config.json, checked.

    Raises:
        SemsynthError: It is no list of scores as `record_scores` writes them.
    """
    if rows is None:
        return ()
    if not isinstance(rows, list) or len(rows) > MAX_SCORES:
        raise SemsynthError(f"{path}: scores is {shown(rows)}; it must be a list of up to {MAX_SCORES}.")
    return tuple(_read_row(path, row) for row in rows)


def _read_row(path: Path, row: object) -> Scores:
    try:
        scores = Scores(**row)  # type: ignore[arg-type]
    except TypeError:
        raise SemsynthError(
            f"{path}: an entry of scores is {shown(row)}; it must be a table of protocol, data, pictures, "
            "evaluator, values and real."
        ) from None
    for name in ("protocol", "data", "evaluator"):
        text = getattr(scores, name)
        if not isinstance(text, str) or len(text) > MAX_TEXT:
            raise SemsynthError(f"{path}: {name} of scores is {shown(text)}; it must be a short text.")
    if type(scores.pictures) is not int or scores.pictures < 1:
        raise SemsynthError(f"{path}: pictures of scores is {shown(scores.pictures)}; it must be a count.")
    for name in ("values", "real"):
        if not _are_numbers(getattr(scores, name)):
            raise SemsynthError(
                f"{path}: {name} of scores is {shown(getattr(scores, name))}; it must be a table of up to "
                f"{MAX_SCORES} numbers."
            )
    return scores


def _are_numbers(table: object) -> bool:
    return (
        isinstance(table, dict)
        and len(table) <= MAX_SCORES
        and all(len(name) <= MAX_TEXT for name in table)
        and all(type(value) in (int, float) and math.isfinite(value) for value in table.values())
    )


def record_scores(folder: Path, scores: Scores) -> None:
    """Write the scores of an evaluation into a model folder; those of an earlier one like it are replaced.

    Raises:
        SemsynthError: The folder cannot be written, or its config.json is damaged.
    """
    path = folder / "config.json"
    config: dict[str, Any] = read_json(path)
    kept = [old for old in read_scores(path, config.get("scores")) if not scores.replaces(old)]
    write_config(path, config, [*kept[1 - MAX_SCORES :], scores])


def write_config(path: Path, config: Mapping[str, Any], scores: Sequence[Scores]) -> None:
    """Write a config.json, with scores last where there are any."""
    rows = {"scores": [asdict(row) for row in scores]} if scores else {}
    write_atomically(path, _encoded({**_without_scores(config), **rows}))


def config_without_scores(path: Path) -> bytes:
    """The bytes of a config.json as before scores were recorded, for they change nothing that is drawn."""
    content = read_bytes(path)
    if b'"scores"' not in content:
        return content
    config = read_json(path)
    return _encoded(_without_scores(config)) if isinstance(config, dict) else content


def _without_scores(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "scores"}


def _encoded(config: Mapping[str, Any]) -> bytes:
    return (json.dumps(config, indent=2) + "\n").encode()
