"""`semsynth edit`: the photograph is taken as it is shown."""

from pathlib import Path

import numpy as np
from PIL import Image

from semsynth.cli import main
from semsynth.labels import write_label_map
from tests.small import SPACE, small_folder


def test_a_photograph_held_on_its_side_is_edited_upright(tmp_path: Path) -> None:
    shown = np.random.default_rng(0).integers(0, 256, (56, 40, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: to be turned by a quarter, clockwise
    Image.fromarray(np.rot90(shown)).save(tmp_path / "photo.png", exif=exif)
    before = np.zeros((56, 40), np.int64)
    after = before.copy()
    after[:14] = 2
    for name, ids in (("before", before), ("after", after)):
        write_label_map(tmp_path / f"{name}.png", ids, SPACE)
    maps = ("--before", tmp_path / "before.png", "--labels", tmp_path / "after.png", "--feather", 0)
    own = ("-o", tmp_path / "edited.png", "--model", small_folder(tmp_path / "park"))
    assert main(["edit", str(tmp_path / "photo.png"), *map(str, (*maps, *own))]) == 0
    edited = np.asarray(Image.open(tmp_path / "edited.png"))
    assert edited.shape == (56, 40, 3)
    assert np.array_equal(edited[18:], shown[18:])
    assert not np.array_equal(edited[:14], shown[:14])
