"""`semsynth model`: import published checkpoints; pack, export and describe model folders."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import Any

from semsynth.cli import print_json
from semsynth.cli.options import AddParser, add_label_set, add_output, read_ratio, read_size, refuse_existing
from semsynth.errors import SemsynthError

FAMILIES = ("spade", "pix2pixhd", "ccfpse", "oasis")
"""The keys of `hub.importing.FAMILIES`, which is not imported for `--help`: torch takes a second to load."""


def add_parser(add: AddParser) -> None:
    """Add the verb and its own verbs."""
    verbs = add().add_subparsers(dest="model_verb", required=True, metavar="VERB")
    _add_import(verbs.add_parser)
    _add_pack(verbs.add_parser)
    _add_export(verbs.add_parser)
    parser = verbs.add_parser("info", help="describe a model folder")
    parser.add_argument("model", metavar="MODEL", help="model folder or name")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(func=run_info)


def _add_import(add: AddParser) -> None:
    parser = add(
        "import",
        help="make a model folder of a published checkpoint",
        description="Make a model folder of published weights. Everything that shapes tell is read off them; "
        "the options say what they cannot tell. Files are opened without running anything in them.",
    )
    parser.add_argument("generator", type=Path, metavar="G.pth", help="state dictionary of the generator")
    parser.add_argument("--from", dest="family", required=True, choices=FAMILIES, help="kind of network")
    parser.add_argument("--encoder", type=Path, metavar="E.pth", help="its style encoder")
    parser.add_argument("--discriminator", type=Path, metavar="D.pth", help="its discriminator, to train on")
    add_output(parser, "FOLDER", "folder to make")
    add_label_set(parser, "name of a label set, or a labels.json (default: by the number of classes)")
    parser.add_argument(
        "--ids", choices=("raw", "shifted"), help="ADE20K: 0 other, 1..150; or 0..149, 150 other"
    )
    parser.add_argument(
        "--instances",
        action=argparse.BooleanOptionalAction,
        help="the last label plane is the instance edge map (default: as published for that many planes)",
    )
    parser.add_argument("--upsamplings", type=int, choices=(5, 6, 7), help="5 and 6 look alike in a file")
    parser.add_argument(
        "--aspect-ratio", type=read_ratio, help="width / height, for a network drawn from a style"
    )
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="as stored")
    parser.set_defaults(func=run_import)


def _add_pack(add: AddParser) -> None:
    parser = add(
        "pack",
        help="name styles, add a card, halve the size",
        description="Write a copy of a model folder with spectral norm folded and bfloat16 weights, named "
        "styles encoded from photographs, and a card.",
    )
    parser.add_argument("model", type=Path, metavar="MODEL", help="model folder, such as runs/NAME/model")
    add_output(parser, "FOLDER")
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
    parser.set_defaults(func=run_pack)


def _add_export(add: AddParser) -> None:
    parser = add(
        "export",
        help="write a generator as an ONNX file, or as a torch.export program",
        description="Write a generator as one plain graph for other runtimes, and draw with it to be sure. "
        "Takes a minute or two. Inputs: labels, and instances where the network uses them, (B, H, W) int64; "
        "style (B, Z) where it has one. Output: images (B, 3, H, W) in [-1, 1].",
    )
    parser.add_argument("model", metavar="MODEL", help="model folder or name")
    add_output(parser, "FILE", ".onnx or .pt2")
    parser.add_argument(
        "--size",
        type=read_size,
        metavar="HxW",
        help="draw only this size, one picture at a time (default: any)",
    )
    parser.set_defaults(func=run_export)


def run_import(args: argparse.Namespace) -> int:
    """Write the folder, or say what is wrong and leave nothing behind."""
    from semsynth.hub import save_model
    from semsynth.hub.importing import import_model

    refuse_existing([args.output], args)
    labels = args.label_set
    if args.ids is not None:
        if labels not in (None, "ade20k"):
            raise SemsynthError(f"--ids is about ADE20K; the label set given is {labels!r}.")
        labels = "ade20k" if args.ids == "raw" else "ade20k-shifted"
    model, discriminator = import_model(
        args.family,
        args.generator,
        encoder=args.encoder,
        discriminator=args.discriminator,
        labels=labels,
        instances=args.instances,
        upsamplings=args.upsamplings,
        aspect_ratio=args.aspect_ratio,
    )
    save_model(args.output, model, discriminator=discriminator, dtype=args.dtype, overwrite=args.overwrite)
    return show(args.output)


def run_pack(args: argparse.Namespace) -> int:
    """Write the copy."""
    from semsynth.data.finding import list_images
    from semsynth.files.reading import read_text
    from semsynth.hub import MAX_CARD, Model, Style
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
    card = "" if args.card is None else read_text(args.card, MAX_CARD)
    if not 0 < args.spread <= 2:
        raise SemsynthError(f"--spread is {args.spread:g}; it must lie above 0 and be 2 at most.")
    prior = None if args.prior is None else list(list_images(args.prior).values())

    def named(model: Model) -> dict[str, Style]:
        return name_styles(Synthesizer(model), photographs, args.thumbnail)

    styles = None if args.styles is None else named
    pack(args.model, args.output, styles=styles, prior=prior, spread=args.spread, card=card)
    return show(args.output)


def run_export(args: argparse.Namespace) -> int:
    """Write the file, and say how exactly it draws."""
    if args.output.suffix not in (".onnx", ".pt2"):
        raise SemsynthError(f"{args.output} must end in .onnx (ONNX) or .pt2 (torch.export).")
    refuse_existing([args.output], args)

    from semsynth.export import export_onnx, export_pt2
    from semsynth.hub import load_model

    generator = load_model(args.model).generator
    export = export_onnx if args.output.suffix == ".onnx" else export_pt2
    difference = export(generator, args.output, args.size)
    print(
        f"{args.output}: its pictures differ from the network's by {difference:.1e} at most (of a range of 2)"
    )
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Print what a folder holds."""
    from semsynth.hub import find_model

    folder = find_model(args.model)
    if args.json:
        print_json(describe(folder))
        return 0
    return show(folder)


