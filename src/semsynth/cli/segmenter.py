"""``semsynth segmenter``: train a network that reads pictures back into classes, and score it."""

import argparse
import dataclasses
from pathlib import Path

from semsynth.cli.options import AddParser, add_data_labels, label_space_of
from semsynth.cli.terminal import progress
from semsynth.files.reading import read_toml
from semsynth.files.recipes import recipe_path
from semsynth.files.settings import defaults, fill
from semsynth.training.segmenter_settings import SegmenterRecipe


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    verbs = add().add_subparsers(dest="segmenter_verb", metavar="VERB", required=True)

    train = verbs.add_parser("train", help="train a segmenter on a data set; a stopped run goes on")
    train.add_argument("data", type=Path, metavar="DATA", help="folder of the data set")
    train.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FOLDER", help="where it is written"
    )
    train.add_argument("--recipe", type=Path, help="TOML file of settings; flags override it")
    train.add_argument("--start", type=Path, metavar="SEGMENTER", help="begin with the weights of another")
    train.add_argument("--split", default="train", help="what it learns from (default: train)")
    train.add_argument("--val-split", default="val", help="what it is scored on (default: val)")
    add_data_labels(train)
    for name, value in defaults(SegmenterRecipe).items():
        kind, flag = type(value), f"--{name.replace('_', '-')}"
        train.add_argument(flag, type=kind, metavar=kind.__name__.upper(), default=argparse.SUPPRESS)
    train.set_defaults(func=run_train)

    score = verbs.add_parser("score", help="score a segmenter on the photographs of a data set")
    score.add_argument("segmenter", metavar="SEGMENTER", help="segmenter folder, or pretrained:NAME")
    score.add_argument("data", type=Path, metavar="DATA", help="folder of the data set")
    score.add_argument("--split", default="val", help="which part of it (default: val)")
    add_data_labels(score)
    score.set_defaults(func=run_score)


def run_train(args: argparse.Namespace) -> int:
    """Train, then print the scores on the validation split."""
    from semsynth.data import load_dataset
    from semsynth.training.segmenter import train_segmenter

    recipe, space = _recipe(args), label_space_of(args.labels)
    train, val = (
        load_dataset(args.data, split=split, label_space=space) for split in (args.split, args.val_split)
    )
    with progress() as bar:
        log = bar.console.print
        model = train_segmenter(train, val, args.output, recipe, start=args.start, progress=bar, log=log)
    scores = model.config.scores
    print(
        f"{args.output}: pixel accuracy {scores['pixel_accuracy']:.1%}, mIoU {scores['miou']:.1%} over "
        f"{scores['classes_averaged']} classes, mean accuracy {scores['mean_accuracy']:.1%}, on "
        f"{scores['photographs']} photographs of {args.val_split}."
    )
    return 0


def run_score(args: argparse.Namespace) -> int:
    """Print scores and the IoU of every class."""
    from semsynth.data import load_dataset
    from semsynth.evaluation.segmenters import segmenter_path
    from semsynth.training.segmenter import score_segmenter

    data = load_dataset(args.data, split=args.split, label_space=label_space_of(args.labels))
    names, scores = score_segmenter(segmenter_path(args.segmenter), data)
    print(f"pixel accuracy  {scores.pixel_accuracy:.4f}")
    print(f"mIoU            {scores.miou:.4f}   ({scores.classes_averaged} classes that occur)")
    print(f"mean accuracy   {scores.mean_accuracy:.4f}")
    for name, value in zip(names, scores.class_iou):
        print(f"  {name:<16}{'-' if value is None else f'{value:.4f}'}")
    return 0


def _recipe(args: argparse.Namespace) -> SegmenterRecipe:
    """Defaults, then the recipe file, then flags."""
    path = None if args.recipe is None else recipe_path(args.recipe)
    recipe = fill(SegmenterRecipe, {} if path is None else read_toml(path), path)
    return dataclasses.replace(
        recipe, **{k: v for k, v in vars(args).items() if k in defaults(SegmenterRecipe)}
    )
