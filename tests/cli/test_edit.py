"""`semsynth edit`: the photograph is taken as it is shown."""

import subprocess
import sys
from pathlib import Path
from typing import Any

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


def test_a_plain_install_edits(tmp_path: Path) -> None:
    model = small_folder(tmp_path / "park")
    photo = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(photo).save(tmp_path / "photo.png")
    ids = np.zeros((40, 40), np.int64)
    write_label_map(tmp_path / "before.png", ids, SPACE)
    ids[:10] = 1
    write_label_map(tmp_path / "after.png", ids, SPACE)
    program = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['fastapi', 'pydantic', 'starlette', 'uvicorn', 'multipart']))\n"
        "from semsynth.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = ("edit", "photo.png", "--labels", "after.png", "--before", "before.png", "-o", "out.png")
    done = subprocess.run(
        [sys.executable, "-c", program, *words, "--model", str(model)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert np.array_equal(np.asarray(Image.open(tmp_path / "out.png"))[30:], photo[30:])


def test_without_a_segmenter_the_label_map_is_asked_for(tmp_path: Path, capsys: Any) -> None:
    model = small_folder(tmp_path / "park")
    Image.new("RGB", (40, 40)).save(tmp_path / "photo.png")
    words = ("edit", tmp_path / "photo.png", "-o", tmp_path / "labels.png", "--model", model)
    assert main([str(word) for word in words]) == 2
    assert "give one with --segmenter" in capsys.readouterr().err
