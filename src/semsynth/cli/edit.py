"""``semsynth edit``: change a photograph by changing its label map."""

import argparse
import sys
from pathlib import Path

from semsynth.cli.options import AddParser, add_output, add_segmenter, add_style, read_style, refuse_existing
from semsynth.errors import SemsynthError


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Change a photograph where its label map was changed, and only there. Without --labels, "
        "the label map of the photograph is written, to be changed.",
    )
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="the photograph")
    parser.add_argument("--labels", type=Path, metavar="LABELS", help="its label map after the change")
    parser.add_argument(
        "--before",
        type=Path,
        metavar="LABELS",
        help="its label map before the change (default: found by the segmenter)",
    )
    add_output(parser, "OUT", "the file to write")
    parser.add_argument("--model", default="landscape", help="model folder or name (default: landscape)")
    add_segmenter(parser, "segmenter's folder or file (default: the bundled one)")
    add_style(parser, "PHOTO's own")
    parser.add_argument("--feather", type=int, default=8, help="width of the soft rim in pixels (default: 8)")
    parser.add_argument("--everywhere", action="store_true", help="synthesize the whole photograph again")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Edit one photograph."""
    if args.output.suffix.lower() != ".png":
        raise SemsynthError(
            f"The output is {args.output}; it must end in .png, which keeps every pixel as it is."
        )
    if not 0 <= args.feather <= 64:
        raise SemsynthError(f"--feather is {args.feather}; 0 to 64 pixels are possible.")
    refuse_existing([args.output], args)
    from PIL import Image

    from semsynth.editing import edit_photo
    from semsynth.evaluation.bundled import find_segmenter
    from semsynth.files.writing import write_atomically
    from semsynth.images import png_bytes, read_upright
    from semsynth.labels import read_label_map, write_label_map
    from semsynth.pipeline import Synthesizer

    photo = read_upright(args.photo)
    synthesizer = Synthesizer.from_pretrained(args.model)
    space = synthesizer.label_space
    if args.before is not None:
        before = read_label_map(args.before, space).ids
    else:
        segment = find_segmenter(space, args.segmenter, trust=args.trust)
        if segment is None:
            raise SemsynthError(
                "There is no segmenter for this model's classes; give one with --segmenter, or the "
                "photograph's label map with --before."
            )
        before = segment(photo)
    if args.labels is None:
        write_label_map(args.output, before, space)
        print(f"{args.output}: the label map of {args.photo}. Change it, and give it with --labels.")
        return 0
    reading = read_label_map(args.labels, space)
    for note in reading.notes:
        print(f"{args.labels}: {note}", file=sys.stderr)
    edited = edit_photo(
        synthesizer,
        photo,
        before,
        reading.ids,
        style=read_style(args, synthesizer.styles),
        feather=args.feather,
        everywhere=args.everywhere,
    )
    write_atomically(args.output, png_bytes(Image.fromarray(edited.pixels)))
    changed = (edited.mask > 0).mean()
    print(f"{args.output}: {changed:.1%} of the photograph changed, the rest is its own.")
    return 0
