from pathlib import Path

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.training.state import claimed, load_newest, save_checkpoint


def state(number: int) -> dict:
    return {"images_seen": number, "weights": {"a": torch.full((100,), float(number))}}


def test_the_newest_is_loaded_and_old_ones_go(tmp_path: Path):
    for number in (1, 2, 3):
        save_checkpoint(tmp_path / "c", number, state(number), keep=2)
    assert len(list((tmp_path / "c").iterdir())) == 2
    loaded = load_newest(tmp_path / "c", warn=pytest.fail)
    assert loaded is not None
    assert loaded["images_seen"] == 3
    assert torch.equal(loaded["weights"]["a"], torch.full((100,), 3.0))


def test_no_checkpoint_is_no_error(tmp_path: Path):
    assert load_newest(tmp_path / "absent", warn=pytest.fail) is None


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty"])
def test_a_damaged_file_is_passed_over_by_name(tmp_path: Path, damage: str):
    save_checkpoint(tmp_path, 1, state(1), keep=5)
    path = save_checkpoint(tmp_path, 2, state(2), keep=5)
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 1
    path.write_bytes({"truncate": content[: len(content) // 2], "flip": content, "empty": b""}[damage])
    warnings: list[str] = []
    loaded = load_newest(tmp_path, warn=warnings.append)
    assert loaded is not None
    assert loaded["images_seen"] == 1
    assert path.name in warnings[0]


def test_nothing_readable_is_a_sentence(tmp_path: Path):
    save_checkpoint(tmp_path, 1, state(1), keep=5).write_bytes(b"")
    with pytest.raises(SemsynthError, match="all are damaged"):
        load_newest(tmp_path, warn=lambda _: None)


def test_a_write_that_fails_leaves_the_earlier_one(tmp_path: Path):
    resource = pytest.importorskip("resource")
    save_checkpoint(tmp_path, 1, state(1), keep=1)
    before = sorted(path.name for path in tmp_path.iterdir())
    large = {"images_seen": 2, "weights": torch.randn(1_000_000)}
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(SemsynthError, match="earlier checkpoints are intact"):
            save_checkpoint(tmp_path, 2, large, keep=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_folder_is_one_process_s_at_a_time(tmp_path: Path):
    folder = tmp_path / "run"
    with claimed(folder):
        (folder / "checkpoints").mkdir()
        leftover = folder / "checkpoints" / ".writing-1.tmp"
        leftover.write_bytes(b"half")
        with pytest.raises(SemsynthError, match="another process trains in"), claimed(folder):
            pass
        assert leftover.exists()  # the other's, still being written
    with claimed(folder):
        assert not leftover.exists()
    with pytest.raises(ValueError, match="nothing came of it"), claimed(tmp_path / "empty"):
        raise ValueError("nothing came of it")
    assert not (tmp_path / "empty").exists()
