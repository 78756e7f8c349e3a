"""Sheets of pictures: label map, photograph, and every method side by side; as PNG and as one HTML page."""

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from semsynth.errors import SemsynthError
from semsynth.evaluation.report import Report
from semsynth.files.writing import write_atomically
from semsynth.images import open_image, png_bytes

GAP, HEADER = 4, 22
TILES = "sheet"
"""Folder of a report that holds the label maps and photographs of its sheet."""


STYLE = (
    "body{font:14px system-ui,sans-serif;margin:1.5rem;background:#fff;color:#222}"
    "th{position:sticky;top:0;background:#fff;padding:4px;text-align:left}td{padding:2px}"
    "img{display:block;max-width:100%}pre{white-space:pre-wrap}"
    "@media(prefers-color-scheme:dark){body,th{background:#181818;color:#ddd}}"
)


def tile(folder: Path, key: str, what: str) -> Path:
    """Where a report keeps the "labels" or the "photo" of a picture on its sheet."""
    return folder / TILES / f"{key}.{what}.png"


def picture_path(folder: Path, key: str) -> Path:
    """Where a report keeps the picture a method made."""
    return folder / "pictures" / f"{key}.png"


def write_sheet(
    folder: Path, folders: Sequence[Path], reports: Sequence[Report], title: str, text: str
) -> None:
    """Write ``sheet.png`` and ``sheet.html``: the pictures of one or more reports on the same data set.

    Args:
        folder: Where to.
        folders: Of the reports.
        reports: What they hold.
        title: Of the page.
        text: Shown below the pictures, on the page alone.

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
        rows.append([open_image(path).convert("RGB") for path in paths])
    columns = ["labels", "photograph", *(report.methods[0].name for report in reports)]
    write_atomically(folder / "sheet.png", png_bytes(sheet_image(columns, rows)))
    write_atomically(folder / "sheet.html", _page(columns, keys, rows, title, text).encode())


def sheet_image(columns: Sequence[str], rows: Sequence[Sequence[Image.Image]]) -> Image.Image:
    """Rows of pictures of one size, with what stands above each column."""
    width, height = rows[0][0].size
    size = (len(columns) * (width + GAP) - GAP, len(rows) * (height + GAP) - GAP + HEADER)
    canvas = Image.new("RGB", size, "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(14)
    for column, title in enumerate(columns):
        while len(title) > 1 and draw.textlength(title, font=font) > width:
            title = title[:-2] + "…"
        draw.text((column * (width + GAP) + 2, 2), title, fill="black", font=font)
        for row, pictures in enumerate(rows):
            canvas.paste(pictures[column], (column * (width + GAP), HEADER + row * (height + GAP)))
    return canvas


def _page(
    columns: Sequence[str], keys: Sequence[str], rows: Sequence[Sequence[Image.Image]], title: str, text: str
) -> str:
    """One page with everything inside: pictures as data, a text below them, no scripts or other files."""
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    body = ""
    for key, pictures in zip(keys, rows):
        cells = [_cell(picture, f"{key}: {column}") for picture, column in zip(pictures, columns)]
        body += f"<tr>{''.join(cells)}</tr>\n"
    name = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{name}</title>\n<style>{STYLE}</style>"
        f"</head><body><h1>{name}</h1>\n<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>\n"
        f"<pre>{html.escape(text)}</pre></body></html>\n"
    )


def _cell(picture: Image.Image, description: str) -> str:
    data = base64.b64encode(png_bytes(picture)).decode()
    return (
        f'<td><img loading="lazy" width="{picture.width}" height="{picture.height}" '
        f'alt="{html.escape(description)}" src="data:image/png;base64,{data}"></td>'
    )
