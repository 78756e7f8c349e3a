"""CMP facades, in the three forms they are passed around in.

    root/[{train,val}/]{images,labels}/     ids 0..11
    root/{train,val,test}/1.jpg             pix2pix's pairs: photograph left, drawing right, one JPEG
    root/base/  root/extended/              CMP's own files: cmp_b0001.jpg and .png, numbered 1..12
    root/{train,val}_img/  {train,val}_label/   the published releases' folders, numbered 1..12

CMP numbers its twelve classes from 1, which is why the published settings count thirteen channels: channel 0
stays empty. The last two forms are read that way (label set "facades-cmp"); `numbering="cmp"` makes the first
two agree with weights trained so.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from semsynth.data import folder
from semsynth.data.filedataset import Examined, FileDataset
from semsynth.data.finding import survey
from semsynth.data.pairing import Files, Leftovers, Paired, pair, pair_folders, require
from semsynth.data.sample import RawSample
from semsynth.errors import SemsynthError
from semsynth.files.walking import walk
from semsynth.images import PhotoReading, open_image, read_photo
from semsynth.labels import LabelReading, LabelSpace, nearest_colors


@dataclass(frozen=True)
class SideBySide(FileDataset):
    """Pictures whose left half is the photograph and whose right half is the drawn map."""

    def examine(self, index: int) -> Examined:
        """Cut one picture in two and turn the drawing's colours into ids."""
        entry = self.files[index]
        image, drawing = self._halves(index)
        reading = nearest_colors(drawing, self.label_space, entry.labels)
        sample = RawSample(image, reading.ids, None, entry.key)
        return Examined(sample, reading, PhotoReading(image, "RGB"))

    def read_map(self, index: int) -> LabelReading:
        """Turn the colours of one drawing into ids."""
        return nearest_colors(self._halves(index)[1], self.label_space, self.files[index].labels)

    def _halves(self, index: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        path = self.files[index].image
        both = read_photo(path)
        if both.shape[1] % 2:
            raise SemsynthError(f"{path} is {both.shape[1]} pixels wide; two pictures side by side are even.")
        half = both.shape[1] // 2
        return both[:, :half], both[:, half:]


def load(
    root: Path, split: str, *, label_space: LabelSpace | None = None, numbering: str = "zero"
) -> FileDataset:
    """Load facades.

    Args:
        root: The folder.
        split: "train", "val" or "test"; with CMP's own files "train" is base/ and "val" is extended/.
        label_space: Another label set.
        numbering: "zero" for 0..11 or "cmp" for 1..12, where the form leaves a choice.
    """
    if numbering not in ("zero", "cmp"):
        raise SemsynthError(f"Facades are numbered 'zero' or 'cmp', not {numbering!r}.")
    cmp = LabelSpace.named("facades-cmp")
    chosen = cmp if numbering == "cmp" else LabelSpace.named("facades")
    if folder.looks_like(root):
        if numbering == "cmp":  # the files count from 0
            chosen = replace(cmp, file_values={i: i + 1 for i in range(12)})
        return replace(folder.load(root, split, label_space=label_space or chosen), name="facades")
    own = root / {"train": "base", "val": "extended"}.get(split, split)
    if own.is_dir() and any(own.glob("cmp_*.png")):
        files = [path for path in walk(own, recursive=False) if path.suffix in (".jpg", ".png")]
        photos, maps = ({path.stem: path for path in files if path.suffix == s} for s in (".jpg", ".png"))
        return _dataset(root, pair(photos, maps), label_space or cmp)
    if (root / f"{split}_img").is_dir():
        paired = pair_folders(root / f"{split}_img", root / f"{split}_label")
        return _dataset(root, paired, label_space or cmp)
    listing = survey(root / split)
    pairs = tuple(Files(key, path, path) for key, path in listing.images.items())
    left = Leftovers(len(pairs), others=listing.others)
    require(pairs, f"{split}/ with pairs side by side, or one of the other forms of facades", root, left)
    return SideBySide("facades", pairs, label_space or chosen, left)


def _dataset(root: Path, paired: Paired, space: LabelSpace) -> FileDataset:
    files, left = paired
    require(files, "photographs and label maps of the same names", root, left)
    return FileDataset("facades", files, space, left)


def looks_like(root: Path) -> bool:
    """Whether a folder holds CMP's own files, or pictures twice as wide as high named by numbers."""
    if next(root.glob("base/cmp_b*.png"), None) is not None:
        return True
    train = root / "train"
    files = walk(train, recursive=False) if train.is_dir() else iter(())
    first = next((path for path in files if path.suffix == ".jpg"), None)
    if first is None or not first.stem.isdecimal():
        return False
    width, height = open_image(first).size
    return width == 2 * height
