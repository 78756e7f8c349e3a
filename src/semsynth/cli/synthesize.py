"""`semsynth synthesize MASK... -o OUT`: draw photographs from label maps."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth import __version__
from semsynth.cli.jobs import Job, plan
from semsynth.cli.maps import Reader
from semsynth.cli.numbers import natural, read_size
from semsynth.cli.outputs import add_overwrite, refuse_existing
from semsynth.errors import SemsynthError

if TYPE_CHECKING:
    from PIL import Image

    from semsynth.pipeline import Synthesizer

TEXT_KEY = "semsynth:synthesis"
"""PNG text chunk of a picture: the settings that draw it again, as JSON."""

SHEET, SHEET_HEIGHT = "sheet.png", 192


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser(
        "synthesize",
        help="draw photographs from label maps",
        description="Draw photographs from label maps. Pictures are PNG files named after their maps; "
        "each holds in a text chunk what draws it again.",
    )
    parser.add_argument("masks", nargs="+", type=Path, metavar="MASK", help="label maps, or folders of them")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT", help="folder to write to")
    parser.add_argument("--model", default="landscape", help="model folder or name (default: landscape)")
    parser.add_argument("--style", help="a style of the model, or a photograph (default: at random)")
    parser.add_argument(
        "--seed",
        type=natural,
        help="of random styles, and of where clouds and the like are (default: a new one, which is reported; "
        "0 with --style)",
    )
    parser.add_argument("--num", type=natural, default=1, help="pictures per label map (default: 1)")
    parser.add_argument("--size", type=read_size, metavar="HxW", help="height x width (default: the map's)")
    parser.add_argument("--instances", type=Path, help="folder of instance maps named as the label maps")
    parser.add_argument(
        "--labels",
        metavar="SET",
        help="label set that the maps are drawn with, where it is not the model's; their classes are taken "
        "for those of the model that are called the same",
    )
    parser.add_argument(
        "--palette",
        choices=("auto", "index", "color"),
        default="auto",
        help="take indexed label maps for their indices or their colours (default: auto, colours where these "
        "are the label set's and the indices are not)",
    )
    parser.add_argument("--recursive", action="store_true", help="look into sub-folders too")
    parser.add_argument("--grid", action="store_true", help=f"also write {SHEET}: every map and its pictures")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument(
        "--precision",
        default="float32",
        choices=("auto", "float32", "bfloat16"),
        help="float32 draws exactly what the network was trained to; bfloat16 nearly that, several times as "
        "fast on recent processors, and as fast elsewhere; auto is bfloat16 there (default: float32)",
    )
    add_overwrite(parser)
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="draw only the label maps whose pictures are not all there",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Draw everything that can be drawn; report the rest at the end."""
    import secrets

    from rich.console import Console
    from rich.progress import Progress

    jobs = plan(
        args.masks,
        args.output,
        num=args.num,
        recursive=args.recursive,
        instances=args.instances,
        sheet=args.output / SHEET if args.grid else None,
    )
    skipped = len(jobs)
    if args.skip_existing:
        jobs = _lacking(jobs, args)
    else:
        sheets = [args.output / SHEET] if args.grid else []
        refuse_existing([*(path for job in jobs for path in job.outputs), *sheets], args)
    skipped -= len(jobs)
    seed = args.seed
    if seed is None:
        seed = 0 if args.style else secrets.randbits(31)

    from semsynth.cli.data import label_space_of
    from semsynth.pipeline import Synthesizer

    synthesizer = Synthesizer.from_pretrained(args.model, device=args.device, precision=args.precision)
    style = _check_style(synthesizer, args.style)
    reader = Reader(synthesizer.label_space, label_space_of(args.labels), args.palette)
    args.output.mkdir(parents=True, exist_ok=True)
    failures: list[str] = []
    rows: list[list[Image.Image]] = []
    console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
    with Progress(console=console, transient=True) as progress:
        for job in progress.track(jobs, description="drawing"):
            try:
                row, notes = draw(
                    synthesizer, job, style=style, seed=seed, size=args.size, model=args.model, reader=reader
                )
            except SemsynthError as error:
                failures.append(_naming(job.mask, str(error)))
                continue
            except Exception as error:  # whatever it is, the other maps can be drawn
                failures.append(_naming(job.mask, f"{type(error).__name__}: {error}"))
                continue
            for note in notes:
                console.print(_naming(job.mask, note), markup=False)
            if args.grid:
                rows.append([scale(picture) for picture in row])
    if rows:
        write_sheet(args.output / SHEET, rows)
    drawn = len(jobs) - len(failures)
    if skipped:
        print(f"{_count(skipped, 'label map')} skipped, whose pictures are there")
    pictures, maps = _count(drawn * args.num, "picture"), _count(drawn, "label map")
    print(f"{pictures} of {maps} in {args.output}{f', and {SHEET}' if rows else ''} (seed {seed})")
    if failures:
        console.print(f"not drawn ({len(failures)} of {_count(len(jobs), 'label map')}):")
        for line in failures:
            console.print(f"  {line}", markup=False)
    return 2 if failures else 0


