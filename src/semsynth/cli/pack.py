"""`semsynth model pack`: name a model's styles and make it small enough to give away."""

import argparse
from pathlib import Path

from semsynth.cli.outputs import add_overwrite, refuse_existing
from semsynth.errors import SemsynthError


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb below `semsynth model`."""
    parser = verbs.add_parser(
        "pack",
        help="name styles, add a card, halve the size",
        description="Write a copy of a model folder with spectral norm folded and bfloat16 weights, named "
        "styles encoded from photographs, and a card.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder, such as runs/NAME/model")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder to write")
    parser.add_argument("--styles", type=Path, metavar="FILE", help="TOML: a table a style, with its photos")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="where the photographs of --styles are")
    parser.add_argument("--thumbnail", type=Path, metavar="LABELS", help="label map the styles are shown on")
    parser.add_argument(
        "--prior", type=Path, metavar="FOLDER", help="photographs; seeds will draw styles such as they have"
    )
    parser.add_argument(
        "--spread",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="how much such styles vary, as a share of those of --prior: below 1, pictures vary less and are "
        "drawn better (default: 1)",
    )
    parser.add_argument("--card", type=Path, metavar="FILE", help="README.md of the model")
    add_overwrite(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Carry out the verb."""
    from semsynth.cli.modelinfo import show
    from semsynth.data.finding import list_images
    from semsynth.hub import Model, Style
    from semsynth.hub.packing import name_styles, pack, read_style_list
    from semsynth.pipeline import Synthesizer

    refuse_existing([args.output], args)
    photographs = {}
    if args.styles is not None:
        if args.photos is None or args.thumbnail is None:
            raise SemsynthError(
                "--styles needs --photos, the folder of photographs, and --thumbnail, a label map."
            )
        photographs = read_style_list(args.styles, args.photos)
    card = "" if args.card is None else _read_card(args.card)
    if not 0 < args.spread <= 2:
        raise SemsynthError(f"--spread is {args.spread:g}; it must lie above 0 and be 2 at most.")
    prior = None if args.prior is None else list(list_images(args.prior).values())

    def named(model: Model) -> dict[str, Style]:
        return name_styles(Synthesizer(model), photographs, args.thumbnail)

    styles = None if args.styles is None else named
    pack(args.model, args.output, styles=styles, prior=prior, spread=args.spread, card=card)
    return show(args.output)


def _read_card(path: Path) -> str:
    from semsynth.files.reading import read_text
    from semsynth.hub import MAX_CARD

    return read_text(path, MAX_CARD)
