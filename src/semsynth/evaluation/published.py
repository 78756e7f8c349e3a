"""Figures as other papers published them, each with the mark that says how we know it."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).parent / "published.json"

MARKS = {"table": "", "leaderboard": "†", "recalled": "‡"}
"""How a figure is marked in a table, by where it was read."""


@dataclass(frozen=True)
class PublishedRow:
    """One method on one data set. Shares are percent, as papers print them; None where not reported.

    Attributes:
        method: Its name, and whose run it was where that is not the authors'.
        year: Of the paper.
        miou: Mean intersection over union, percent.
        pixel_accuracy: Percent.
        fid: Fréchet Inception distance.
        mark: A key of MARKS: read in the table, in a leaderboard, or recalled and not read again.
        note: What keeps it from being compared.
    """

    method: str
    year: int
    miou: float | None
    pixel_accuracy: float | None
    fid: float | None
    mark: str
    note: str


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return document


def published(column: str) -> list[PublishedRow]:
    """The published figures of "ade20k", "ade20k-outdoor", "cityscapes" or "coco-stuff", by year."""
    return [
        PublishedRow(row["method"], row["year"], note=row["note"], **row["figures"][column])
        for row in _document()["rows"]
        if column in row["figures"]
    ]


def mark_meanings() -> dict[str, str]:
    """What each mark means, in words."""
    return dict(_document()["marks"])


def caution() -> str:
    """The sentence that belongs under every such table."""
    return str(_document()["note"])
