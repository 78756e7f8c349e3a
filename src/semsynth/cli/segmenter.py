"""``semsynth segmenter``: train a network that reads pictures back into classes, and score it."""

import argparse
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth.files.recipes import recipe_path

if TYPE_CHECKING:
    from semsynth.evaluation.segmentation import SegmentationScores
    from semsynth.training.segmenter_settings import SegmenterRecipe


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verb ``segmenter``."""
    parser = subparsers.add_parser("segmenter", help="train and score a segmentation network")
    verbs = parser.add_subparsers(dest="segmenter_verb", metavar="VERB", required=True)

    train = verbs.add_parser("train", help="train a segmenter on a data set; a stopped run goes on")
    train.add_argument("data", type=Path, metavar="DATA", help="folder of the data set")
    train.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where it is written"
    )
    train.add_argument("--recipe", type=Path, help="TOML file of settings; flags override it")
    train.add_argument("--start", type=Path, metavar="SEGMENTER", help="begin with the weights of another")
    train.add_argument("--split", default="train", help="what it learns from (default: train)")
    train.add_argument("--val-split", default="val", help="what it is scored on (default: val)")
    _add_labels(train)
    for name, kind in _settings().items():
        train.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=kind.__name__.upper())
    train.set_defaults(func=run_train)

    score = verbs.add_parser("score", help="score a segmenter on the photographs of a data set")
    score.add_argument("segmenter", metavar="SEGMENTER", help="segmenter folder, or pretrained:NAME")
    score.add_argument("data", type=Path, metavar="DATA", help="folder of the data set")
    score.add_argument("--split", default="val", help="which part of it (default: val)")
    _add_labels(score)
    score.set_defaults(func=run_score)


def _add_labels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--labels", metavar="SET", help="label set of DATA, or a labels.json (default: the one it has)"
    )


def run_train(args: argparse.Namespace) -> int:
    """Train, then print the scores on the validation split."""
    from rich.console import Console
    from rich.progress import Progress

    from semsynth.cli.data import label_space_of
    from semsynth.data import load_dataset
    from semsynth.training.segmenter import train_segmenter

    recipe, space = _recipe(args), label_space_of(args.labels)
    train, val = (
        load_dataset(args.data, split=split, label_space=space) for split in (args.split, args.val_split)
    )
    with Progress(console=Console(stderr=True), transient=True) as progress:
        log = progress.console.print
        model = train_segmenter(train, val, args.output, recipe, start=args.start, progress=progress, log=log)
    scores = model.config.scores
    print(
        f"{args.output}: pixel accuracy {scores['pixel_accuracy']:.1%}, mIoU {scores['miou']:.1%} over "
        f"{scores['classes_averaged']} classes, mean accuracy {scores['mean_accuracy']:.1%}, on "
        f"{scores['photographs']} photographs of {args.val_split}."
    )
    return 0


def run_score(args: argparse.Namespace) -> int:
    """Print scores and the IoU of every class."""
    from semsynth.cli.data import label_space_of
    from semsynth.data import load_dataset
    from semsynth.evaluation.segmenters import segmenter_path
    from semsynth.training.segmenter import score_segmenter

    data = load_dataset(args.data, split=args.split, label_space=label_space_of(args.labels))
    names, scores = score_segmenter(segmenter_path(args.segmenter), data)
    _print_scores(scores, names)
    return 0


def _print_scores(scores: "SegmentationScores", names: tuple[str, ...]) -> None:
    print(f"pixel accuracy  {scores.pixel_accuracy:.4f}")
    print(f"mIoU            {scores.miou:.4f}   ({scores.classes_averaged} classes that occur)")
    print(f"mean accuracy   {scores.mean_accuracy:.4f}")
    for name, value in zip(names, scores.class_iou):
        print(f"  {name:<16}{'-' if value is None else f'{value:.4f}'}")


def _settings() -> dict[str, type]:
    """Names of the recipe's settings and their types."""
    from semsynth.training.segmenter_settings import SegmenterRecipe

    return {field.name: type(field.default) for field in dataclasses.fields(SegmenterRecipe)}


def _recipe(args: argparse.Namespace) -> "SegmenterRecipe":
    """Defaults, then the recipe file, then flags."""
    from semsynth.files.reading import read_toml
    from semsynth.files.settings import fill
    from semsynth.training.segmenter_settings import SegmenterRecipe

    path = None if args.recipe is None else recipe_path(args.recipe)
    recipe = fill(SegmenterRecipe, {} if path is None else read_toml(path), path)
    flags = {name: getattr(args, name) for name in _settings() if getattr(args, name) is not None}
    return dataclasses.replace(recipe, **flags)
