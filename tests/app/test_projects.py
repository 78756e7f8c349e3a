"""Project files: what is written is read back, and bombs, paths and nonsense are refused."""

import base64
import errno
import io
import json
import subprocess
import sys
import unicodedata
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from semsynth.app.errors import NAME_TAKEN, ApiError
from semsynth.app.limits import Limits
from semsynth.app.project_store import ProjectStore, check_name
from semsynth.app.projects import EMPTY, Layer, Project, pack_ids, picture_of, read_project, write_project
from semsynth.app.settings import MixStyle, NamedStyle, SeedStyle, Settings
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace

LIMITS = Limits(max_body=1 << 20)
SPACE = LabelSpace.named("siftflow")
PALETTE = SPACE.palette()


def project(layers: int = 2, side: int = 32) -> Project:
    rng = np.random.default_rng(layers)
    style = MixStyle(mix=(SeedStyle(seed=3), NamedStyle(name="dusk")), amount=0.25)
    return Project(
        label_set="siftflow",
        width=side,
        height=side,
        layers=[
            Layer(
                name=f"Layer {i}",
                visible=i != 1,
                ids=pack_ids(rng.choice([0, 5, SPACE.num_classes - 1, EMPTY], (side, side))),
            )
            for i in range(layers)
        ],
        active=layers - 1,
        settings=Settings(style=style),
    )


def test_a_project_reads_back_and_writes_the_same_bytes() -> None:
    data = write_project(project(), PALETTE)
    assert read_project(data, LIMITS, SPACE) == project()
    assert write_project(read_project(data, LIMITS, SPACE), PALETTE) == data


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_the_photo_of_a_project_is_the_file_that_was_opened(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (300, 200)).save(out, form)
    labels = pack_ids(np.zeros((32, 32)))
    photo = {"photo": base64.b64encode(out.getvalue()).decode(), "photo_labels": labels}
    framed = project().model_copy(update=photo | {"photo_frame": (100, 0, 200, 200)})
    assert read_project(write_project(framed, PALETTE), LIMITS, SPACE) == framed
    with pytest.raises(SemsynthError, match="shape of the map"):
        read_project(write_project(project().model_copy(update=photo), PALETTE), LIMITS, SPACE)


def test_the_picture_of_a_project_is_read_alone() -> None:
    picture = "data:image/jpeg;base64,/9j/4AAQ"
    assert (
        picture_of(write_project(project().model_copy(update={"picture": picture}), PALETTE))[:2]
        == b"\xff\xd8"
    )
    with pytest.raises(SemsynthError, match="has no picture"):
        picture_of(write_project(project(), PALETTE))
    with pytest.raises(ValidationError):
        Project(**project().model_dump() | {"picture": "data:text/html;base64,AAAA"})


def test_classes_the_model_does_not_have_are_refused() -> None:
    found = project(1)
    found.layers[0].ids = pack_ids(np.full((32, 32), 200, np.uint8))
    with pytest.raises(SemsynthError, match="Class 200 at x=0, y=0 is unknown"):
        read_project(write_project(found, PALETTE), LIMITS, SPACE)
    other = project().model_copy(update={"label_set": "ade20k"})
    with pytest.raises(SemsynthError, match="classes of ade20k"):
        read_project(write_project(other, PALETTE), LIMITS, SPACE)


def test_too_many_layers_are_refused() -> None:
    with pytest.raises(SemsynthError, match="16 layers"):
        read_project(write_project(project(17), PALETTE), LIMITS, SPACE)


def test_a_bomb_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("project.json", b" " * (20 << 20))
    assert len(out.getvalue()) < 1 << 16
    with pytest.raises(SemsynthError, match="far too large"):
        read_project(out.getvalue(), LIMITS, SPACE)


def test_a_layer_of_a_billion_pixels_is_refused() -> None:
    data = write_project(project(1), PALETTE)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        new.writestr("project.json", old.read("project.json"))
        header = bytearray(old.read("layers/0.png"))
        header[16:24] = (60_000).to_bytes(4, "big") * 2
        new.writestr("layers/0.png", bytes(header))
    with pytest.raises(SemsynthError, match=r"at most|damaged|no image format"):
        read_project(out.getvalue(), LIMITS, SPACE)


def test_paths_in_the_archive_are_never_looked_at(tmp_path: Path) -> None:
    out = io.BytesIO(write_project(project(1), PALETTE))
    with zipfile.ZipFile(out, "a") as archive:
        archive.writestr("../../evil.txt", b"evil")
    assert read_project(out.getvalue(), LIMITS, SPACE) == project(1)
    assert not list(tmp_path.rglob("evil*"))


@given(data=st.binary(max_size=300))
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(SemsynthError):
        read_project(data, LIMITS, SPACE)


NONSENSE = st.recursive(
    st.none() | st.integers() | st.text(max_size=5),
    lambda c: st.dictionaries(st.text(max_size=9), c, max_size=4),
    max_leaves=5,
)


