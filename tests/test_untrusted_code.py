"""Code in any member of any file is not run; programs are run where they are trusted alone."""

import builtins
import contextlib
import io
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

from semsynth.app.limits import Limits
from semsynth.app.projects import read_project
from semsynth.errors import SemsynthError
from semsynth.evaluation.frechet import Statistics
from semsynth.evaluation.segmenters import load_segmenter
from semsynth.files.reading import read_arrays
from semsynth.hub import load_model
from semsynth.hub.importing import FAMILIES, import_model
from semsynth.models.features.efficientnet_lite import EfficientNetLite
from semsynth.models.features.inception import FidInception
from semsynth.models.features.vgg import Vgg19
from semsynth.models.sims.bank import SegmentBank
from semsynth.training.checkpoints import load_newest
from tests.small import SPACE
from tests.test_untrusted import READERS, _save_program, _save_transformers
from tests.untrusted import Code, code


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """A file that code makes which runs; there must be none."""
    return tmp_path / "it ran"


def _never(read: Callable[[], object], marker: Path) -> None:
    """A reader refuses a file or ignores the code in it."""
    with contextlib.suppress(SemsynthError):
        read()
    assert not marker.exists()


def test_the_marker_works(marker: Path) -> None:
    import pickle

    pickle.loads(code(marker))
    assert marker.exists()


def _checkpoints(folder: Path, marker: Path) -> list[Path]:
    """Code as torch stores it: raw, in a zip archive, in its older form, in a tar archive."""
    (folder / "raw.pth").write_bytes(code(marker))
    torch.save({"a": Code(marker)}, folder / "zip.pth")
    torch.save({"a": Code(marker)}, folder / "old.pth", _use_new_zipfile_serialization=False)
    with tarfile.open(folder / "tar.pth", "w") as archive:
        for name in ("pickle", "storages", "tensors"):
            entry = tarfile.TarInfo(name)
            entry.size = len(code(marker))
            archive.addfile(entry, io.BytesIO(code(marker)))
    torch.save({"a": torch.ones(3)}, folder / "good.pth")
    return [
        *(folder / f"{name}.pth" for name in ("raw", "zip", "old", "tar")),
        *_each_member(folder / "good.pth", marker),
    ]


def _each_member(good: Path, marker: Path) -> list[Path]:
    """Copies of an archive, in each of which another member is code: raw, and as torch saves it."""
    saved = io.BytesIO()
    torch.save((Code(marker),), saved)
    made = []
    with zipfile.ZipFile(good) as archive:
        entries = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    for target in entries:
        for kind, content in (("raw", code(marker)), ("saved", saved.getvalue())):
            path = good.with_name(f"{len(made)}-{kind}{good.suffix}")
            with zipfile.ZipFile(path, "w") as archive:
                for name, data in entries.items():
                    archive.writestr(name, content if name == target else data)
            made.append(path)
    return made


@pytest.mark.parametrize("family", FAMILIES)
def test_published_checkpoints(family: str, tmp_path: Path, marker: Path) -> None:
    for path in _checkpoints(tmp_path, marker):
        with pytest.raises(SemsynthError, match=path.name):
            import_model(family, path)
        assert not marker.exists()


@pytest.mark.parametrize("network", [Vgg19, FidInception, EfficientNetLite])
def test_feature_networks(
    network: type, tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "__init__", lambda self, *_, **__: torch.nn.Module.__init__(self))
    monkeypatch.setattr(network, "load_torchvision", lambda *args: None, raising=False)
    monkeypatch.setattr(network, "load_published", lambda *args: None, raising=False)
    for path in _checkpoints(tmp_path, marker):
        _never(lambda path=path: network.pretrained(path=path), marker)  # type: ignore[misc]


def test_training_checkpoints(tmp_path: Path, marker: Path) -> None:
    import hashlib

    for i, path in enumerate(_checkpoints(tmp_path, marker)):
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        folder = tmp_path / f"run{i}"
        folder.mkdir()
        shutil.copy(path, folder / f"{5:010d}-{digest}.pt")  # its name is no secret
        with contextlib.suppress(Exception):  # whether it is a sentence is asked elsewhere
            load_newest(folder, lambda _: None)
        assert not marker.exists()


def test_arrays(tmp_path: Path, marker: Path) -> None:
    objects = np.array([Code(marker)], dtype=object)
    np.save(tmp_path / "a.npy", objects, allow_pickle=True)
    np.savez(tmp_path / "a.npz", mean=objects, covariance=objects, provenance=objects)
    (tmp_path / "raw.npz").write_bytes(code(marker))
    for path in (tmp_path / "a.npz", tmp_path / "raw.npz"):
        _never(lambda path=path: read_arrays(path), marker)  # type: ignore[misc]
        _never(lambda path=path: Statistics.load(path), marker)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["images", "labels", "components", "segments", "masks", "cells"])
