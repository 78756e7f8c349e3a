"""`semsynth synthesize LABELS... -o OUT`: synthesize images from label maps."""

import argparse
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsynth.cli.jobs import Job, count, lacking, plan, report_failures, run_jobs
from semsynth.cli.options import (
    AddParser,
    add_label_set,
    add_output,
    add_palette,
    add_style,
    label_space_of,
    natural,
    read_size,
    read_style,
    refuse_existing,
)
from semsynth.errors import SemsynthError

if TYPE_CHECKING:
    from PIL import Image

    from semsynth.hub.result import Result
    from semsynth.pipeline import Synthesizer

SHEET, SHEET_HEIGHT = "sheet.png", 192


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Synthesize images from label maps. Images are PNG files named after their maps; "
        "each holds in a text chunk what draws it again.",
    )
    parser.add_argument(
        "labels", nargs="+", type=Path, metavar="LABELS", help="label maps, or folders of them"
    )
    add_output(parser, "OUT", "folder to write to")
    parser.add_argument("--model", help="model folder or name (default: landscape)")
    add_style(parser, "at random")
    parser.add_argument(
        "--seed",
        type=natural,
        help="of random styles and variations (default: a new one, which is reported; 0 with --style)",
    )
    parser.add_argument(
        "--like",
        type=Path,
        metavar="IMAGE",
        help="PNG file that semsynth made: takes its model, style, seed, size and precision",
    )
    parser.add_argument("--num", type=natural, default=1, help="images per label map (default: 1)")
    parser.add_argument("--size", type=read_size, metavar="HxW", help="height x width (default: the map's)")
    parser.add_argument("--instances", type=Path, help="folder of instance maps named as the label maps")
    add_label_set(
        parser,
        "label set that the maps are drawn with, where it is not the model's; their classes are taken for "
        "those of the model that are called the same",
    )
    add_palette(parser)
    parser.add_argument("--recursive", action="store_true", help="look into sub-folders too")
    parser.add_argument("--grid", action="store_true", help=f"also write {SHEET}: every map and its images")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    parser.add_argument(
        "--precision",
        choices=("auto", "float32", "bfloat16"),
        help="float32 draws exactly what the network was trained to; bfloat16 nearly that, several times as "
        "fast on recent processors, and as fast elsewhere; auto is bfloat16 there (default: float32)",
    )
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="draw only the label maps whose images are not all there",
    )
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Draw everything that can be drawn; report the rest at the end."""
    sheet = args.output / SHEET if args.grid else None
    jobs = planned = plan(
        args.labels,
        args.output,
        num=args.num,
        recursive=args.recursive,
        instances=args.instances,
        sheet=sheet,
    )
    if args.skip_existing:
        jobs = lacking(jobs, "--overwrite" if args.overwrite else "--grid" if args.grid else None)
    else:
        refuse_existing([*(path for job in jobs for path in job.outputs), *([sheet] if sheet else [])], args)
    options = _appearance(args)

    from semsynth.pipeline import Synthesizer

    synthesizer = Synthesizer.from_pretrained(args.model, device=args.device, precision=args.precision)
    if args.like is None:
        options["style"] = _encoded(synthesizer, read_style(args, synthesizer.styles))
    options |= {"palette": args.palette or "auto", "drawn_with": label_space_of(args.label_set)}
    args.output.mkdir(parents=True, exist_ok=True)
    rows: list[list[Image.Image]] = []

    def act(job: Job) -> Sequence[str]:
        try:
            row, result = draw(synthesizer, job, **options)
        except SemsynthError as error:
            if args.label_set or f"label set {synthesizer.label_space.name!r}" not in str(error):
                raise
            hint = "If it was drawn with another label set, name that with --label-set."
            raise SemsynthError(f"{error} {hint}") from None
        if sheet:
            rows.append([scale(image) for image in row])
        return result.notes

    failures = run_jobs(jobs, act, "synthesizing")
    if sheet and rows:
        write_sheet(sheet, rows)
    drawn = len(jobs) - len(failures)
    if len(jobs) < len(planned):
        print(f"{count(len(planned) - len(jobs), 'label map')} skipped, whose images are there")
    images, maps = count(drawn * args.num, "image"), count(drawn, "label map")
    print(f"{images} of {maps} in {args.output}{f', and {SHEET}' if rows else ''} (seed {options['seed']})")
    return report_failures(failures, f"not drawn ({len(failures)} of {count(len(jobs), 'label map')})")


def draw(synthesizer: "Synthesizer", job: Job, **options: Any) -> tuple[list["Image.Image"], "Result"]:
    """Draw the images of one label map and write them.

    Args:
        synthesizer: The model.
        job: What to draw.
        options: As `Synthesizer` takes them; a style that is a vector was taken from a photograph.

    Returns:
        The map in its colours, then its images; and the result they are from.
    """
    from PIL import Image

    from semsynth.files.writing import write_atomically
    from semsynth.images import png_bytes

    result = synthesizer(job.source, num_images=len(job.outputs), instances=job.instances, **options)
    images = result.pictures()
    for index, (image, path) in enumerate(zip(images, job.outputs)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, png_bytes(image, pnginfo=result.record(index).png_info()))
    colored = synthesizer.label_space.colorize(result.labels[0].numpy())
    return [Image.fromarray(colored), *images], result


def scale(image: "Image.Image", height: int = SHEET_HEIGHT) -> "Image.Image":
    """An image at the height the contact sheet shows it."""
    return image.resize((max(1, round(image.width * height / image.height)), height))


def write_sheet(path: Path, rows: Sequence[Sequence["Image.Image"]]) -> None:
    """Write a contact sheet: a row per label map, of images of one height."""
    from PIL import Image

    from semsynth.files.writing import write_atomically
    from semsynth.images import png_bytes

    gap = 4
    width = max(sum(p.width + gap for p in row) for row in rows) - gap
    height = rows[0][0].height
    sheet = Image.new("RGB", (width, len(rows) * (height + gap) - gap), "white")
    for i, row in enumerate(rows):
        x = 0
        for image in row:
            sheet.paste(image, (x, i * (height + gap)))
            x += image.width + gap
    write_atomically(path, png_bytes(sheet))


def _encoded(synthesizer: "Synthesizer", style: object) -> object:
    """The style as the synthesizer takes it; a photograph is encoded once."""
    if isinstance(style, dict):
        return {name: _encoded(synthesizer, choice) for name, choice in style.items()}
    return (
        synthesizer.encode_style(style)
        if isinstance(style, str) and style not in synthesizer.styles
        else style
    )


def _appearance(args: argparse.Namespace) -> dict[str, Any]:
    """Style, noise offset, seed and size, as given or as in the image that --like names.

    What the image says of its model and precision is put in the place of options that were not given.
    """
    if args.like is None:
        whole = any(Path(style).exists() or "=" not in style for style in args.style or ())
        seed = args.seed if args.seed is not None else 0 if whole else secrets.randbits(31)
        made = {"style": None, "seed": seed, "size": args.size}
    else:
        from semsynth.hub.record import read_record

        if args.style or args.style_seed or args.seed is not None or args.num != 1:
            raise SemsynthError(
                "--like takes the style and seed of an image: leave out --style, --style-seed, --seed, --num."
            )
        record = read_record(args.like)
        made = record.arguments()
        made["size"] = args.size or made["size"]
        args.model, args.precision = args.model or record.model, args.precision or record.precision
    args.model, args.precision = args.model or "landscape", args.precision or "float32"
    return made