@settings(max_examples=50)
@given(head=NONSENSE)
def test_nonsense_inside_is_refused(head: object) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("project.json", json.dumps(head))
    with pytest.raises(SemsynthError):
        read_project(out.getvalue(), LIMITS, SPACE)


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "a\\b", "C:x", "", " ", ".", "..", "x" * 65, "a.zip", "a\0b", "-a", "a\nb"]
)
def test_paths_are_no_names(name: str) -> None:
    with pytest.raises(SemsynthError, match="name"):
        check_name(name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=70))
def test_whatever_is_let_through_stays_in_the_folder(tmp_path: Path, name: str) -> None:
    store = ProjectStore(tmp_path / "projects", LIMITS)
    try:
        store.save(name, b"data")
    except SemsynthError:
        return
    assert store.load(name) == b"data"
    assert {p.parent for p in tmp_path.rglob("*") if p.is_file()} == {tmp_path / "projects"}
    store.delete(name)
    assert not store.names()


def test_another_project_is_replaced_only_when_told(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path / "projects", LIMITS)
    store.save("lake", b"first")
    with pytest.raises(ApiError, match="of this name already") as refused:
        store.save("lake", b"second")
    assert (refused.value.status, store.load("lake")) == (409, b"first")
    store.save("lake", b"second", replace=True)
    assert store.load("lake") == b"second"


def test_projects_saved_at_once_are_never_mixed(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, LIMITS)
    contents = [bytes([n]) * 200_000 for n in range(16)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda data: store.save("lake", data, replace=True), contents))
        refused = [threads.submit(store.save, "sea", data).exception() for data in contents]
    assert store.load("lake") in contents
    assert sum(error is None for error in refused) == 1
    assert sorted(p.name for p in tmp_path.glob("[!.]*")) == ["lake.zip", "sea.zip"]


def test_a_full_disk_is_said_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    store = ProjectStore(tmp_path, LIMITS)
    store.save("lake", b"first")
    monkeypatch.setattr("semsynth.files.writing.os.fsync", full)
    with pytest.raises(ApiError, match="disk is full") as refused:
        store.save("lake", b"second", replace=True)
    assert refused.value.status == 507
    assert str(tmp_path) not in str(refused.value)
    assert store.load("lake") == b"first"
    assert [p.name for p in tmp_path.iterdir() if p.name != ".lock"] == ["lake.zip"]


def test_a_folder_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    (tmp_path / "projects").write_text("no folder")
    with pytest.raises(ApiError, match=r"could not be saved: .*\.$") as refused:
        ProjectStore(tmp_path / "projects", LIMITS).save("lake", b"first")
    assert refused.value.status == 507


@pytest.mark.parametrize("name", ["Δελφοί", "झील", "ทะเลสาบ", "بحيرة", "湖 2", "e\u0301tang", "L'île (2)"])
def test_names_of_all_scripts(tmp_path: Path, name: str) -> None:
    store = ProjectStore(tmp_path, LIMITS)
    store.save(name, b"data")
    assert store.names()[0][0] == unicodedata.normalize("NFC", name)
    assert store.load(unicodedata.normalize("NFD", name)) == b"data"


@pytest.mark.parametrize("name", ["CON", "nul", "Lpt1", "com9", "lake.", "lake\u202egnp"])
def test_names_that_windows_or_a_reader_would_mistake(name: str) -> None:
    with pytest.raises(SemsynthError, match="name"):
        check_name(name)


def test_names_that_differ_in_capitals_alone_are_one(tmp_path: Path) -> None:
    store = ProjectStore(tmp_path, LIMITS)
    store.save("Lake", b"first")
    with pytest.raises(ApiError, match="named Lake") as refused:
        store.save("lake", b"second", replace=True)
    assert refused.value.code == NAME_TAKEN
    assert store.load("Lake") == b"first"


def test_two_servers_on_one_folder_do_not_both_take_a_name(tmp_path: Path) -> None:
    """Each process saves 20 new names; every name must be refused to exactly one of the two."""
    program = (
        "import sys; from pathlib import Path\n"
        "from semsynth.app.limits import Limits; from semsynth.app.project_store import ProjectStore\n"
        "from semsynth.app.errors import ApiError\n"
        "store, refused = ProjectStore(Path(sys.argv[1]), Limits()), 0\n"
        "sys.stdin.readline()\n"
        "for number in range(20):\n"
        "    try: store.save(f'lake {number}', b'data')\n"
        "    except ApiError: refused += 1\n"
        "print(refused)"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for one in both:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    assert sum(int(one.communicate(timeout=60)[0]) for one in both) == 20


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e30"])
def test_styles_of_ones_own_are_finite(number: str) -> None:
    head = project(1).model_dump() | {"own_styles": []}
    text = json.dumps(head)
    text = text.replace('"own_styles": []', f'"own_styles": [{{"name": "x", "vector": [{number}]}}]')
    with pytest.raises(ValidationError):
        Project.model_validate(json.loads(text))


def test_a_project_whose_style_is_called_a_look_is_opened() -> None:
    data = write_project(project(), PALETTE)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    head = json.loads(entries["project.json"])
    head["settings"]["look"] = head["settings"].pop("style")
    entries["project.json"] = json.dumps(head).encode()
    old = io.BytesIO()
    with zipfile.ZipFile(old, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    assert read_project(old.getvalue(), LIMITS, SPACE) == project()
