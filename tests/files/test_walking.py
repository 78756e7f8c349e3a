"""Folders as people have them: hidden ones, droppings, links, loops, names that are not UTF-8."""

import os
from pathlib import Path

import pytest

from semsynth.errors import SemsynthError
from semsynth.files.walking import contents, folders, printable, walk


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    for name in (".ipynb_checkpoints/a-checkpoint.png", "@eaDir/a.png/thumb.jpg", "__MACOSX/._a.png"):
        touch(tmp_path / name)
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.png", "a.png", "sub/b.png", "notes.txt"):
        touch(tmp_path / name)
    return tmp_path


def names(folder: Path, *, recursive: bool = True) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in walk(folder, recursive=recursive)]


def test_droppings_are_not_looked_at(messy: Path) -> None:
    assert names(messy) == ["a.png", "notes.txt", "sub/b.png"]
    assert names(messy, recursive=False) == ["a.png", "notes.txt"]
    assert [path.name for path in folders(messy)] == ["sub"]


def test_a_hidden_folder_that_is_named_is_looked_at(messy: Path) -> None:
    assert names(messy / ".ipynb_checkpoints") == ["a-checkpoint.png"]


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    touch(tmp_path / "there" / "a.png")
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "there")
    (tmp_path / "there" / "back").symlink_to(tmp_path / "here")
    (tmp_path / "there" / "self").symlink_to(tmp_path / "there")
    assert names(tmp_path / "here") == ["link/a.png"]


def test_contents_say_what_is_there_and_what_is_passed_over(messy: Path) -> None:
    (messy / "gone.png").symlink_to(messy / "nowhere.png")
    said = contents(messy)
    for text in ("sub", ".png (2)", ".txt (1)", "gone.png", ".ipynb_checkpoints", "@eaDir", "__MACOSX"):
        assert text in said
    assert contents(messy / "nowhere") == "no such folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_one_may_not_read_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(SemsynthError, match="closed cannot be read"):
        list(walk(tmp_path))


def test_names_are_made_printable() -> None:
    assert printable("plain söft 🌊") == "plain söft 🌊"
    assert printable(os.fsdecode(b"caf\xe9")) == r"caf\xe9"
    assert printable("\ud800") == r"\ud800"