def show(folder: Path) -> int:
    """Print a model folder as a table."""
    from rich.console import Console
    from rich.table import Table

    facts = describe(folder)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    table.add_row("model", facts["folder"])
    table.add_row("generator", ", ".join(f"{k}={v}" for k, v in facts["generator"].items()))
    table.add_row("parameters", "  ".join(f"{k} {v:,}" for k, v in facts["parameters"].items()))
    table.add_row("label set", f"{facts['label_set']}, {facts['num_classes']} classes")
    height, width = facts["image_size"]
    table.add_row(
        "trained at", f"{height} x {width}; sides are multiples of {facts['stride']}, others are padded"
    )
    table.add_row("style", facts["style"])
    table.add_row("styles", ", ".join(facts["styles"]) or "none named")
    for row in facts["scores"]:
        table.add_row("scores", _sentence(row))
    table.add_row("files", "  ".join(f"{k} {v / 1e6:.1f} MB" for k, v in facts["files"].items()))
    table.add_row("card", facts["card"])
    Console(highlight=False, markup=False, emoji=False).print(table)
    return 0


def _sentence(row: dict[str, Any]) -> str:
    """An evaluation on a line: each number, and in brackets that of the photographs."""
    real = row["real"]
    numbers = [f"{k} {v:.4g}" + (f" ({real[k]:.4g})" if k in real else "") for k, v in row["values"].items()]
    return (
        f"protocol {row['protocol']}, {row['pictures']} pictures of {row['data']}, read by "
        f"{row['evaluator']}; in brackets real photographs: {', '.join(numbers)}"
    )


def describe(folder: Path) -> dict[str, Any]:
    """What a model folder holds, without reading its weights into memory twice.

    Raises:
        SemsynthError: Something in the folder is damaged.
    """
    from semsynth.hub import load_model, read_config

    config = read_config(folder)
    model = load_model(folder)
    generator, encoder = model.generator, model.style_encoder
    networks = {"generator": generator, "style encoder": encoder}
    style = "none: one picture per label map"
    if generator.style_dim is not None:
        source = "from photographs or at random" if encoder else "at random"
        style = f"{generator.style_dim} numbers, {source}"
    return {
        "folder": str(folder),
        "format": config["format"],
        "generator": config["generator"],
        "parameters": {
            name: sum(p.numel() for p in network.parameters())
            for name, network in networks.items()
            if network is not None
        },
        "label_set": model.label_space.name,
        "num_classes": model.label_space.num_classes,
        "classes": list(model.label_space.names),
        "image_size": list(model.image_size),
        "stride": generator.stride,
        "instances": generator.uses_instances,
        "style": style,
        "style_dim": generator.style_dim,
        "styles": list(model.styles),
        "scores": [asdict(row) for row in model.scores],
        "dtype": config.get("dtype", "float32"),
        "files": {path.name: path.stat().st_size for path in sorted(folder.glob("*.safetensors"))},
        "card": model.card.strip(),
    }
