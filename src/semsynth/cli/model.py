"""`semsynth model`: import published checkpoints, describe model folders; more verbs in their own files."""

import argparse
from pathlib import Path
from typing import Any

from semsynth.cli import export, pack, print_json
from semsynth.cli.labelsets import add_label_set
from semsynth.cli.numbers import read_ratio
from semsynth.cli.outputs import add_overwrite, refuse_existing
from semsynth.errors import SemsynthError

FAMILIES = ("spade", "pix2pixhd", "ccfpse", "oasis")
"""The keys of `importing.FAMILIES`, which is not imported for `--help`: it takes torch a second to load."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("model", help="import, pack, export and describe models")
    verbs = parser.add_subparsers(dest="model_verb", required=True, metavar="VERB")
    _add_import(verbs)
    pack.add_to(verbs)
    export.add_to(verbs)
    info = verbs.add_parser("info", help="describe a model folder")
    info.add_argument("model", metavar="MODEL", help="model folder or name")
    info.add_argument("--json", action="store_true", help="as JSON")
    info.set_defaults(func=run_info)


def _add_import(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = verbs.add_parser(
        "import",
        help="make a model folder of a published checkpoint",
        description="Make a model folder of published weights. Everything that shapes tell is read off them; "
        "the options say what they cannot tell. Files are opened without running anything in them.",
    )
    parser.add_argument("generator", type=Path, metavar="G.pth", help="state dictionary of the generator")
    parser.add_argument("--from", dest="family", required=True, choices=FAMILIES, help="kind of network")
    parser.add_argument("--encoder", type=Path, metavar="E.pth", help="its style encoder")
    parser.add_argument("--discriminator", type=Path, metavar="D.pth", help="its discriminator, to train on")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="folder to make")
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
    add_overwrite(parser)
    parser.set_defaults(func=run_import)


def run_import(args: argparse.Namespace) -> int:
    """Write the folder, or say what is wrong and leave nothing behind."""
    from semsynth.hub import save_model
    from semsynth.hub.importing import import_model

    refuse_existing([args.output], args)
    labels = args.label_set
    if args.ids is not None:
        if labels not in (None, "ade20k"):
            raise SemsynthError(f"--ids is about ADE20K; the label set given is {labels!r}")
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
    table.add_row("files", "  ".join(f"{k} {v / 1e6:.1f} MB" for k, v in facts["files"].items()))
    table.add_row("card", facts["card"])
    Console(highlight=False, markup=False, emoji=False).print(table)
    return 0


def describe(folder: Path) -> dict[str, Any]:
    """What a model folder holds, without reading its weights into memory twice.

    Raises:
        SemsynthError: something in the folder is damaged.
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
        "dtype": config.get("dtype", "float32"),
        "files": {path.name: path.stat().st_size for path in sorted(folder.glob("*.safetensors"))},
        "card": model.card.strip(),
    }
