"""Sheets of pictures: label map, photograph, and every method side by side; as PNG and as one HTML page."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import Pixels
from semsynth.evaluation.report import Report
from semsynth.files.writing import write_atomically
from semsynth.images import open_image, png_bytes

GAP, HEADER = 4, 22
TILES = "sheet"
"""Folder of a report that holds the label maps and photographs of its sheet."""


@dataclass(frozen=True)
class Sheet:
    """A grid of pictures of one size.

    Attributes:
        columns: What stands above each column.
        keys: What each row shows.
        rows: For every key one picture (H, W, 3) uint8 per column.
    """

    columns: tuple[str, ...]
    keys: tuple[str, ...]
    rows: tuple[tuple[Pixels, ...], ...]

    def to_image(self) -> Image.Image:
        """The grid with its header, as one picture."""
        height, width = self.rows[0][0].shape[:2]
        size = (len(self.columns) * (width + GAP) - GAP, len(self.rows) * (height + GAP) - GAP + HEADER)
        canvas = Image.new("RGB", size, "white")
        draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
        for column, title in enumerate(self.columns):
            while len(title) > 1 and draw.textlength(title, font=font) > width:
                title = title[:-2] + "…"
            draw.text((column * (width + GAP) + 2, 2), title, fill="black", font=font)
            for row, pictures in enumerate(self.rows):
                place = (column * (width + GAP), HEADER + row * (height + GAP))
                canvas.paste(Image.fromarray(pictures[column]), place)
        return canvas

    def to_html(self, title: str, text: str = "") -> str:
        """One page with everything inside: pictures as data, a text below them, no scripts or other files."""
        head = "".join(f"<th>{html.escape(column)}</th>" for column in self.columns)
        body = ""
        for key, pictures in zip(self.keys, self.rows):
            cells = [_cell(picture, f"{key}: {column}") for picture, column in zip(pictures, self.columns)]
            body += f"<tr>{''.join(cells)}</tr>\n"
        name = html.escape(title)
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            f"<title>{name}</title>\n<style>{STYLE}</style>"
            f"</head><body><h1>{name}</h1>\n<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
            f"<pre>{html.escape(text)}</pre></body></html>\n"
        )

    def save(self, folder: Path, title: str, text: str = "") -> None:
        """Write ``sheet.png`` and ``sheet.html``."""
        write_atomically(folder / "sheet.png", png_bytes(self.to_image()))
        write_atomically(folder / "sheet.html", self.to_html(title, text).encode())


STYLE = (
    "body{font:14px system-ui,sans-serif;margin:1.5rem;background:#fff;color:#222}"
    "th{position:sticky;top:0;background:#fff;padding:4px;text-align:left}td{padding:2px}"
    "img{display:block;max-width:100%}pre{white-space:pre-wrap}"
    "@media(prefers-color-scheme:dark){body,th{background:#181818;color:#ddd}}"
)


def _cell(picture: Pixels, description: str) -> str:
    data = base64.b64encode(png_bytes(Image.fromarray(picture))).decode()
    height, width = picture.shape[:2]
    return (
        f'<td><img loading="lazy" width="{width}" height="{height}" alt="{html.escape(description)}" '
        f'src="data:image/png;base64,{data}"></td>'
    )


def tile(folder: Path, key: str, what: str) -> Path:
    """Where a report keeps the "labels" or the "photo" of a picture on its sheet."""
    return folder / TILES / f"{key}.{what}.png"


def picture_path(folder: Path, key: str) -> Path:
    """Where a report keeps the picture a method made."""
    return folder / "pictures" / f"{key}.png"


def sheet_of(folders: Sequence[Path], reports: Sequence[Report]) -> Sheet:
    """The sheet of one or more reports on the same data set.

    Raises:
        SemsynthError: They have no picture in common.
    """
    keys = [key for key in reports[0].sheet if all(key in report.sheet for report in reports)]
    if not keys:
        raise SemsynthError(
            "These reports show no picture in common: evaluate them under the same protocol and number of "
            "pictures."
        )
    rows = []
    for key in keys:
        paths = [tile(folders[0], key, "labels"), tile(folders[0], key, "photo")]
        paths += [picture_path(folder, key) for folder in folders]
        rows.append(tuple(np.asarray(open_image(path).convert("RGB")) for path in paths))
    names = [report.methods[0].name for report in reports]
    return Sheet(("labels", "photograph", *names), tuple(keys), tuple(rows))
