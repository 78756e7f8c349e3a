"""``semsynth explain normalization MODEL...``: what a network's norms leave of its labels."""

import argparse

from semsynth.cli.options import AddParser, add_output, refuse_existing
from semsynth.cli.terminal import progress


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    verbs = add().add_subparsers(dest="explain_verb", required=True, metavar="WHAT")
    norm = verbs.add_parser(
        "normalization",
        help="what norms leave of the labels",
        description="Let networks draw label maps of a single class each, and ask a linear probe before "
        "and behind every norm which class it was. Instance norm washes plain labels away; SPADE brings them "
        "back.",
    )
    norm.add_argument("models", nargs="+", metavar="MODEL", help="model folders, or names of bundled models")
    add_output(norm, "FOLDER")
    norm.add_argument(
        "--classes", nargs="+", default=(), metavar="CLASS", help="names of classes (default: all but void)"
    )
    norm.set_defaults(func=run_normalization)


def run_normalization(args: argparse.Namespace) -> int:
    """Write the figure and the numbers; print a line a network."""
    from semsynth.explain import explain_normalization, save
    from semsynth.hub import load_model

    refuse_existing([args.output / name for name in ("normalization.png", "normalization.json")], args)
    explanations = []
    with progress() as bar:
        for name in bar.track(args.models, description="looking inside"):
            shown = str(name).removesuffix("/model").rstrip("/").rsplit("/", 1)[-1]
            explanations.append(explain_normalization(load_model(name), shown, args.classes))
    save(explanations, args.output)
    for e in explanations:
        first, last = e.layers[0], e.layers[-1]
        print(
            f"{e.name}: {len(e.classes)} classes, told right before and after the first norm "
            f"({first.kind}) {first.before:.0%} and {first.after:.0%}, the last ({last.kind}) "
            f"{last.before:.0%} and {last.after:.0%}; chance is {e.chance:.0%}"
        )
    print(f"{args.output}: normalization.png, normalization.json")
    return 0
