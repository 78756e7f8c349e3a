"""What was found in a data set, and what to do with it."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from semsynth.labels import LabelSpace

MOSTLY_VOID = 0.5
"""A photograph is listed as mostly void above this share."""


@dataclass
class SplitReport:
    """What one split holds.

    Attributes:
        split: Its name.
        samples: How many pairs there are.
        pixels: Pixels by class id.
        samples_with: Samples by class id in which the class occurs.
        sizes: Samples by size, "width x height".
        map_modes: Label files by mode and kind, such as "L png".
        photo_modes: The same of photographs.
        repaired: Pixels whose colour had to be repaired.
        problems: Sentences about files that cannot be used.
        notes: Sentences about maps that can, as they are of one map, with how many files each concerns.
        usage: Sentences: what of the files is used and what is not.
        unmatched: Pictures that belong to no sample.
        left_out: Keys of samples the format leaves out of this split, because they are mostly void.
        mostly_void: Keys of samples more than half of which is void.
        turned: Photographs with a camera's orientation tag of which nothing tells whether the map follows it.
        drawn: By index and colour, the first indexed label file that draws the index so.
        kinds: The note that stands for all that are alike but for what they count, by what they share.
    """

    split: str
    samples: int = 0
    pixels: Counter[int] = field(default_factory=Counter)
    samples_with: Counter[int] = field(default_factory=Counter)
    sizes: Counter[str] = field(default_factory=Counter)
    map_modes: Counter[str] = field(default_factory=Counter)
    photo_modes: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    problems: list[str] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    usage: list[str] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    mostly_void: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    drawn: dict[int, dict[int, str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)


@dataclass
class CheckReport:
    """What a data set holds, and what to do with it.

    Attributes:
        root: The folder.
        format: The layout it was read as.
        label_space: The label set in use, guessed where `guessed`.
        guessed: Whether the label set was made up from the maps.
        has_instances: Whether there are instance maps for every sample.
        splits: One report a split.
    """

    root: Path
    format: str
    label_space: LabelSpace
    guessed: bool
    has_instances: bool
    splits: list[SplitReport]

    @property
    def usable(self) -> bool:
        """Whether every sample can be read."""
        return not any(part.problems for part in self.splits) and not self.redrawn()

    def redrawn(self) -> str:
        """The sentence that indexed files mean different things by one index; empty where they do not.

        An editor that saves indexed files may give each a palette of its own: then one index has several
        colours, and one colour several indices. Files that merely colour the same indices otherwise are fine.
        """
        drawn: dict[int, dict[int, str]] = {}
        for part in self.splits:
            for number, colors in part.drawn.items():
                drawn[number] = colors | drawn.get(number, {})
        indices = Counter(color for colors in drawn.values() for color in colors)
        for number, colors in sorted(drawn.items()):
            if len(colors) > 1 and any(indices[color] > 1 for color in colors):
                (one, first), (two, second) = list(colors.items())[:2]
                return (
                    f"Index {number} is #{one:06x} in {first} and #{two:06x} in {second}: the files have "
                    f"palettes of their own, and only their colours mean the same. Give the classes of the "
                    f"label set these colours (without a labels.json, one is guessed that has them); then "
                    f"the files are read by their colours."
                )
        return ""

    def void_share(self) -> float:
        """Share of all pixels that are void, 0..1."""
        total = sum(part.pixels.total() for part in self.splits)
        void = self.label_space.void_id
        return sum(part.pixels[void] for part in self.splits) / total if void is not None and total else 0.0

    def advice(self) -> list[str]:
        """Sentences on how to train with this."""
        space = self.label_space
        lines = [
            f"Train with format {self.format!r}, {space.num_classes} classes (label set {space.name!r})."
        ]
        if self.guessed:
            lines.append("The label set is a guess: save it with --write-labels, then name its classes.")
        if self.has_instances:
            lines.append("Instance maps are present: their boundaries can be given to the generator.")
        else:
            lines.append("There are no instance maps (or not for every sample): train without.")
        sizes = Counter[str]()
        for part in self.splits:
            sizes += part.sizes
        if len(sizes) > 1:
            lines.append("Sizes differ: use a geometry that crops or resizes to one size.")
        unused = space.num_classes - len({i for part in self.splits for i in part.pixels})
        if unused > 0:
            lines.append(f"{unused} of the classes occur nowhere; a generator cannot learn to paint them.")
        if any(part.mostly_void for part in self.splits):
            lines.append(f"largest_void={MOSTLY_VOID} leaves out what is mostly void.")
        if redrawn := self.redrawn():
            lines.append(redrawn)
        if any(part.turned for part in self.splits):
            lines.append(
                "Photographs with an orientation tag are read as stored where their size does not tell what "
                "the map was drawn on; if it was drawn on them as shown, add --orient (in training, "
                "--data.options.orient true)."
            )
        if any(part.problems for part in self.splits):
            lines.append("Files with problems stop a training run: mend or remove them first.")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "root": str(self.root),
            "format": self.format,
            "label_set": self.label_space.to_dict(),
            "guessed": self.guessed,
            "has_instances": self.has_instances,
            "usable": self.usable,
            "void_share": self.void_share(),
            "advice": self.advice(),
            "splits": [
                {
                    name: dict(value) if isinstance(value, Counter) else value
                    for name, value in vars(part).items()
                    if name not in ("drawn", "kinds")
                }
                for part in self.splits
            ],
        }
