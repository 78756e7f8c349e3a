import hashlib
from pathlib import Path

import pytest
import torch

from semsynth.errors import SemsynthError
from semsynth.files.claiming import claimed
from semsynth.training.checkpoints import clean_up, load_newest, save_checkpoint


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
    with claimed(folder, "trains", ("checkpoints",)):
        (folder / "checkpoints").mkdir()
        leftover = folder / "checkpoints" / ".checkpoint.0123abcd.part"
        leftover.write_bytes(b"half")
        with pytest.raises(SemsynthError, match="Another process trains in"), claimed(folder, "trains"):
            pass
        assert leftover.exists()  # the other's, still being written
    with claimed(folder, "trains", ("checkpoints",)):
        assert not leftover.exists()
    with pytest.raises(ValueError, match="nothing came of it"), claimed(tmp_path / "empty", "trains"):
        raise ValueError("nothing came of it")
    assert not (tmp_path / "empty").exists()


def test_a_claimed_folder_is_put_in_order(tmp_path: Path):
    for name in (".model.0123abcd.old", ".model.0123abcd.part", ".kept", ".kept.part"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / ".curves.png.01234567.part").write_bytes(b"half")
    with claimed(tmp_path, "trains"):
        assert (tmp_path / "model" / "file").read_text() == ".model.0123abcd.old"
        assert {path.name for path in tmp_path.iterdir()} == {".kept", ".kept.part", ".lock", "model"}


@pytest.mark.parametrize("keep", [1, 2])
@pytest.mark.parametrize("damaged", [1, 2])
def test_what_was_just_written_outlives_damaged_later_files(tmp_path: Path, keep: int, damaged: int):
    for number in range(1, 2 + damaged):
        path = save_checkpoint(tmp_path, number, state(number), keep=5)
        if number > 1:
            path.write_bytes(b"damaged")
    messages: list[str] = []
    loaded = load_newest(tmp_path, messages.append)
    assert loaded is not None
    assert len(messages) == damaged
    clean_up(tmp_path, loaded["images_seen"], 5, messages.append)
    assert len(list(tmp_path.glob("*.damaged"))) == damaged
    assert load_newest(tmp_path, pytest.fail) is not None
    path.write_bytes(b"damaged again, while the run went on")
    written = save_checkpoint(tmp_path, 2, state(2), keep=keep)
    assert written.exists()
    clean_up(tmp_path, 2, keep, messages.append)
    again = load_newest(tmp_path, pytest.fail)
    assert again is not None
    assert again["images_seen"] == 2


def test_what_a_kill_left_beyond_keep_goes_upon_the_next_start(tmp_path: Path):
    for number in (1, 2, 3):
        save_checkpoint(tmp_path, number, state(number), keep=5)
    clean_up(tmp_path, 3, 2, pytest.fail)
    assert sorted(path.name[:10] for path in tmp_path.iterdir()) == ["0000000002", "0000000003"]


def foreign(folder: Path, number: int, content: object) -> Path:
    """A file whose name fits its content, but which is no checkpoint of a run."""
    file = folder / "file"
    torch.save(content, file) if not isinstance(content, bytes) else file.write_bytes(content)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:16]
    return file.rename(folder / f"{number:010d}-{digest}.pt")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"text",
        torch.zeros(3),
        {"weights": 1},
        {"images_seen": 7},
        {"images_seen": 9},
        {"images_seen": "9"},
    ],
    ids=str,
)
def test_a_fitting_name_on_other_content_is_passed_over(tmp_path: Path, content: object):
    save_checkpoint(tmp_path, 1, state(1), keep=5)
    path = foreign(tmp_path, 9, content)
    messages: list[str] = []
    loaded = load_newest(tmp_path, messages.append, ("weights",))
    assert loaded is not None
    assert loaded["images_seen"] == 1
    assert path.name in messages[0]


def test_files_of_other_names_are_no_checkpoints(tmp_path: Path):
    for name in ("best-model.pt", "0000000009-short.pt"):
        (tmp_path / name).write_bytes(b"")
    assert load_newest(tmp_path, pytest.fail) is None
    (tmp_path / "0000000009-0123456789abcdef.pt").mkdir()
    with pytest.raises(SemsynthError, match="is a folder"):
        load_newest(tmp_path, pytest.fail)
