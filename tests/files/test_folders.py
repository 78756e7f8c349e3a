"""Folders that are whole under their name, or recoverably beside it, wherever a process is killed."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from semsynth.errors import SemsynthError
from semsynth.files import folders
from semsynth.files.folders import recover, whole_folder

WRITER = """
import os, sys
from pathlib import Path
from semsynth.files.folders import whole_folder
stop, folder = int(sys.argv[1]), Path(sys.argv[2])
seen = 0
def count(event, args):
    global seen
    if event in {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.scandir"} and started:
        seen += 1
        if seen > stop:
            os._exit(9)
started = False
sys.addaudithook(count)
started = True
with whole_folder(folder) as part:
    for name in "ab":
        (part / name).write_text("new")
"""


def _content(folder: Path) -> list[str]:
    return [(folder / name).read_text() for name in "ab"]


def _write(folder: Path, text: str) -> None:
    with whole_folder(folder) as part:
        for name in "ab":
            (part / name).write_text(text)


def test_a_kill_at_any_moment_leaves_the_old_or_the_new_folder_whole(tmp_path: Path) -> None:
    folder, between, code, stop = tmp_path / "park", 0, 9, 0
    while code == 9:
        _write(folder, "old")
        assert [path.name for path in tmp_path.iterdir()] == ["park"]  # what a dead process left is swept
        code = subprocess.run([sys.executable, "-c", WRITER, str(stop), str(folder)], check=False).returncode
        between += not folder.exists()
        recover(folder)
        assert _content(folder) in (["old", "old"], ["new", "new"]), f"killed at step {stop}"
        stop += 1
    assert code == 0
    assert between > 0
    assert stop > 10


def test_names_that_begin_alike_are_not_taken_for_one_another(tmp_path: Path) -> None:
    for other in (
        ".park.2.0123abcd.old",
        ".park.0123abcd.old.keep",
        "park.0123abcd.old",
        ".par.0123abcd.old",
    ):
        (tmp_path / other).mkdir()
    recover(tmp_path / "park")
    assert not (tmp_path / "park").exists()
    _write(tmp_path / "park", "new")
    assert len(list(tmp_path.iterdir())) == 5


def test_a_folder_that_another_process_is_writing_is_left_alone(tmp_path: Path) -> None:
    if folders.fcntl is None:
        pytest.skip("this platform has no locks on folders")
    with whole_folder(tmp_path / "park") as part:
        (part / "a").write_text("slow")
        (part / "b").write_text("slow")
        _write(tmp_path / "park", "quick")
    assert _content(tmp_path / "park") == ["slow", "slow"]
    assert [path.name for path in tmp_path.iterdir()] == ["park"]


def test_a_reader_that_recovers_does_not_disturb_a_writer(tmp_path: Path) -> None:
    folder, done = tmp_path / "park", threading.Event()
    _write(folder, "0")

    def write() -> None:
        for i in range(60):
            _write(folder, str(i))
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    while not done.is_set():
        recover(folder)
    writer.join()
    assert _content(folder) == ["59", "59"]
    assert [path.name for path in tmp_path.iterdir()] == ["park"]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    _write(tmp_path / "park", "old")
    with (
        pytest.raises(SemsynthError, match="park cannot be written"),
        whole_folder(tmp_path / "park") as part,
    ):
        (part / "missing" / "a").write_text("new")
    assert _content(tmp_path / "park") == ["old", "old"]
    assert [path.name for path in tmp_path.iterdir()] == ["park"]


def test_a_link_to_a_folder_stays_a_link(tmp_path: Path) -> None:
    _write(tmp_path / "disk" / "park", "old")
    link = tmp_path / "park"
    link.symlink_to(tmp_path / "disk" / "park")
    _write(link, "new")
    assert link.is_symlink()
    assert _content(tmp_path / "disk" / "park") == ["new", "new"]
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["park"]
