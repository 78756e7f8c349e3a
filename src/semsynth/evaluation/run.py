"""One evaluation from end to end: draw, segment, compare, report; a stopped one goes on: each step is kept.

A report's folder holds ``pictures/`` (what was drawn), ``sheet/`` (label maps and photographs of the sheet),
``cache/`` (counts and features by step), ``run.json`` (what is being evaluated), and at the end
``report.json``, ``table.md``, ``sheet.png`` and ``sheet.html``.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import Progress

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import EvaluatedMethod, EvaluationSet
from semsynth.evaluation.evaluator import check_classes, check_evaluator
from semsynth.evaluation.features import FeatureExtractor
from semsynth.evaluation.figure import tile, write_sheet
from semsynth.evaluation.frechet import FEWEST, Statistics, warn_few
from semsynth.evaluation.kept import Arrays, DrawnPictures, Step, kept_step
from semsynth.evaluation.kept_features import KeptFeatures
from semsynth.evaluation.measures import confusion, distances, row, style_metrics
from semsynth.evaluation.protocol import EvaluatedClasses, choices
from semsynth.evaluation.report import Report
from semsynth.evaluation.segmentation import ConfusionMatrix
from semsynth.evaluation.segmenters import Segmenter
from semsynth.evaluation.style import Stages
from semsynth.evaluation.table import table
from semsynth.files.claiming import claimed
from semsynth.files.reading import read_json
from semsynth.files.writing import write_atomically
from semsynth.hub import compat

SHEET_ROWS = 8
WITHIN = ("pictures", "sheet", "cache")
"""Folders of a report that are written to file by file."""
INCEPTION_ENTRIES = ("fid", "fid_half", "kid")
LITE2_ENTRIES = ("lite2_frechet", "lite2_frechet_half", "lite2_kernel")


@dataclass
class Evaluation:
    """One method on one data set under one protocol, step by step.

    Attributes:
        method: What is evaluated.
        evaluation_set: Photographs and label maps, and the protocol.
        folder: Where everything is kept.
        evaluator: Reads classes back out of pictures.
        inception: The space of FID and KID, or None without the file.
        lite2: The space of the distances that need no file, or None.
        cropnet: The space of a network that was trained from nothing, or None.
        stages: The network of the style measures, or None.
        reference: Statistics the Fréchet distance is taken to, instead of these photographs.
        progress: Shows how far it is.
        log: Called with a sentence on what was damaged and is done again.
    """

    method: EvaluatedMethod
    evaluation_set: EvaluationSet
    folder: Path
    evaluator: Segmenter
    inception: FeatureExtractor | None = None
    lite2: FeatureExtractor | None = None
    cropnet: FeatureExtractor | None = None
    stages: Stages | None = None
    reference: Statistics | None = None
    progress: Progress | None = None
    log: Callable[[str], None] = lambda _: None
    warnings: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.protocol = self.evaluation_set.protocol
        self.drawn = DrawnPictures(self.folder, self.method, self.evaluation_set, self.log)
        self.classes = EvaluatedClasses.of(self.protocol, self.evaluation_set.data.label_space)
        self.features = KeptFeatures(self.evaluation_set, self.drawn, self.classes, self._step, self._track)
        self.warnings += check_classes(self.evaluator, self.classes.names)
        extractors = [extractor for extractor in (self.inception, self.lite2) if extractor]
        self.spaces, spaces = [_named(each) for each in extractors], [each.space for each in extractors]
        loss_networks = self.method.loss_networks
        if loss_networks is None:
            self.warnings.append(f"{self.method.name} does not record which networks its training loss used.")
        own = [self.cropnet.space.network] if self.cropnet else []
        check_evaluator(
            loss_networks or (), [self.evaluator.about["network"], *(s.network for s in spaces), *own]
        )
        if self.protocol.split == self.protocol.selection_split:
            self.warnings.append(
                f"Settings and checkpoints are chosen on the split {self.protocol.split!r}: these scores are "
                "no test scores."
            )
        if self.reference is not None and self.reference.space.network not in [s.network for s in spaces]:
            raise SemsynthError(
                f"The reference statistics are of {self.reference.space.network}, but the networks at hand "
                f"are {', '.join(s.network for s in spaces) or 'none'}: give that network's file, or other "
                "statistics."
            )

    @isolated()
    def run(self) -> Report:
        """Do every step that has not been done, and write the report."""
        with claimed(self.folder, "evaluates", WITHIN):
            return self._run()

    def _run(self) -> Report:
        self._check_folder()
        with self._timed("drawing"):
            if replaced := self.drawn.draw(self._track):
                for stale in (self.folder / "cache").glob("*-made*.npz"):
                    stale.unlink()
                self.warnings.append(
                    f"{len(replaced)} pictures had been changed since they were drawn, such as {replaced[0]}"
                    ": they were drawn and evaluated again."
                )
        with self._timed("segmenting"):
            real, made = self._counts("real"), self._counts("made")
        with self._timed("distances"):
            made_entries, real_entries = self._distances()
        with self._timed("two-sample tests"):
            ladder = self._ladder()
            made_entries |= ladder.pop("made", {})
            real_entries |= ladder.pop("real", {})
        with self._timed("styles"):
            of_styles, of_scenes = self._styles()
            made_entries |= of_styles
            real_entries |= of_scenes
        loss_networks = self.method.loss_networks
        made_entries["loss_networks"] = None if loss_networks is None else list(loss_networks)
        count, keys = len(self.evaluation_set), self.evaluation_set.keys
        report = Report(
            methods=[row(self.method.name, made, self.classes, self.protocol, count, **made_entries)],
            real=row("real photographs", real, self.classes, self.protocol, count, **real_entries),
            protocol=self.protocol.to_dict(),
            networks={
                "evaluator": self.evaluator.about,
                "distances": self.spaces,
                "reference": self._reference(),
                **({"cropnet": _named(self.cropnet)} if self.cropnet else {}),
            },
            ladder=ladder,
            sheet=keys[:: -(-count // SHEET_ROWS)],
            warnings=self.warnings,
            times=self.times,
        )
        self._write(report)
        return report

    def _check_folder(self) -> None:
        """Make the folder this evaluation's, or refuse it if it is another's."""
        mine = {
            "method": self.method.name,
            "fingerprint": self.method.fingerprint,
            "evaluator": self.evaluator.about,
            "protocol": choices(self.protocol.to_dict()),
            "data set": f"{len(self.evaluation_set)} pictures, {self.evaluation_set.fingerprint}",
        }
        path = self.folder / "run.json"
        if path.exists():
            theirs = read_json(path)
            if not isinstance(theirs, dict):
                raise SemsynthError(
                    f"{path} does not say which evaluation {self.folder} holds. Give another folder, or "
                    "delete this one."
                )
            theirs = compat.evaluation_run(theirs)
            if what := next((key for key in mine if theirs.get(key) != mine[key]), ""):
                raise SemsynthError(
                    f"{self.folder} holds the evaluation of {theirs.get('method')} with another {what}. "
                    "Give another folder, or delete this one."
                )
        else:
            write_atomically(path, (json.dumps(mine, indent=2, ensure_ascii=False) + "\n").encode())

    def _counts(self, name: str) -> ConfusionMatrix:
        def compute() -> Arrays:
            tracked = self._track(self.features.pictures(name), f"segmenting {name}")
            return {"counts": confusion(self.evaluator, self.classes, self.evaluation_set, tracked).counts}

        def read(kept: Arrays) -> ConfusionMatrix:
            return ConfusionMatrix(len(self.classes.names), kept["counts"])

        return self._step(f"counts-{name}", compute, read, self.drawn.digest if name == "made" else "")

    def _distances(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Entries of the method's row and of the photographs' row."""
        of_made: dict[str, Any] = {}
        of_real: dict[str, Any] = {}
        for extractor, names in ((self.inception, INCEPTION_ENTRIES), (self.lite2, LITE2_ENTRIES)):
            if extractor is None:
                continue
            count, network = len(self.evaluation_set), extractor.space.network
            if count < 2 * FEWEST:
                self.warnings.append(
                    f"{count} pictures are too few for a distance between distributions: none was computed "
                    f"with {network}; at least {2 * FEWEST} are needed."
                )
                continue
            real = self.features.of("real", extractor)
            made = self.features.of("made", extractor)
            self.warnings += filter(None, [warn_few(count, extractor.space)])
            same = self.reference is not None and self.reference.space.network == network
            of_this, floor = distances(names, real, made, self.reference if same else None)
            of_made |= of_this
            of_real |= floor
        return of_made, of_real

    def _ladder(self) -> dict[str, dict[str, Any]]:
        """Entries of the "real" row, of the "made" row, and of each rung; none for too few pictures."""
        given = {"lite2": self.lite2, "cropnet": self.cropnet}
        extractors = {name: each for name, each in given.items() if each is not None}
        if not extractors or len(self.evaluation_set) < 2 * FEWEST:
            return {}
        rows = self.features.ladder(extractors)
        if self.cropnet is not None:
            rows["made"]["told_by_class"] = self.features.told_by_class(self.cropnet)
        return rows

    def _reference(self) -> str:
        """What the Fréchet distances are taken to, in words."""
        if self.reference is None:
            return "the real photographs of these label maps"
        return f"{self.reference.count} pictures, {self.reference.source} ({self.reference.space.network})"

    def real_statistics(self) -> Statistics:
        """Statistics of the real photographs, in Inception's space where there is one."""
        extractor = self.inception or self.lite2
        if extractor is None:
            raise SemsynthError("There is no network to compute statistics with.")
        return Statistics.of(self.features.of("real", extractor))

    def _styles(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Entries of the method's row and of the photographs' row."""
        stages = self.stages
        if not self.method.has_styles or stages is None:
            return {}, {}

        def compute() -> Arrays:
            maps = min(self.protocol.style_maps, len(self.evaluation_set))
            measured = style_metrics(
                self.method, self.evaluation_set, stages, lambda steps: self._track(steps, "styles", maps)
            )
            return {name: np.array(value) for name, value in measured.items()}

        def read(kept: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
            entries = {name: float(kept[name]) for name in {"diversity", *kept}}
            return entries, {"diversity": entries.pop("of_scenes", None)}

        return self._step("style-measures", compute, read, self.drawn.digest)

    def _step(
        self, name: str, compute: Callable[[], Arrays], read: Callable[[Arrays], Step], of: str
    ) -> Step:
        return kept_step(self.folder / "cache" / f"{name}.npz", compute, read, of, self.log)

    def _write(self, report: Report) -> None:
        for number, key in enumerate(self.evaluation_set.keys):
            if key in report.sheet:
                photo, labels, _ = self.evaluation_set.read(number)
                colors = self.evaluation_set.data.label_space.colorize(labels)
                self.drawn.save(tile(self.folder, key, "photo"), photo)
                self.drawn.save(tile(self.folder, key, "labels"), colors)
        report.save(self.folder)
        text = table([report])
        write_atomically(self.folder / "table.md", text.encode())
        title = f"{self.method.name}, {self.protocol.name}"
        write_sheet(self.folder, [self.folder], [report], title, text)

    def _track(self, steps: Iterable[Any], description: str, total: int = 0) -> Iterator[Any]:
        """Pass steps through and move the progress bar."""
        task = None
        if self.progress:
            task = self.progress.add_task(description, total=total or len(self.evaluation_set))
        for step in steps:
            yield step
            if self.progress and task is not None:
                self.progress.advance(task)

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        start = time.monotonic()
        yield
        self.times[name] = round(time.monotonic() - start, 1)


def _named(extractor: FeatureExtractor) -> dict[str, str]:
    """What a report says of a feature network."""
    space = extractor.space
    return {"network": space.network, "weights": space.weights, "resize": space.resize}
