"""Whole files, locks between processes, and what a walk finds."""

import subprocess
import sys
from pathlib import Path

import pytest

from semsynth.errors import SemsynthError
from semsynth.files.folders import whole_folder
from semsynth.files.locking import exclusive
from semsynth.files.walking import walk
from semsynth.files.writing import whole_file, write_atomically


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    write_atomically(path, b"first")
    with pytest.raises(TypeError), whole_file(path) as file:
        file.writelines([b"second", "no bytes"])
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match=r"a\.bin cannot be written"):
        write_atomically(tmp_path / "none" / "a.bin", b"")


def test_one_process_holds_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    program = (
        "import sys; from pathlib import Path; from semsynth.files.locking import exclusive\n"
        "with exclusive(Path(sys.argv[1]), wait=False) as held: print(held)"
    )

    def other() -> str:
        return subprocess.check_output([sys.executable, "-c", program, str(lock)], text=True).strip()

    with exclusive(lock, wait=False) as held:
        assert held
        assert other() == "False"
    assert other() == "True"


def test_a_walk_leaves_out_what_is_hidden_and_follows_links(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in (
        "a.png",
        "sub/b.png",
        ".hidden/c.png",
        "__MACOSX/d.png",
        "@eaDir/e.png",
        "._f.png",
        "Thumbs.db",
    ):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "g.png").touch()
    (data / "one").symlink_to(tmp_path / "elsewhere")
    (data / "two").symlink_to(tmp_path / "elsewhere")
    (data / "sub" / "loop").symlink_to(data)
    found = [path.relative_to(data).as_posix() for path in walk(data)]
    assert found == ["a.png", "one/g.png", "sub/b.png", "two/g.png"]
    assert [path.name for path in walk(data, recursive=False)] == ["a.png"]


def test_long_names_leave_room_for_temporary_ones(tmp_path: Path) -> None:
    path = tmp_path / ("海" * 80 + ".png")  # 244 bytes
    write_atomically(path, b"whole")
    assert path.read_bytes() == b"whole"


@pytest.mark.parametrize("name", [".", "", "/"])
def test_what_has_no_name_cannot_be_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SemsynthError, match="names no new file"):
        write_atomically(name, b"")
    with pytest.raises(SemsynthError, match="names no new file"), whole_folder(Path(name)):
        raise AssertionError("the folder was made")
