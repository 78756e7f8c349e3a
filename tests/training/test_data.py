"""What a run learns from, where nobody has described the maps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.data.check import check
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace
from semsynth.training.data import choose_label_space, open_dataset
from semsynth.training.loop import train
from semsynth.training.settings import DataSettings
from tests.training.tiny import COLOURS, paint, tiny_recipe


def colour_coded(root: Path) -> Path:
    """Painted shapes whose maps hold colours, without a labels.json."""
    paint(root)
    (root / "labels.json").unlink()
    for path in (root / "labels").iterdir():
        Image.fromarray(COLOURS[np.asarray(Image.open(path))]).save(path)
    return root


def test_classes_are_made_up_once_and_kept(tmp_path: Path) -> None:
    root, run = colour_coded(tmp_path / "data"), tmp_path / "run"
    messages: list[str] = []
    space = choose_label_space(DataSettings(root=str(root)), run, messages.append)
    assert space is not None
    assert space.num_classes == len(COLOURS)
    assert "4 classes" in messages[0]
    dataset = open_dataset(DataSettings(root=str(root)), space)
    assert {int(i) for n in range(len(dataset)) for i in np.unique(dataset.read(n).labels)} == {0, 1, 2, 3}
    Image.new("RGB", (40, 40), "red").save(root / "labels" / "000.png")  # the run must not notice
    again = choose_label_space(DataSettings(root=str(root)), run, messages.append)
    assert again == LabelSpace.from_file(run / "labels.json")
    assert again.num_classes == space.num_classes
    assert len(messages) == 1


def test_a_described_folder_keeps_its_classes(tmp_path: Path) -> None:
    root = paint(tmp_path / "data")
    assert choose_label_space(DataSettings(root=str(root)), tmp_path / "run", print) is None
    assert not (tmp_path / "run").exists()
    (root / "labels.json").write_text("{")
    with pytest.raises(SemsynthError, match=r"labels\.json"):
        choose_label_space(DataSettings(root=str(root)), tmp_path / "run", print)


def test_training_says_what_it_leaves_out_and_stays_off_the_validation_split(tmp_path: Path) -> None:
    root = paint(tmp_path / "data", 6)
    for kind in ("images", "labels"):
        for split, numbers in (("train", range(4)), ("val", (4, 5))):
            (root / kind / split).mkdir()
            for number in numbers:
                name = f"{number:03}.png"
                (root / kind / name).rename(root / kind / split / name)
    (root / "labels" / "train" / "000.png").unlink()
    (root / "images" / "train" / "phone.heic").touch()
    messages: list[str] = []
    train(
        tiny_recipe(root, run__images=2, run__batch_size=2, objective__prior_share=0.0),
        tmp_path / "run",
        log=messages.append,
    )
    expected = (
        "3 of 5 photographs are used; left out: 1 without a label map, such as train/000.png; 1 of a kind "
    )
    assert messages.count(f"{expected}that is not read (.heic: 1).") == 1
    assert check(root).splits[0].usage[0] in messages
