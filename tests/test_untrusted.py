"""Whatever a file holds, no reader of the package runs it, hangs over it, or ends in a traceback."""

import contextlib
import inspect
import json
import os
import resource
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn

from semsynth.app.limits import Limits
from semsynth.app.projects import read_project
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.evaluation.frechet import FeatureSpace, Statistics
from semsynth.evaluation.protocol import load_protocol
from semsynth.evaluation.report import Report
from semsynth.evaluation.segmenters import load_segmenter
from semsynth.files.tensors import read_checkpoint, read_safetensors
from semsynth.hub import fingerprint, load_discriminator, load_model, save_model
from semsynth.hub.packing import read_style_list
from semsynth.hub.styles import read_styles, write_styles
from semsynth.images import open_image
from semsynth.labels import LabelSpace, read_label_map
from semsynth.models import GENERATORS, create_model
from semsynth.models.discriminators import MultiscaleDiscriminator
from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.models.sims import SegmentBank, build_bank
from semsynth.pipeline import Synthesizer
from semsynth.training.checkpoints import load_newest, save_checkpoint
from semsynth.training.log import read_log
from semsynth.training.objective import build_networks
from semsynth.training.recipe import load_recipe
from tests.small import SPACE, small_folder, small_model
from tests.training.tiny import tiny_recipe
from tests.untrusted import contents, files, in_memory, in_time, mutations, outcome

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes and devices are of POSIX")

STILL: frozenset[str] = frozenset()
"""Readers that do not yet hold what is asked here."""


@dataclass(frozen=True)
class Case:
    """A reader, and the file it is given.

    Attributes:
        path: The file that is replaced.
        read: Reads it.
    """

    path: Path
    read: Callable[[], object]


def _model(part: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        park = small_folder(folder / "park")
        return Case(park / part, lambda: load_model(park, verify=False))

    return make


def _styles(part: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        write_styles(folder / "styles", small_model().styles)
        return Case(folder / "styles" / part, lambda: read_styles(folder / "styles", 6))

    return make


def _discriminator(folder: Path) -> Case:
    settings = {"num_classes": 4, "instances": False, "width": 4}
    network = MultiscaleDiscriminator(**settings)  # type: ignore[arg-type]
    park = save_model(folder / "park", small_model(), discriminator=(settings, network))
    return Case(park / "discriminator.safetensors", lambda: load_discriminator(park))


def _segmenter(part: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        segmenter = folder / "segmenter"
        PyramidSegmenter(SegmenterConfig(("a", "b"), "scratch", width=4)).save(segmenter)
        return Case(segmenter / part, lambda: load_segmenter(segmenter))

    return make


class _Scenes:
    """Two small scenes to make a bank of."""

    label_space = SPACE

    def __len__(self) -> int:
        return 2

    def read(self, index: int) -> Any:
        labels = np.zeros((64, 64), np.int64)
        labels[20 + index :] = 2
        image = SPACE.palette()[labels].astype(np.uint8)
        return type("Raw", (), {"image": image, "labels": labels, "key": f"scene{index}"})()


def _bank(part: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        build_bank(_Scenes(), folder / "bank", (64, 64))
        return Case(folder / "bank" / part, lambda: SegmentBank.open(folder / "bank"))

    return make


def _checkpoint(zipped: bool) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        path = folder / "G.pth"
        torch.save({"a": torch.ones(300)}, path, _use_new_zipfile_serialization=zipped)
        return Case(path, lambda: read_checkpoint(path))

    return make


def file_segmenter(part: str, kind: str = ".pt") -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        path = folder / f"segmenter{kind}"
        _save_program(path)
        return Case(path.with_suffix(part), lambda: load_segmenter(path, trust=True))

    return make


def _save_program(path: Path) -> None:
    network = nn.Conv2d(3, 2, 1)
    if path.suffix == ".pt2":
        torch.export.save(torch.export.export(network, (torch.zeros(1, 3, 8, 8),)), path)
    else:
        torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).save(str(path))
    card = {"network": "n", "names": ["a", "b"], "mean": [0.5, 0.5, 0.5], "std": [1, 1, 1.5]}
    path.with_suffix(".json").write_text(json.dumps(card))


def _transformers(part: str) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        return Case(_save_transformers(folder / "seg") / part, lambda: load_segmenter(folder / "seg"))

    return make


def _save_transformers(folder: Path) -> Path:
    transformers = pytest.importorskip("transformers", reason="transformers is not installed")
    config = transformers.SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16], patch_sizes=[7, 3],
        strides=[4, 2], num_attention_heads=[1, 2], mlp_ratios=[1, 1], decoder_hidden_size=16,
        id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1},
    )  # fmt: skip
    transformers.SegformerForSemanticSegmentation(config).save_pretrained(folder)
    return folder


