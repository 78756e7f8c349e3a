"""`semsynth demo`: the example label maps in three styles each, as files and as one contact sheet."""

import argparse
import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth.cli.jobs import Job, refuse_shared_names
from semsynth.cli.options import AddParser
from semsynth.cli.synthesize import draw
from semsynth.cli.terminal import progress
from semsynth.errors import SemsynthError
from semsynth.files.writing import write_atomically

if TYPE_CHECKING:
    from PIL import Image

    from semsynth.labels import LabelClass
    from semsynth.pipeline import Synthesizer

STYLES = 3
FAVOURITES = ("dawn", "noon", "storm", "sunset", "mist", "winter")
"""Styles taken first where the model has them."""

SEED = 2
"""Of the styles drawn for a model without named ones."""

GAP, HEADING, LEGEND_ROW = 4, 22, 20  # pixels of the sheet
INK = "#333333"
KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Synthesize the example label maps of a model in three styles each: one file each, and a "
        "contact sheet, whose path is the last line printed.",
    )
    parser.add_argument(
        "labels", nargs="*", type=Path, metavar="LABELS", help="label maps (default: the examples)"
    )
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("demo/output"), metavar="OUT", help="folder"
    )
    parser.add_argument("--model", default="landscape", help="model folder or name (default: landscape)")
    parser.add_argument("--style", action="append", metavar="NAME", help="a style; repeat for others")
    parser.add_argument("--sheet", type=Path, help="the contact sheet, .png or .jpg (default: OUT/sheet.png)")
    parser.add_argument("--tile", type=int, default=192, metavar="PIXELS", help="side of its images")
    parser.add_argument("--across", type=int, default=2, metavar="N", help="label maps side by side on it")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Paint everything, write the sheet, say where it is."""
    from semsynth.pipeline import Synthesizer

    if not 16 <= args.tile <= 1024 or not 1 <= args.across <= 20:
        raise SemsynthError("--tile takes 16 to 1024 pixels, --across takes 1 to 20 label maps.")
    sheet = args.sheet or args.output / "sheet.png"
    if sheet.suffix.lower() not in KINDS:
        raise SemsynthError(f"The sheet {sheet} must be a .png or .jpg file.")
    synthesizer = Synthesizer.from_pretrained(args.model)
    maps = list(dict.fromkeys(args.labels)) or example_maps(synthesizer)
    styles = list(dict.fromkeys(args.style or choose_styles(synthesizer)))
    for style in args.style or ():
        if style not in synthesizer.styles:
            known = ", ".join(synthesizer.styles) or "it has none"
            raise SemsynthError(f"--style {style}: no style of this model ({known}).")
    jobs = []
    for path in maps:
        names = [f"{path.stem}-{style.replace(' ', '-')}.png" for style in styles]
        jobs.append(Job(path, None, tuple(args.output / name for name in names)))
    refuse_shared_names(jobs, sheet)
    args.output.mkdir(parents=True, exist_ok=True)
    rows, used = [], set[int]()
    with progress() as bar:
        for job in bar.track(jobs, description="synthesizing"):
            row, ids = paint(synthesizer, job, styles)
            rows.append(row)
            used |= ids
    space, picture = synthesizer.label_space, io.BytesIO()
    legend = [space.classes[i] for group in space.groups.values() for i in group if i in used]
    image = contact_sheet(rows, ["label map", *styles], legend, args.tile, args.across)
    image.save(picture, KINDS[sheet.suffix.lower()], optimize=True, quality=86)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(sheet, picture.getvalue())
    count = len(rows) * len(styles)
    print(f"{count} images of {len(rows)} label maps are in {args.output}, and on one sheet:")
    print(sheet)
    return 0


def example_maps(synthesizer: "Synthesizer") -> list[Path]:
    """The example label maps in the model's own folder.

    Raises:
        SemsynthError: it has none.
    """
    folder = synthesizer.model.folder
    maps = sorted((folder / "examples").glob("*.png")) if folder else []
    if not maps:
        raise SemsynthError(f"The model {folder} comes without example label maps; name some of your own.")
    return maps


def choose_styles(synthesizer: "Synthesizer") -> list[str]:
    """Three names of styles, favourites first; without named styles, headings for random ones."""
    known = list(synthesizer.styles)
    if not known:
        return [f"style {number + 1}" for number in range(STYLES if synthesizer.style_dim else 1)]
    favourites = [name for name in FAVOURITES if name in known]
    return [*favourites, *(name for name in known if name not in favourites)][:STYLES]


def paint(
    synthesizer: "Synthesizer", job: Job, styles: Sequence[str]
) -> tuple[list["Image.Image"], set[int]]:
    """Write an image per style; the coloured map and the images, and the ids of the classes drawn."""
    if not synthesizer.styles:
        row, result = draw(synthesizer, job, seed=SEED)
        return row, set(result.labels.unique().tolist())
    row = []
    for style, file in zip(styles, job.outputs):
        (drawn, image), result = draw(synthesizer, Job(job.source, None, (file,)), style=style, seed=SEED)
        row = [*(row or [drawn]), image]
    return row, set(result.labels.unique().tolist())


def contact_sheet(
    rows: Sequence[Sequence["Image.Image"]],
    headings: Sequence[str],
    legend: Sequence["LabelClass"],
    tile: int,
    across: int,
) -> "Image.Image":
    """All images on one page.

    Args:
        rows: a coloured label map and its images each.
        headings: one a column.
        legend: classes, shown at the foot.
        tile: side of an image in pixels; longer images are scaled to fit.
        across: how many rows lie side by side.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(13)
    across = min(across, len(rows))
    step = tile + GAP
    block = len(headings) * step + 3 * GAP
    width = across * block - 4 * GAP
    foot = HEADING + math.ceil(len(rows) / across) * step + GAP
    places, x, y = [], 0, foot
    for shown in legend:
        entry = 38 + math.ceil(font.getlength(shown.name))
        if x and x + entry > width:
            x, y = 0, y + LEGEND_ROW
        places.append((x, y))
        x += entry
    sheet = Image.new("RGB", (width, y + LEGEND_ROW), "white")
    pen = ImageDraw.Draw(sheet)
    for group in range(across):
        for column, heading in enumerate(headings):
            pen.text((group * block + column * step, 3), heading, fill=INK, font=font)
    for index, row in enumerate(rows):
        for column, image in enumerate(row):
            place = (index % across * block + column * step, HEADING + index // across * step)
            method = Image.Resampling.LANCZOS if column else Image.Resampling.NEAREST
            size = [max(1, round(side * tile / max(image.size))) for side in image.size]
            sheet.paste(image.resize(size, method), place)
    for shown, (x, y) in zip(legend, places):
        pen.rectangle((x, y + 2, x + 18, y + 15), fill=shown.color, outline="#888888")
        pen.text((x + 24, y), shown.name, fill=INK, font=font)
    return sheet
