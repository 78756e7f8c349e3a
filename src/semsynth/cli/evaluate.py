"""``semsynth evaluate MODEL DATA --protocol NAME -o REPORT``: score a model, or a folder of pictures."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semsynth.cli.options import AddParser, add_data_labels, add_output, label_space_of, refuse_existing
from semsynth.cli.terminal import progress
from semsynth.errors import SemsynthError
from semsynth.hub import compat

if TYPE_CHECKING:
    from semsynth.data import Dataset
    from semsynth.evaluation.evaluation_set import EvaluatedMethod
    from semsynth.evaluation.protocol import Protocol
    from semsynth.evaluation.run import Evaluation


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Draw a picture for every label map, and score them beside the real photographs. "
        "A stopped evaluation goes on where it was.",
    )
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="model folder, name of a bundled model, or a folder of pictures called like the photographs",
    )
    parser.add_argument("data", type=Path, metavar="DATA", help="folder of the data set")
    add_output(parser, "REPORT")
    parser.add_argument(
        "--protocol", metavar="NAME", help="name or .toml file (default: the one of the label set)"
    )
    add_data_labels(parser)
    parser.add_argument("--name", help="what tables call the method (default: MODEL)")
    parser.add_argument(
        "--evaluator", help="segmenter or transformers folder, .pt or .pt2 file (default: the protocol's)"
    )
    parser.add_argument(
        compat.EVALUATOR_OPTION, dest="evaluator", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    parser.add_argument(
        "--trust", action="store_true", help="run an evaluator that is a program (.pt, .ts, .pt2)"
    )
    parser.add_argument(
        "--inception", type=Path, metavar="FILE", help="Inception weights for FID (default: torch's cache)"
    )
    parser.add_argument(
        "--features",
        type=Path,
        metavar="FOLDER",
        help="CropNet of semsynth features train (default: bundled)",
    )
    parser.add_argument(
        "--reference", type=Path, metavar="NPZ", help="statistics to take Fréchet distances to"
    )
    parser.add_argument(
        "--save-reference", type=Path, metavar="NPZ", help="also write the statistics of the photographs"
    )
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="only N pictures, evenly spread")
    parser.add_argument("--device", default="auto", help="where the model runs: auto, cpu, cuda")
    parser.add_argument("--record", action="store_true", help="also write the scores into the model folder")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, and print the table."""
    from semsynth.hub import find_model, record_scores

    if args.limit < 0:
        raise SemsynthError(f"--limit is {args.limit}; give a number of pictures, or leave it out for all.")
    if args.record:
        find_model(args.model)  # pictures have no folder to write to
    reference = [args.save_reference] if args.save_reference else []
    written = ("report.json", "table.md", "sheet.png", "sheet.html")
    begun = (args.output / "run.json").is_file()  # an evaluation that goes on replaces what is its own
    refuse_existing([*([] if begun else [args.output / name for name in written]), *reference], args)
    with progress() as bar:
        evaluation = build(args)
        evaluation.progress, evaluation.log = bar, bar.console.print
        report = evaluation.run()
        if args.save_reference:
            evaluation.real_statistics().save(args.save_reference)
    if args.record:
        record_scores(find_model(args.model), report.scores())
    print((args.output / "table.md").read_text(encoding="utf-8"))
    print(f"{args.output}: report.json, table.md, sheet.png, sheet.html, pictures/")
    return 0


def build(args: argparse.Namespace) -> "Evaluation":
    """Load the data, the evaluator, the networks and the method."""
    from semsynth.data import load_dataset
    from semsynth.evaluation.evaluation_set import EvaluationSet
    from semsynth.evaluation.features import (
        CROPNET,
        cropnet_extractor,
        find_inception,
        inception_extractor,
        lite2_extractor,
        lite2_stages,
    )
    from semsynth.evaluation.frechet import FEWEST, Statistics, refuse_few
    from semsynth.evaluation.protocol import load_protocol
    from semsynth.evaluation.run import Evaluation
    from semsynth.evaluation.segmenters import load_segmenter

    space = label_space_of(args.labels)
    if args.protocol:
        protocol = load_protocol(args.protocol)
        where = {"root": args.data} if protocol.dataset else {}
        if space is None and not protocol.dataset:
            _need_labels(args.data, protocol)
        data = load_dataset(protocol.dataset or args.data, split=protocol.split, label_space=space, **where)
    else:
        data = load_dataset(args.data, split="val", label_space=space)
        protocol = load_protocol(data.label_space.name)
    evaluator = args.evaluator or protocol.evaluator
    if not evaluator:
        source = " ".join(protocol.evaluator_source.split())
        raise SemsynthError(
            f"Protocol {protocol.name!r} has no evaluator of its own: give one with --evaluator. {source}"
        )
    inception = args.inception or find_inception()
    evaluation_set = EvaluationSet(data, protocol, args.limit)
    if args.inception or args.reference or args.save_reference:
        refuse_few(len(evaluation_set), 2 * FEWEST)  # distances are also taken at half of the count
    return Evaluation(
        method=method_of(args, protocol, data),
        evaluation_set=evaluation_set,
        folder=args.output,
        evaluator=load_segmenter(evaluator, trust=args.trust),
        inception=inception_extractor(inception, protocol.fid_resize) if inception else None,
        lite2=lite2_extractor(),
        cropnet=cropnet_extractor(args.features or CROPNET),
        stages=lite2_stages(),
        reference=Statistics.load(args.reference) if args.reference else None,
    )