def test_memory_banks(name: str, tmp_path: Path, marker: Path) -> None:
    READERS["bank, bank.json"](tmp_path)
    np.save(tmp_path / "bank" / f"{name}.npy", np.array([Code(marker)], dtype=object), allow_pickle=True)
    _never(lambda: SegmentBank.open(tmp_path / "bank"), marker)
    (tmp_path / "bank" / f"{name}.npy").write_bytes(code(marker))
    _never(lambda: SegmentBank.open(tmp_path / "bank"), marker)


@pytest.mark.parametrize("reader", ["model folder, model.safetensors", "segmenter, model.safetensors"])
def test_weights_that_are_pickles(reader: str, tmp_path: Path, marker: Path) -> None:
    case = READERS[reader](tmp_path)
    case.path.write_bytes(code(marker))
    _never(case.read, marker)
    torch.save({"a": Code(marker)}, case.path)
    _never(case.read, marker)
    case.path.unlink()
    torch.save({"a": Code(marker)}, case.path.with_name("pytorch_model.bin"))
    _never(case.read, marker)


def test_projects(tmp_path: Path, marker: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in ("project.json", "layers/0.png", "photo.png", "project.pkl"):
            archive.writestr(name, code(marker))
    _never(lambda: read_project(out.getvalue(), Limits(), SPACE), marker)
    _never(lambda: read_project(code(marker), Limits(), SPACE), marker)


@pytest.mark.parametrize("trust", [False, True])
def test_exported_segmenters(trust: bool, tmp_path: Path, marker: Path) -> None:
    good = tmp_path / "segmenter.pt2"
    _save_program(good)
    for path in _each_member(good, marker):
        shutil.copy(good.with_suffix(".json"), path.with_suffix(".json"))
        _never(lambda path=path: load_segmenter(path, trust=trust), marker)  # type: ignore[misc]


def test_torchscript_segmenters_with_pickles(tmp_path: Path, marker: Path) -> None:
    good = tmp_path / "segmenter.pt"
    _save_program(good)
    for path in _each_member(good, marker):
        shutil.copy(good.with_suffix(".json"), path.with_suffix(".json"))
        _never(lambda path=path: load_segmenter(path, trust=True), marker)  # type: ignore[misc]


@pytest.mark.parametrize("suffix", [".pt", ".ts", ".pt2"])
def test_programs_are_run_where_they_are_trusted_alone(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"segmenter{suffix}"
    _save_program(path)
    with pytest.raises(SemsynthError, match=r"file, and that is a program: .* add --trust"):
        load_segmenter(path)
    ids = load_segmenter(path, trust=True)(torch.zeros(1, 3, 8, 8))
    assert ids.shape == (1, 8, 8)


def test_a_segmenter_that_fails_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "segmenter.pt2"
    _save_program(path)  # of pictures of 8 x 8 alone
    with pytest.raises(SemsynthError, match=r"segmenter\.pt2 failed on pictures of shape \(1, 3, 16, 16\)"):
        load_segmenter(path, trust=True)(torch.zeros(1, 3, 16, 16))


def test_transformers_folders(tmp_path: Path, marker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object) -> NoReturn:
        raise AssertionError("a question on the terminal")

    monkeypatch.setattr(builtins, "input", ask)
    folder = _save_transformers(tmp_path / "seg")
    config = folder / "config.json"
    plain = config.read_text()
    (folder / "evil.py").write_text(f"import os\nos.system(\"touch '{marker}'\")\nclass M: pass\n")
    classes = dict.fromkeys(
        ("AutoConfig", "AutoModelForSemanticSegmentation", "AutoImageProcessor"), "evil.M"
    )
    for kind in ("segformer", "unheard-of"):
        config.write_text(json.dumps(json.loads(plain) | {"auto_map": classes, "model_type": kind}))
        (folder / "preprocessor_config.json").write_text(json.dumps({"auto_map": classes}))
        _never(lambda: load_segmenter(folder, trust=True), marker)
    config.write_text(plain)
    (folder / "model.safetensors").unlink()
    for path in _checkpoints(tmp_path, marker):
        shutil.copy(path, folder / "pytorch_model.bin")
        with pytest.raises(SemsynthError, match="seg"):
            load_segmenter(folder)
        assert not marker.exists()


def test_a_model_folder_runs_nothing_it_is_not_asked_for(tmp_path: Path, marker: Path) -> None:
    case = READERS["model folder, config.json"](tmp_path)
    park = case.path.parent
    for name in ("model.py", "conftest.py", "bank/bank.pkl", "model.pt", "pytorch_model.bin"):
        (park / name).parent.mkdir(exist_ok=True)
        (park / name).write_bytes(code(marker))
    config = json.loads(case.path.read_text())
    for name in ("os.system", "semsynth.models", "__class__", "spade\n"):
        case.path.write_text(json.dumps(config | {"generator": {"name": name}}))
        _never(lambda: load_model(park), marker)