def _text(name: str, content: str, read: Callable[[Path], object]) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        (folder / name).write_text(content)
        return Case(folder / name, lambda: read(folder / name))

    return make


def _image(read: Callable[[Path], object]) -> Callable[[Path], Case]:
    def make(folder: Path) -> Case:
        Image.new("P", (8, 8)).save(folder / "map.png")
        return Case(folder / "map.png", lambda: read(folder / "map.png"))

    return make


def _statistics(folder: Path) -> Case:
    space = FeatureSpace("n", "0", "pool", "bilinear", 3)
    Statistics(np.zeros(3), np.eye(3), 10, space, "here").save(folder / "s.npz")
    return Case(folder / "s.npz", lambda: Statistics.load(folder / "s.npz"))


def _training_state(folder: Path) -> Case:
    path = save_checkpoint(folder / "checkpoints", 5, {"images_seen": 5, "a": torch.ones(3)}, 1)
    return Case(path, lambda: load_newest(folder / "checkpoints", lambda _: None))


def _project(folder: Path) -> Case:
    path = folder / "p.zip"
    path.write_bytes(contents(b"")["zip"])

    def read() -> None:
        try:
            data = path.read_bytes() if path.is_file() else b""
            read_project(data, Limits(), SPACE)
        except SemsynthError as error:
            raise SemsynthError(f"{path}: {error}") from None  # the server reads bytes, which have no name

    return Case(path, read)


RECIPE = '[data]\nroot = "x"\n[run]\nimages = 8\n'
PROTOCOL = (Path(__file__).parents[1] / "src/semsynth/evaluation/protocols/siftflow.toml").read_text()

READERS: dict[str, Callable[[Path], Case]] = {
    **{f"model folder, {part}": _model(part) for part in ("config.json", "model.safetensors")},
    **{f"styles, {part}": _styles(part) for part in ("styles.json", "00.png")},
    "discriminator": _discriminator,
    **{f"segmenter, {part}": _segmenter(part) for part in ("segmenter.json", "model.safetensors")},
    **{f"bank, {part}": _bank(part) for part in (
        "bank.json", "images.npy", "segments.npy", "masks.npy", "cells.npy",
    )},
    "checkpoint": _checkpoint(zipped=True),
    "old checkpoint": _checkpoint(zipped=False),
    "TorchScript segmenter": file_segmenter(".pt"),
    "torch.export segmenter": file_segmenter(".pt2", ".pt2"),
    "card of a segmenter": file_segmenter(".json"),
    **{f"transformers, {part}": _transformers(part) for part in ("config.json", "model.safetensors")},
    "label set": _text("labels.json", json.dumps(SPACE.to_dict()), LabelSpace.from_file),
    "recipe": _text("r.toml", RECIPE, load_recipe),
    "protocol": _text("p.toml", PROTOCOL, load_protocol),
    "style list": _text("s.toml", "", lambda path: read_style_list(path, path.parent)),
    "report": _text("report.json", "{}", lambda path: Report.load(path.parent)),
    "training log": _text("log.jsonl", '{"images": 1}\n', read_log),
    "label map": _image(lambda path: read_label_map(path, SPACE)),
    "picture": _image(open_image),
    "reference statistics": _statistics,
    "training checkpoint": _training_state,
    "project": _project,
}  # fmt: skip

TABLES = [name for name in READERS if name.endswith(".json") or name in ("card of a segmenter", "label set")]
"""Readers of JSON whose every value is replaced in turn."""


def _still(request: pytest.FixtureRequest, name: str) -> None:
    if name in STILL:
        request.applymarker(pytest.mark.xfail(reason="this reader is still as it was", strict=True))


