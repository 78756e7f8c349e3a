"""`semsynth model export`: a generator for other runtimes."""

import argparse
from pathlib import Path

from semsynth.cli.numbers import read_size
from semsynth.cli.outputs import add_overwrite, refuse_existing
from semsynth.errors import SemsynthError


def add_to(verbs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb below `semsynth model`."""
    parser = verbs.add_parser(
        "export",
        help="write a generator as an ONNX file, or as a torch.export program",
        description="Write a generator as one plain graph for other runtimes, and draw with it to be sure. "
        "Takes a minute or two. Inputs: labels, and instances where the network uses them, (B, H, W) int64; "
        "style (B, Z) where it has one. Output: images (B, 3, H, W) in [-1, 1].",
    )
    parser.add_argument("model", metavar="MODEL", help="model folder or name")
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help=".onnx or .pt2")
    parser.add_argument(
        "--size",
        type=read_size,
        metavar="HxW",
        help="draw only this size, one picture at a time (default: any)",
    )
    add_overwrite(parser)
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Carry out the verb."""
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
