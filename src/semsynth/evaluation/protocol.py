"""Evaluation protocols: every choice that moves a score, written down in one data file per data set.

The files lie in ``protocols/``; a file of one's own, given by its path, works the same way.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt

from semsynth.data.transforms import resize_photo
from semsynth.errors import SemsynthError
from semsynth.evaluation.segmentation import AbsentRule, VoidRule
from semsynth.files.reading import read_toml
from semsynth.files.settings import Range, check, fill
from semsynth.hub import compat
from semsynth.labels import LabelSpace
from semsynth.labels.resize import resize_map

Side = Annotated[int, Range(32, 8192)]
"""Of the pictures that are evaluated, in pixels."""
FOLDER = Path(__file__).parent / "protocols"


@dataclass(frozen=True)
class Protocol:
    """How one data set is evaluated.

    Attributes:
        name: What ``--protocol`` calls it.
        label_set: The label set the data must have, as ``LabelSpace.named`` knows it.
        dataset: The layout the data is read as, where the folder alone does not tell (ADE20K's outdoor part).
        split: Which part of the data set.
        selection_split: The split on which settings and checkpoints are chosen, where one is: a report on it
            says that its scores are no test scores.
        height: Of the pictures that are evaluated, in pixels. Photographs come to it by antialiased bicubic
            resizing, label maps by nearest.
        width: Likewise.
        evaluated_ids: The label ids the evaluator knows, in the order of its classes. Empty: every class but
            void, in order. Ids that are not listed are void to the evaluator.
        evaluator: Where the evaluator is found: a model folder, a file, or ``pretrained:NAME``; empty where
            it must be given.
        evaluator_source: Which evaluator the papers used, where its files come from and which adapter takes
            them.
        absent: The rule for classes without a true pixel (see ``segmentation``).
        void: The convention of the headline columns; the other is printed beside it.
        fid_resize: How pictures come to Inception's 299 x 299: "pytorch-fid", "tf1" or "clean".
        seed: Of every style that is drawn.
        style_maps: How many label maps the style measures take.
        styles_per_map: How many styles each of them is drawn in.
        scenes: Whether a photograph's name begins with the word of its scene, as coast_1 and coast_2 do;
            then photographs of one scene are the measure for the diversity of styles.
        published: Which column of the published figures belongs beside ours; empty for none.
        keys: If not empty, only pictures with these keys take part.
        note: What a reader must know before comparing numbers.
    """

    name: str
    label_set: str
    dataset: str = ""
    split: str = "val"
    selection_split: str = ""
    height: Side = 256
    width: Side = 256
    evaluated_ids: tuple[int, ...] = ()
    evaluator: str = ""
    evaluator_source: str = ""
    absent: AbsentRule = "truth"
    void: VoidRule = "ignored"
    fid_resize: Literal["pytorch-fid", "tf1", "clean"] = "pytorch-fid"
    seed: int = 0
    style_maps: int = 10
    styles_per_map: int = 4
    scenes: bool = False
    published: str = ""
    keys: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        check(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the report."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }


def choices(protocol: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of a protocol that decide a score: all but its texts."""
    texts = ("selection_split", "evaluator_source", "note")
    return {key: value for key, value in protocol.items() if key not in texts}


def protocol_names() -> list[str]:
    """The protocols that come with the package."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_protocol(name_or_file: str | Path) -> Protocol:
    """Read a protocol that comes with the package, or a TOML file.

    Raises:
        SemsynthError: There is no such protocol, or its file holds an unknown key or value.
    """
    path = Path(name_or_file)
    if path.suffix != ".toml":
        path = FOLDER / f"{name_or_file}.toml"
    if not path.exists():
        raise SemsynthError(
            f"There is no protocol {str(name_or_file)!r}; there are {', '.join(protocol_names())}, or give "
            "a .toml file."
        )
    return fill(Protocol, compat.protocol(read_toml(path)), path)


@dataclass(frozen=True)
class EvaluatedClasses:
    """The classes of a protocol, as an evaluator numbers them.

    Attributes:
        names: K class names, in the evaluator's order.
        table: Label id → class index 0..K; K is void.
    """

    names: tuple[str, ...]
    table: npt.NDArray[np.int64]

    @classmethod
    def of(cls, protocol: Protocol, space: LabelSpace) -> "EvaluatedClasses":
        """Number the classes of a label set by a protocol.

        Raises:
            SemsynthError: The data has another label set, or an evaluated id does not exist.
        """
        if space.name != protocol.label_set:
            raise SemsynthError(
                f"Protocol {protocol.name!r} is for the label set {protocol.label_set!r}, but the data has "
                f"{space.name!r}. Choose another protocol ({', '.join(protocol_names())}) or write one."
            )
        ids = protocol.evaluated_ids or tuple(c.id for c in space.classes if c.id != space.void_id)
        if strange := [i for i in ids if not 0 <= i < space.num_classes]:
            raise SemsynthError(
                f"Protocol {protocol.name!r} evaluates the label id {strange[0]}, which {space.name!r} does "
                f"not have (it has {space.allowed()})."
            )
        table = np.full(max(space.num_classes, (space.void_id or 0) + 1), len(ids), np.int64)
        table[list(ids)] = np.arange(len(ids))
        return cls(tuple(space.names[i] for i in ids), table)

    def truth(self, labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
        """Class indices of a label map, (H, W)."""
        indices: npt.NDArray[np.int64] = self.table[labels]
        return indices


def fit(
    image: npt.NDArray[np.uint8], labels: npt.NDArray[np.integer], protocol: Protocol
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Bring a photograph (H, W, 3) and its label map (H, W) to the protocol's size."""
    size = (protocol.height, protocol.width)
    return resize_photo(image, size), resize_map(labels, size).astype(np.int64)
