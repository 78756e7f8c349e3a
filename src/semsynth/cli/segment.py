"""`semsynth segment PHOTOS... -o LABELS`: label maps of photographs that have none."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth.cli.jobs import Job, count, lacking, plan, report_failures, run_jobs
from semsynth.cli.options import (
    AddParser,
    add_label_set,
    add_output,
    add_segmenter,
    label_space_of,
    refuse_existing,
)
from semsynth.errors import SemsynthError
from semsynth.files.walking import real_path

if TYPE_CHECKING:
    import numpy as np

    from semsynth.evaluation.bundled import PhotoSegmenter
    from semsynth.labels import LabelSpace

LABELS, SHEET_ROWS = "labels.json", 12
DEFAULT = "pretrained:segmenter-siftflow"


def add_parser(add: AddParser) -> None:
    """Add the verb."""
    parser = add(
        description="Make label maps of photographs with a segmentation network. Maps are PNG files named "
        f"after their photographs; {LABELS} beside them describes the classes.",
    )
    parser.add_argument(
        "photos", nargs="+", type=Path, metavar="PHOTOS", help="photographs, or folders of them"
    )
    add_output(parser, "LABELS")
    kinds = "a segmenter's folder, a transformers folder, or a TorchScript or torch.export file"
    add_segmenter(parser, f"{kinds} (default: {DEFAULT})", DEFAULT)
    add_label_set(parser, "label set of the maps (default: the one the segmenter was trained on)")
    parser.add_argument(
        "--threshold",
        type=float,
        default=0.5,
        metavar="P",
        help="pixels whose class has a lower probability are void (default: 0.5; 0 leaves none void)",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=512,
        metavar="PIXELS",
        help="photographs with a longer short side are read at this one (default: 512)",
    )
    parser.add_argument("--recursive", action="store_true", help="look into sub-folders too")
    parser.add_argument(
        "--sheet", type=Path, metavar="IMAGE", help="also write a PNG file of photographs beside their maps"
    )
    parser.add_argument("--skip-existing", action="store_true", help="read only photographs without a map")
    parser.set_defaults(func=run)


def run(args: argparse.Namespace) -> int:
    """Segment everything that can be read; report the rest at the end."""
    if not 0 <= args.threshold < 1:
        raise SemsynthError(f"--threshold is {args.threshold}; a probability from 0 to below 1 is needed.")
    if not 64 <= args.size <= 4096:
        raise SemsynthError(f"--size is {args.size}; 64 to 4096 pixels are possible.")
    if args.sheet is not None and args.sheet.suffix.lower() != ".png":
        raise SemsynthError(f"--sheet is {args.sheet}; it must end in .png.")
    if args.recursive and any(real_path(folder) in real_path(args.output).parents for folder in args.photos):
        raise SemsynthError(
            f"{args.output} lies among the photographs, and with --recursive its label maps would be read as "
            "such; choose a folder beside them."
        )
    planned = plan(args.photos, args.output, recursive=args.recursive, sheet=args.sheet)
    jobs, written = planned, [path for job in planned for path in job.outputs]
    if args.skip_existing:
        jobs, written = lacking(planned, "--overwrite" if args.overwrite else None), []
    refuse_existing([*written, *([] if args.sheet is None else [args.sheet])], args)
    segment = _load(args)
    _write_labels(args.output / LABELS, segment.space)
    void = pixels = 0

    def act(job: Job) -> Sequence[str]:
        nonlocal void, pixels
        ids = label(segment, job, args.size, args.threshold)
        void += int((ids == segment.space.void_id).sum())
        pixels += ids.size
        return ()

    failures = run_jobs(jobs, act, "segmenting")
    if args.sheet is not None:
        _write_sheet(args.sheet, planned, segment.space)
    if len(planned) > len(jobs):
        print(f"{count(len(planned) - len(jobs), 'photograph')} skipped, whose maps are there")
    share = f", {void / pixels:.1%} of their pixels void" if pixels else ""
    made = count(len(jobs) - len(failures), "label map")
    print(f"{made} in {args.output}{share}; {LABELS} describes their classes")
    return report_failures(failures, f"not read ({len(failures)} of {count(len(jobs), 'photograph')})")


def label(segment: "PhotoSegmenter", job: Job, size: int, threshold: float) -> "np.ndarray":
    """Write the label map of one photograph.

    Args:
        segment: The segmenter.
        job: The photograph and where its map goes.
        size: A photograph whose short side is longer is read at this size; its map has the photograph's own.
        threshold: See `PhotoSegmenter`.

    Returns:
        Ids (H, W).
    """
    from semsynth.editing import resize
    from semsynth.images import read_upright
    from semsynth.labels import resize_map, write_label_map

    photo = read_upright(job.source)
    height, width = photo.shape[:2]
    factor = min(1.0, size / min(height, width))
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    ids = segment(photo if factor == 1 else resize(photo, small), threshold)
    ids = resize_map(ids, (height, width))
    job.outputs[0].parent.mkdir(parents=True, exist_ok=True)
    write_label_map(job.outputs[0], ids, segment.space)
    return ids


def _load(args: argparse.Namespace) -> "PhotoSegmenter":
    from semsynth.evaluation.bundled import PhotoSegmenter, label_set_of
    from semsynth.evaluation.segmenters import load_segmenter

    network = load_segmenter(args.segmenter, trust=args.trust)
    space = label_space_of(args.label_set) or label_set_of(network)
    segment = PhotoSegmenter(network, space, args.segmenter)
    if args.threshold and space.void_id is None:
        raise SemsynthError(
            f"The label set {space.name!r} has no void, which pixels below --threshold would be; give "
            "--threshold 0, or a label set with a void_id."
        )
    return segment


def _write_labels(path: Path, space: "LabelSpace") -> None:
    """Describe the classes beside the maps.

    Raises:
        SemsynthError: Another label set is described there.
    """
    from semsynth.labels import LabelSpace

    if path.exists():
        if LabelSpace.from_file(path).to_dict() != space.to_dict():
            raise SemsynthError(f"{path} describes other classes; choose another folder for these maps.")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    space.save(path)


def _write_sheet(path: Path, jobs: list[Job], space: "LabelSpace") -> None:
    """Photographs and their maps in colours, evenly chosen among all."""
    from PIL import Image

    from semsynth.cli.synthesize import scale, write_sheet
    from semsynth.images import read_upright
    from semsynth.labels import read_label_map

    there = [job for job in jobs if job.outputs[0].exists()]
    number = min(SHEET_ROWS, len(there))
    rows = []
    for job in (there[i * len(there) // number] for i in range(number)):
        colored = space.colorize(read_label_map(job.outputs[0], space).ids)
        rows.append([scale(Image.fromarray(pixels)) for pixels in (read_upright(job.source), colored)])
    if rows:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_sheet(path, rows)