def _need_labels(root: Path, protocol: "Protocol") -> None:
    """Refuse a folder that does not say what its maps hold, and name the flag that does."""
    from semsynth.data import format_named, recognise

    own_labels = format_named(recognise(root)).own_labels
    if own_labels is not None and own_labels(root)[0] is None:
        raise SemsynthError(
            f"{root} does not say what its label maps hold: give the label set with --labels, such as "
            f"--labels {protocol.label_set}, which protocol {protocol.name!r} evaluates."
        )


def method_of(args: argparse.Namespace, protocol: "Protocol", data: "Dataset") -> "EvaluatedMethod":
    """A model, or a folder of pictures somebody else made."""
    folder = Path(args.model)
    if folder.is_dir() and not (folder / "config.json").is_file():
        return pictures_method(folder, args.name or folder.name, data)
    return model_method(args.model, args.name, args.device, protocol, data)


def model_method(
    model: str, name: str | None, device: str, protocol: "Protocol", data: "Dataset"
) -> "EvaluatedMethod":
    """Draw with a model folder."""
    import numpy as np
    from PIL import Image

    from semsynth.evaluation.evaluation_set import EvaluatedMethod
    from semsynth.hub import find_model, fingerprint
    from semsynth.pipeline import Synthesizer

    folder = find_model(model)
    synthesizer = Synthesizer.from_pretrained(folder, device=device)
    if synthesizer.label_space.names != data.label_space.names:
        raise SemsynthError(
            f"The model {model} draws the {synthesizer.label_space.num_classes} classes of "
            f"{synthesizer.label_space.name!r}, but {data.label_space.name!r} has "
            f"{data.label_space.num_classes}: evaluate it on a data set with its own label set."
        )
    size, uses_instances = (protocol.height, protocol.width), synthesizer.generator.uses_instances

    def draw(key: str, labels: Any, instances: Any, photo: Any, seed: int) -> Any:
        style = None if photo is None else Image.fromarray(photo)
        given = instances if uses_instances else None
        result = synthesizer(labels, style, seed=seed, instances=given, size=size)
        return np.asarray(result.pictures()[0])

    return EvaluatedMethod(
        name=name or str(model).removeprefix("pretrained:").rstrip("/").split("/")[-1],
        fingerprint=fingerprint(folder),
        draw=draw,
        has_styles=synthesizer.style_dim is not None,
        takes_photos=synthesizer.encoder is not None,
        loss_networks=synthesizer.model.loss_networks,
    )


def pictures_method(folder: Path, name: str, data: "Dataset") -> "EvaluatedMethod":
    """Take pictures from a folder, by the names of the photographs."""
    import sys
    import zlib

    from semsynth.data.finding import list_images
    from semsynth.data.matching import match, reason_of
    from semsynth.evaluation.evaluation_set import EvaluatedMethod
    from semsynth.files.walking import contents
    from semsynth.images import IMAGE_SUFFIXES, read_photo

    images = list_images(folder)
    if not images:
        raise SemsynthError(
            f"{folder} holds neither a model (config.json) nor pictures ({', '.join(IMAGE_SUFFIXES)}), but "
            f"{contents(folder)}; give a model folder, or pictures called like the photographs of the data "
            "set."
        )
    named, note = match(data.keys, images, "picture")
    if missing := sorted(set(data.keys) - named.keys()):
        spare = [key for key in images if key not in named.values()]
        other = f"; found {images[spare[0]].name} instead" if spare else ""
        reason = reason_of(data.keys, spare, "picture")
        raise SemsynthError(
            f"{folder} has pictures for {len(data.keys) - len(missing)} of {len(data.keys)} label maps; "
            f"{missing[0]} is the first that is missing{other}. {reason}".rstrip()
        )
    if note:
        print(f"{folder}: {note}", file=sys.stderr)
    pictures = {key: images[name] for key, name in named.items()}
    content = 0
    for key in sorted(data.keys):
        content = zlib.crc32(pictures[key].read_bytes(), content)
    return EvaluatedMethod(
        name, f"{content:08x}", lambda key, labels, instances, photo, seed: read_photo(pictures[key])
    )
