"""``semsynth features``: train a feature network on photographs without labels."""

import argparse
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb ``features``."""
    from semsynth.training.features_settings import FeatureRecipe

    parser = subparsers.add_parser("features", help="train a feature network for evaluation")
    verbs = parser.add_subparsers(dest="features_verb", metavar="VERB", required=True)
    train = verbs.add_parser(
        "train", help="train a CropNet from nothing, without labels; a stopped run goes on"
    )
    train.add_argument("photographs", type=Path, metavar="PHOTOGRAPHS", help="folder of photographs")
    train.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where it is written"
    )
    for name, value in vars(FeatureRecipe()).items():
        kind = type(value)
        train.add_argument(
            f"--{name.replace('_', '-')}", type=kind, default=value, metavar=kind.__name__.upper(),
            help=f"default: {value}",
        )  # fmt: skip
    train.set_defaults(func=run_train)


def run_train(args: argparse.Namespace) -> int:
    """Train, then print the score on the photographs that were held out."""
    from rich.console import Console
    from rich.progress import Progress

    from semsynth.training.features import train_features
    from semsynth.training.features_settings import FeatureRecipe

    recipe = FeatureRecipe(**{name: getattr(args, name) for name in vars(FeatureRecipe())})
    with Progress(console=Console(stderr=True), transient=True) as progress:
        log = progress.console.print
        score = train_features(args.photographs, args.output, recipe, progress=progress, log=log)
    print(
        f"{args.output}: of {recipe.held_out} photographs that were held out, {score:.1%} of the crops are "
        "nearest to another crop of their photograph."
    )
    return 0