@pytest.mark.parametrize("name", READERS)
def test_a_bad_file_is_a_sentence(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    _still(request, name)
    case = READERS[name](tmp_path)
    good = case.path.read_bytes()
    if name not in ("report", "project"):  # of which there is no good one here
        case.read()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong = [f"{what}: {why}" for what in files(case.path, good) if (why := outcome(case.read, case.path))]
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6
    if grown > 1.0:
        wrong.append(f"took {grown:.1f} GB of memory")
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("name", TABLES)
def test_a_value_of_another_kind_is_a_sentence(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    _still(request, name)
    case = READERS[name](tmp_path)
    good = case.path.read_bytes()
    case.read()
    wrong = []
    for what, content in mutations(good):
        case.path.write_bytes(content)
        if why := outcome(case.read, case.path):
            wrong.append(f"{what}: {why}")
    assert not wrong, f"{len(wrong)}\n" + "\n".join(wrong)


def _save_state(path: Path, state: dict[str, Any]) -> Path:
    torch.save(state, path)
    return path


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        (torch.zeros(1).expand(1_000_000_000), "larger than what the file stores"),
        (torch.zeros(1).expand(300_000, 300_000), "larger than what the file stores"),
        (torch.as_strided(torch.zeros(4), (4, 4), (0, 1)), "larger than what the file stores"),
        (torch.ones(3, dtype=torch.int64), "stored as torch.int64"),
        (torch.ones(3, dtype=torch.bool), "stored as torch.bool"),
        (torch.ones(3, dtype=torch.complex64), "stored as torch.complex64"),
        (torch.ones(3, device="meta"), "stored as|damaged"),
        (torch.tensor([1e300], dtype=torch.float64), "not finite"),
        (torch.tensor([torch.nan]), "not finite"),
        (torch.eye(3).to_sparse(), "state dictionary holds tensors only"),
        ({"conv.weight": torch.ones(3)}, "save the state dictionary in it by itself"),
        (3, "holds 'a', a int"),
    ],
)
def test_a_checkpoint_of_odd_tensors(value: Any, pattern: str, tmp_path: Path) -> None:
    path = _save_state(tmp_path / "G.pth", {"a": value})
    with in_memory(), in_time(), pytest.raises(SemsynthError, match=pattern) as caught:
        read_checkpoint(path)
    assert "G.pth" in str(caught.value)


def test_one_tensor_a_thousand_times_is_too_much(tmp_path: Path) -> None:
    shared = torch.zeros(1_000_000)
    path = _save_state(tmp_path / "G.pth", {f"a{i}": shared for i in range(1000)})
    with in_memory(), pytest.raises(SemsynthError, match="larger than what the file stores"):
        read_checkpoint(path)
    tied = _save_state(tmp_path / "tied.pth", {"a": shared, "b": shared, "steps": torch.tensor(5)})
    assert set(read_checkpoint(tied)) == {"a", "b", "steps"}