def draw(
    synthesizer: "Synthesizer",
    job: Job,
    *,
    style: object,
    seed: int,
    size: tuple[int, int] | None,
    model: str,
    reader: Reader | None = None,
) -> tuple[list["Image.Image"], tuple[str, ...]]:
    """Draw the pictures of one label map and write them.

    Args:
        synthesizer: the model.
        job: what to draw.
        style: a name or a vector; None draws at random.
        seed: see `Synthesizer`.
        size: (H, W), None for the map's own.
        model: its name, for the text chunk.
        reader: reads the map; by default with the label set of the model.

    Returns:
        the map in its colours, then its pictures; and sentences worth showing.
    """
    from PIL import Image, PngImagePlugin

    from semsynth.files.walking import printable
    from semsynth.files.writing import write_atomically
    from semsynth.images import png_bytes

    space = synthesizer.label_space
    reading = (reader or Reader(space)).read(job.mask)
    result = synthesizer(
        reading.ids,
        style,  # type: ignore[arg-type]
        seed=seed,
        num_images=len(job.outputs),
        instances=job.instances,
        size=size,
    )
    pictures = result.pictures()
    for index, (picture, path) in enumerate(zip(pictures, job.outputs)):
        settings = {
            "model": printable(model),
            "label_set": space.name,
            "labels": printable(job.mask.name),
            "instances": printable(job.instances.name) if job.instances else None,
            "style": style if isinstance(style, str) else None if style is None else "photograph",
            "vector": None if result.styles is None else result.styles[index].tolist(),
            "shift": None if result.shifts is None else result.shifts[index].tolist(),
            "size": [picture.height, picture.width],
            "precision": synthesizer.precision,
            "seed": seed,
            "number": index + 1,
            "version": __version__,
        }
        info = PngImagePlugin.PngInfo()
        info.add_text("Software", f"semsynth {__version__}")
        info.add_itxt(TEXT_KEY, json.dumps(settings, ensure_ascii=False))
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, png_bytes(picture, pnginfo=info))
    drawn = Image.fromarray(space.colorize(reading.ids)).resize(pictures[0].size, Image.Resampling.NEAREST)
    return [drawn, *pictures], reading.notes


def scale(picture: "Image.Image", height: int = SHEET_HEIGHT) -> "Image.Image":
    """A picture at the height the contact sheet shows it."""
    return picture.resize((max(1, round(picture.width * height / picture.height)), height))


def write_sheet(path: Path, rows: Sequence[Sequence["Image.Image"]]) -> None:
    """Write a contact sheet: a row per label map, of pictures of one height."""
    from PIL import Image

    from semsynth.files.writing import write_atomically
    from semsynth.images import png_bytes

    gap = 4
    width = max(sum(p.width + gap for p in row) for row in rows) - gap
    height = rows[0][0].height
    sheet = Image.new("RGB", (width, len(rows) * (height + gap) - gap), "white")
    for i, row in enumerate(rows):
        x = 0
        for picture in row:
            sheet.paste(picture, (x, i * (height + gap)))
            x += picture.width + gap
    write_atomically(path, png_bytes(sheet))


def _lacking(jobs: Sequence[Job], args: argparse.Namespace) -> list[Job]:
    """The jobs whose pictures are not all there."""
    if args.overwrite or args.grid:
        other = "--overwrite" if args.overwrite else "--grid"
        raise SemsynthError(f"--skip-existing and {other} contradict each other; give one of them.")
    return [job for job in jobs if not all(path.exists() for path in job.outputs)]


def _check_style(synthesizer: "Synthesizer", style: str | None) -> object:
    """The style as the synthesizer takes it; a photograph is encoded once."""
    if style is None or style in synthesizer.styles:
        return style
    if not Path(style).exists():
        known = ", ".join(synthesizer.styles) or "none"
        raise SemsynthError(f"--style {style}: neither a photograph nor a style of this model ({known})")
    return synthesizer.encode_style(style)


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _naming(mask: Path, sentence: str) -> str:
    return sentence if str(mask) in sentence else f"{mask}: {sentence}"
