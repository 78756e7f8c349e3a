"""SIFT Flow (LabelMe outdoor): train/ and val/ with images/ and labels/, ids 0 void and 1..33."""

from dataclasses import replace
from pathlib import Path

from semsynth.data import folder
from semsynth.data.filedataset import FileDataset
from semsynth.labels import LabelSpace

LARGEST_VOID = 0.5
"""Training leaves out photographs more of which is void: there is nothing to learn from their maps."""


def load(root: Path, split: str, *, label_space: LabelSpace | None = None) -> FileDataset:
    """Load SIFT Flow; the training split leaves out what is mostly void."""
    data = folder.load(root, split, label_space=label_space or LabelSpace.named("siftflow"))
    data = replace(data, name="siftflow")
    return data.mostly_labelled(LARGEST_VOID) if split == "train" else data


def looks_like(root: Path) -> bool:
    """Whether a folder is SIFT Flow: the plain layout, and files named for its eight scenes."""
    first = next((root / "train" / "images").glob("opencountry_*"), None)
    return first is not None and folder.looks_like(root)
