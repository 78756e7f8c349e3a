"""A report: what one evaluation found, as JSON that is the same bytes every time but for its times."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from semsynth.errors import SemsynthError
from semsynth.evaluation.protocol import choices
from semsynth.evaluation.segmentation import SegmentationScores
from semsynth.files.reading import parsing, read_json
from semsynth.files.settings import fill
from semsynth.files.writing import write_atomically
from semsynth.hub import Scores, compat

FORMAT = 1
REPORT_FILE = "report.json"
WITH_DEVIATION = (
    *("kid", "lite2_kernel", "lite2_kernel_half", "cropnet_kernel_half"),
    *("lite2_two_sample", "cropnet_two_sample"),
)
"""Entries of a row that are a mean and a deviation."""
PROTOCOL = frozenset({"name", "split", "height", "width", "absent", "void", "note", "published"})
"""Entries of a protocol that a table shows."""


@dataclass(frozen=True)
class Row:
    """The scores of one method, or of the real photographs. Shares are 0..1; None was not measured.

    Attributes:
        name: What a table calls it.
        pictures: How many were scored.
        miou: Under the protocol's headline convention for void.
        pixel_accuracy: Likewise.
        mean_accuracy: Likewise.
        void_ignored: The same three, pixels of void left out.
        void_counted: The same three, pixels of void counted as errors.
        per_class_iou: By class name, under the headline convention.
        fid: Fréchet distance to the real photographs in the published Inception's space.
        fid_half: The same at half of the count; in the row of the photographs, its floor.
        kid: Kernel distance in that space: {"mean", "std"} over subsets; in the row of the photographs, of
            two random halves of them: 0 but for chance.
        lite2_frechet: Fréchet distance in EfficientNet-Lite2's space. Not FID.
        lite2_frechet_half: At half of the count; in the row of the photographs, its floor.
        lite2_kernel: Kernel distance in that space, its floor likewise. Not KID.
        lite2_two_sample: Accuracy of a linear classifier that tells pictures from photographs by the same
            features: {"mean", "std"}, the latter its standard error; in the row of the photographs, between
            two random halves of them, with the deviation over splits.
        lite2_kernel_half: Kernel distance of the pictures for a random half of the maps to the photographs of
            the other half; in the row of the photographs, of half to half.
        cropnet_two_sample: Like lite2_two_sample, by CropNet's features.
        cropnet_kernel_half: Likewise.
        told_by_class: Which classes give the pictures away, by CropNet's features: "maps", "area", "gap" and
            "told" by class name, see `two_sample.class_entries`.
        diversity: Mean perceptual distance between styles of one map; in the row of the photographs, between
            those of one scene.
        style_colour: How far guided pictures move to the style photograph's colours, 0..1.
        style_texture: Likewise its texture.
        style_nearness: Share of the other photographs that a guided picture is farther from in its colours.
        loss_networks: The networks its training loss used; None where that is not recorded.
    """

    name: str
    pictures: int
    miou: float
    pixel_accuracy: float
    mean_accuracy: float
    void_ignored: dict[str, float]
    void_counted: dict[str, float]
    per_class_iou: dict[str, float | None]
    fid: float | None = None
    fid_half: float | None = None
    kid: dict[str, float] | None = None
    lite2_frechet: float | None = None
    lite2_frechet_half: float | None = None
    lite2_kernel: dict[str, float] | None = None
    lite2_two_sample: dict[str, float] | None = None
    lite2_kernel_half: dict[str, float] | None = None
    cropnet_two_sample: dict[str, float] | None = None
    cropnet_kernel_half: dict[str, float] | None = None
    told_by_class: dict[str, dict[str, float]] | None = None
    diversity: float | None = None
    style_colour: float | None = None
    style_texture: float | None = None
    style_nearness: float | None = None
    loss_networks: list[str] | None = None


@dataclass(frozen=True)
class Report:
    """Everything a table or a figure needs.

    Attributes:
        methods: One row each.
        real: The row of the real photographs: the ceiling of the evaluator and the floor of the distances.
        protocol: Every choice, see ``protocol.Protocol``.
        networks: The evaluator and the networks of the distances: names and weights.
        ladder: Photographs made worse in known ways, by the name of the rung: the kernel distances and
            two-sample accuracies of a row, as they are named there.
        sheet: Keys of the pictures a sheet shows.
        warnings: What a reader must know.
        times: Seconds; the only entries that differ between two runs.
    """

    methods: list[Row]
    real: Row
    protocol: dict[str, Any]
    networks: dict[str, Any]
    ladder: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    sheet: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    times: dict[str, float] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write ``report.json``."""
        document = {"format": FORMAT, **rounded(asdict(self))}
        write_atomically(
            folder / REPORT_FILE, (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()
        )

    def scores(self) -> Scores:
        """The numbers of the first method, as its model folder keeps them."""
        return Scores(
            protocol=self.protocol["name"],
            data=f"{self.protocol['label_set']}, {self.protocol['split']}",
            pictures=self.methods[0].pictures,
            evaluator=self.networks["evaluator"]["network"],
            values=rounded(_numbers(self.methods[0])),
            real=rounded(_numbers(self.real)),
        )

    @classmethod
    def load(cls, folder: Path) -> "Report":
        """Read a report's folder.

        Raises:
            SemsynthError: There is no report, or it is no report of ours.
        """
        path = folder / REPORT_FILE
        if not path.exists():
            raise SemsynthError(f"{folder} holds no {REPORT_FILE}; semsynth evaluate writes one.")
        document = read_json(path)
        with parsing(path, "a report", "Evaluate again."):
            if document.pop("format") != FORMAT:
                raise SemsynthError(f"{path} was written by another version; evaluate again.")
            document = compat.report(document)
            report = fill(cls, document, path)
            if not report.methods:
                raise ValueError("it has no method")
            for row in (*report.methods, report.real):
                for scores in (row.void_ignored, row.void_counted):
                    if missing := {"miou", "pixel_accuracy", "mean_accuracy"} - scores.keys():
                        raise ValueError(f"the row of {row.name} lacks {', '.join(sorted(missing))}")
                _check_means(row.name, {name: getattr(row, name) for name in WITH_DEVIATION})
                for name, entry in (row.told_by_class or {}).items():
                    if lacking := {"maps", "area", "gap", "told"} - entry.keys():
                        raise ValueError(f"{row.name} lacks {min(lacking)} of the class {name}")
            for rung, entries in report.ladder.items():
                _check_means(rung, entries)
            if absent := PROTOCOL - report.protocol.keys():
                raise ValueError(f"its protocol lacks {', '.join(sorted(absent))}")
            if not isinstance(report.protocol["name"], str) or not isinstance(report.protocol["note"], str):
                raise ValueError("its protocol has no name or no note")
            if not {"network", "weights"} <= report.networks["evaluator"].keys():
                raise ValueError("it does not say which evaluator it is of")
        return report


def _check_means(name: str, entries: Mapping[str, Mapping[str, float] | None]) -> None:
    """Raise a ValueError where an entry of a row or a rung lacks its mean."""
    if unlike := [key for key, entry in entries.items() if entry is not None and "mean" not in entry]:
        raise ValueError(f"{unlike[0]} of {name} has no mean")


def _numbers(row: Row) -> dict[str, float]:
    """The finite scores of a row by name; their means where they have deviations."""
    entries = {name: value for name, value in asdict(row).items() if name != "pictures"}
    entries |= {name: (entries[name] or {}).get("mean") for name in WITH_DEVIATION}
    return {name: v for name, v in entries.items() if isinstance(v, int | float) and math.isfinite(v)}


def score_entries(scores: SegmentationScores) -> dict[str, float]:
    """The three headline scores of one convention, by name."""
    return {name: getattr(scores, name) for name in ("miou", "pixel_accuracy", "mean_accuracy")}


def rounded(value: Any) -> Any:
    """Numbers to six significant digits, through lists and dicts; NaN becomes None."""
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: rounded(entry) for key, entry in value.items()}
    return [rounded(entry) for entry in value] if isinstance(value, list | tuple) else value


def refuse_unlike_reports(first: Report, second: Report) -> None:
    """Raise a SemsynthError if two reports of one protocol name were made under different choices."""
    if first.protocol["name"] != second.protocol["name"]:
        return
    for what, a, b in (
        ("protocols", choices(first.protocol), choices(second.protocol)),
        ("networks", first.networks, second.networks),
        ("photographs", {"count": first.real.pictures}, {"count": second.real.pictures}),
    ):
        # Reports of before CropNet do not have that network.
        if key := next((key for key in a if a[key] != b.get(key, a[key] if key == "cropnet" else None)), ""):
            raise SemsynthError(
                f"The reports of {first.methods[0].name} and {second.methods[0].name} cannot share a table: "
                f"their {what} differ in {key} ({a[key]} against {b.get(key)}). Evaluate both under the "
                "same protocol."
            )
