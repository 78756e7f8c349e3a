"""`semsynth model`: import published checkpoints; its other verbs are in files of their own."""

import argparse
from pathlib import Path

from semsynth.cli import export, modelinfo, pack
from semsynth.cli.labelsets import add_label_set
from semsynth.cli.modelinfo import show
from semsynth.cli.numbers import read_ratio
from semsynth.cli.outputs import add_overwrite, refuse_existing
from semsynth.errors import SemsynthError

FAMILIES = ("spade", "pix2pixhd", "ccfpse", "oasis")
"""The keys of `hub.importing.FAMILIES`, which is not imported for `--help`: torch takes a second to load."""


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb."""
    parser = subparsers.add_parser("model", help="import, pack, export and describe models")
    verbs = parser.add_subparsers(dest="model_verb", required=True, metavar="VERB")
    _add_import(verbs)
    pack.add_to(verbs)
    export.add_to(verbs)
    modelinfo.add_to(verbs)


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
