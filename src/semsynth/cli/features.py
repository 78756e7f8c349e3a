"""``semsynth features``: train a feature network on photographs without labels."""

import argparse
from pathlib import Path

from semsynth.cli.options import AddParser
from semsynth.cli.terminal import progress
from semsynth.files.settings import defaults
from semsynth.training.features_settings import FeatureRecipe


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    verbs = add().add_subparsers(dest="features_verb", metavar="VERB", required=True)
    train = verbs.add_parser(
        "train", help="train a CropNet from nothing, without labels; a stopped run goes on"
    )
    train.add_argument("photographs", type=Path, metavar="PHOTOGRAPHS", help="folder of photographs")
    train.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where it is written"
    )
    for name, value in defaults(FeatureRecipe).items():
        kind, flag = type(value), f"--{name.replace('_', '-')}"
        train.add_argument(
            flag, type=kind, metavar=kind.__name__.upper(), default=value, help=f"default: {value}"
        )
    train.set_defaults(func=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Train, then print the score on the photographs that were held out."""
    from semsynth.training.features import train_features

    recipe = FeatureRecipe(**{name: getattr(args, name) for name in defaults(FeatureRecipe)})
    with progress() as bar:
        score = train_features(args.photographs, args.output, recipe, progress=bar, log=bar.console.print)
    print(
        f"{args.output}: of {recipe.held_out} photographs that were held out, {score:.1%} of the crops are "
        "nearest to another crop of their photograph."
    )
    return 0