def test_a_compressed_checkpoint_is_not_unpacked(tmp_path: Path) -> None:
    plain = _save_state(tmp_path / "plain.pth", {"a": torch.zeros(20_000_000)})
    with (
        zipfile.ZipFile(plain) as archive,
        zipfile.ZipFile(tmp_path / "G.pth", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in archive.infolist():
            bomb.writestr(entry.filename, archive.read(entry))
    with pytest.raises(SemsynthError, match="compressed parts"):
        read_checkpoint(tmp_path / "G.pth")


@pytest.mark.parametrize("kind", [torch.int64, torch.bool, torch.complex64, torch.uint8, torch.float8_e4m3fn])
def test_weights_of_another_type_are_refused(kind: torch.dtype, tmp_path: Path) -> None:
    save_file({"a": torch.ones(3).to(kind)}, tmp_path / "w.safetensors")
    with pytest.raises(SemsynthError, match="'a' is stored as"):
        read_safetensors(tmp_path / "w.safetensors", {"a": torch.empty(3, device="meta")}, "config.json")


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_weights_of_floating_point_are_read_as_float32(kind: torch.dtype, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.tensor([1.5, -2.0], dtype=kind)}, path)
    read = read_safetensors(path, {"a": torch.empty(2, device="meta")}, "config.json")
    assert torch.equal(read["a"], torch.tensor([1.5, -2.0]))
    for wrong in (torch.nan, torch.inf) + ((1e300,) if kind == torch.float64 else ()):
        save_file({"a": torch.tensor([1.5, wrong], dtype=kind)}, path)
        with pytest.raises(SemsynthError, match="'a' holds numbers that are not finite"):
            read_safetensors(path, {"a": torch.empty(2, device="meta")}, "config.json")


@pytest.mark.parametrize("value", [1e4 + 1, -1e30, 1e308, 10**400])
def test_styles_of_wild_numbers_are_refused(value: float, tmp_path: Path) -> None:
    write_styles(tmp_path / "styles", small_model().styles)
    path = tmp_path / "styles" / "styles.json"
    table = json.loads(path.read_text())
    table["styles"][0]["vector"][2] = value
    path.write_text(json.dumps(table))
    with pytest.raises(SemsynthError, match="'noon' must be numbers of at most 10,000"):
        read_styles(tmp_path / "styles", 6)


def test_two_styles_of_one_name_are_refused(tmp_path: Path) -> None:
    write_styles(tmp_path / "styles", small_model().styles)
    path = tmp_path / "styles" / "styles.json"
    path.write_text(path.read_text().replace("dusk", "noon"))
    with pytest.raises(SemsynthError, match="style 2 needs a name of its own; its name is 'noon'"):
        read_styles(tmp_path / "styles", 6)


def test_a_large_thumbnail_is_not_decoded(tmp_path: Path) -> None:
    write_styles(tmp_path / "styles", small_model().styles)
    Image.new("L", (13_000, 13_000)).save(tmp_path / "styles" / "00.png")
    with in_memory(1 << 27), pytest.raises(SemsynthError, match=r"00\.png .* 13000 x 13000; at most 1024"):
        read_styles(tmp_path / "styles", 6)


@pytest.mark.parametrize("family", GENERATORS)
def test_settings_of_any_number_take_no_time_and_no_memory(family: str) -> None:
    for name, parameter in inspect.signature(GENERATORS[family]).parameters.items():
        if name != "num_classes" and type(parameter.default) is not int:
            continue
        for value in (0, -1, 10**4, 10**6, 10**9, 10**30):
            with in_memory(), in_time(), torch.device("meta"), contextlib.suppress(Exception):
                create_model(family, **({"num_classes": 4} | {name: value}))


def test_a_network_larger_than_memory_is_refused_before_it_is_made() -> None:
    with in_memory(), in_time(), pytest.raises(SemsynthError, match="memory"):
        create_model("spade", num_classes=4, width=1_000_000)
    with in_memory(1 << 28), pytest.raises(SemsynthError, match="memory"):
        create_model("spade", num_classes=4, width=4000)


@pytest.mark.parametrize("part", ["config.json", "model.safetensors", "styles/00.png", "bank"])
def test_pipes_in_a_model_folder_are_not_waited_for(part: str, tmp_path: Path) -> None:
    park = small_folder(tmp_path / "park")
    (park / part).unlink(missing_ok=True)
    os.mkfifo(park / part)
    with in_time(), contextlib.suppress(SemsynthError):
        fingerprint(park)
    with in_time(), contextlib.suppress(SemsynthError):
        load_model(park)


def test_a_card_without_end_is_read_in_part(tmp_path: Path) -> None:
    park = small_folder(tmp_path / "park")
    (park / "README.md").write_text("x" * 5_000_000)
    assert len(load_model(park).card) == 1 << 20
    for make in (lambda path: os.mkfifo(path), lambda path: path.symlink_to("/dev/zero")):
        (park / "README.md").unlink()
        make(park / "README.md")
        with in_time():
            assert load_model(park).card == ""


def test_a_picture_of_no_numbers_is_not_drawn(tmp_path: Path) -> None:
    park = small_folder(tmp_path / "park")
    weights = load_file(park / "model.safetensors")
    labels = torch.zeros(1, 32, 32, dtype=torch.int64)
    save_file(
        {name: torch.full_like(value, torch.nan) for name, value in weights.items()},
        park / "model.safetensors",
    )
    with pytest.raises(SemsynthError, match=r"model\.safetensors: the tensor .* not finite"):
        load_model(park, verify=False)
    large = {name: value * 1e30 if value.dim() > 1 else value for name, value in weights.items()}
    save_file(large, park / "model.safetensors")
    config = json.loads((park / "config.json").read_text())
    (park / "config.json").write_text(json.dumps(config | {"sha256": {}}))
    with pytest.raises(SemsynthError, match="numbers that are not finite"):
        Synthesizer.from_pretrained(park)(labels, seed=1)
    painter = Synthesizer(small_model())
    for wrong in (torch.nan, torch.inf, 1e5):
        with pytest.raises(SemsynthError, match="finite numbers of at most 10,000"):
            painter(labels, style=torch.full((6,), wrong))
    assert painter(labels, style=torch.full((6,), 100.0)).images.isfinite().all()


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        ("generator", "width", 1_000_000),
        ("generator", "hidden", 10**9),
        ("discriminator", "layers", 1_000_000),
        ("style_encoder", "image_size", 1 << 40),
    ],
)
def test_a_recipe_of_huge_networks_is_a_sentence(
    section: str, setting: str, value: int, tmp_path: Path
) -> None:
    recipe = tiny_recipe(tmp_path)
    settings = {section: {**getattr(recipe, section), setting: value}}
    with in_memory(), in_time(), pytest.raises(SemsynthError, match=f"the recipe: section {section}: "):
        build_networks(replace(recipe, **settings), 4, has_instances=False)


@pytest.mark.parametrize("setting", ["load_size", "crop_size"])
def test_pictures_to_train_on_have_a_limit(setting: str) -> None:
    with pytest.raises(SemsynthError, match="at most 8192 pixels a side"):
        Geometry(**{"load_size": 300, "crop_size": 256, "mode": "scale_width_and_crop"} | {setting: 65_536})
