"""Checking, guessing label sets, previews and the commands for them."""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from semsynth.cli import build_parser
from semsynth.data import FileDataset, load_dataset
from semsynth.data.check import PixelBudget, check
from semsynth.data.guess import guess_label_space
from semsynth.data.preview import write_preview
from semsynth.errors import SemsynthError
from semsynth.labels import LabelSpace, read_label_map
from tests.data import trees


def run(*args: str | Path) -> int:
    parsed = build_parser("data").parse_args(["data", *map(str, args)])
    code: int = parsed.func(parsed)
    return code


def test_counts_are_those_of_the_maps(tmp_path: Path) -> None:
    trees.plain(tmp_path, 5, "train", sizes=True)
    trees.plain(tmp_path, 2, "val", instances=True)
    result = check(tmp_path)
    maps = [np.asarray(Image.open(path)) for path in (tmp_path / "train" / "labels").iterdir()]
    pixels = np.bincount(np.concatenate([m.ravel() for m in maps]), minlength=4)
    train, val = result.splits
    assert [train.pixels[i] for i in range(4)] == pixels.tolist()
    assert [train.samples_with[i] for i in range(4)] == [sum(i in m for m in maps) for i in range(4)]
    assert train.sizes.total() == 5
    assert len(train.sizes) == 5
    assert val.map_modes == {"L png": 2}
    assert (result.usable, result.guessed, result.has_instances) == (True, False, False)
    assert 0 < result.void_share() < 1
    json.dumps(result.to_dict())


def test_everything_wrong_is_listed(tmp_path: Path) -> None:
    trees.plain(tmp_path, 6)
    (tmp_path / "images" / "0.png").write_bytes(b"no picture")
    trees.ids(tmp_path / "labels" / "1.png", low=7, high=8)
    trees.photo(tmp_path / "images" / "2.png", size=(3, 3))
    trees.ids(tmp_path / "labels" / "3.png", low=0, high=1)
    trees.photo(tmp_path / "images" / "alone.png")
    part = check(tmp_path).splits[0]
    assert len(part.problems) == 3
    for name in ("images/0.png", "labels/1.png", "images/2.png"):
        assert any(name in line for line in part.problems)
    assert part.mostly_void == ["3"]
    assert [Path(path).name for path in part.unmatched] == ["alone.png"]


def test_void_without_a_channel_is_usable_where_something_is_labelled(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3)
    (tmp_path / "labels.json").write_text('{"classes": ["sky", "sea", "land"], "void_id": 3}')
    result = check(tmp_path)
    assert result.usable
    assert result.splits[0].pixels[3] > 0
    trees.ids(tmp_path / "labels" / "1.png", low=3)
    assert "nothing but void" in check(tmp_path).splits[0].problems[0]


def test_without_labels_json_one_is_guessed_past_broken_files(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3)
    (tmp_path / "labels.json").unlink()
    (tmp_path / "labels" / "2.png").write_bytes(b"no")
    result = check(tmp_path)
    assert result.guessed
    assert result.label_space.num_classes == 4
    assert len(result.splits[0].problems) == 1


def test_guess_from_colours(tmp_path: Path) -> None:
    colors = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0]], np.uint8)
    ids = np.array([[0, 0, 0], [1, 1, 2]])
    path = trees.write(tmp_path / "a.png", colors[ids])
    space = guess_label_space([path])
    assert np.array_equal(space.palette(), colors)
    assert np.array_equal(read_label_map(path, space).ids, ids)


def test_guess_drops_rare_colours_of_soft_edges(tmp_path: Path) -> None:
    drawing = np.zeros((300, 300, 3), np.uint8)
    drawing[150:] = 255
    drawing[149, :290, 0] = np.arange(290) % 251  # more than 256 colours in all, each on a few pixels
    drawing[148, :290, 1] = np.arange(290) % 251
    assert guess_label_space([trees.write(tmp_path / "a.png", drawing)]).num_classes == 2


@pytest.mark.parametrize(
    ("values", "classes", "void", "file_values"),
    [
        ([0, 1, 5], 6, None, {}),
        ([0, 1, 5, 255], 7, 6, {255: 6}),
        ([0, 255], 2, None, {255: 1}),
        ([255], 2, None, {255: 1}),
        ([0, 254, 255], 256, None, {}),
        ([0, 300], 301, None, {}),
    ],
)
def test_guess_from_ids(
    tmp_path: Path, values: list[int], classes: int, void: int | None, file_values: dict[int, int]
) -> None:
    array = np.array([values], np.uint16 if max(values) > 255 else np.uint8)
    path = trees.write(tmp_path / "a.png", array)
    space = guess_label_space([path])
    assert (space.num_classes, space.void_id, dict(space.file_values)) == (classes, void, file_values)
    assert not space.unknown(read_label_map(path, space).ids).any()


def test_guess_refuses_what_is_no_map(tmp_path: Path) -> None:
    photo = trees.photo(tmp_path / "a.png", size=(64, 64))
    with pytest.raises(SemsynthError, match="photographs"):
        guess_label_space([photo])
    with pytest.raises(SemsynthError, match="one kind"):
        guess_label_space([photo, trees.ids(tmp_path / "b.png")])
    with pytest.raises(SemsynthError, match="instance maps"):
        guess_label_space([trees.write(tmp_path / "c.png", np.array([[26001]], np.uint16))])
    with pytest.raises(SemsynthError, match="no label maps"):
        guess_label_space([])


def test_preview_shows_photographs_and_legend(tmp_path: Path) -> None:
    data = load_dataset(trees.plain(tmp_path, 4))
    (tmp_path / "images" / "2.png").write_bytes(b"no")
    problems = write_preview(data, tmp_path / "sheet.png", height=40)
    assert len(problems) == 1
    with Image.open(tmp_path / "sheet.png") as sheet:
        shown = {color for _, color in sheet.convert("RGB").getcolors(1 << 20)}
    assert {tuple(color) for color in data.label_space.palette().tolist()} <= shown


def test_check_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trees.plain(tmp_path, 3)
    (tmp_path / "labels.json").unlink()
    assert run("check", tmp_path, "--write-labels", tmp_path / "labels.json") == 0
    assert "class 3" in capsys.readouterr().out
    assert LabelSpace.from_file(tmp_path / "labels.json").num_classes == 4
    assert run("check", tmp_path, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["format"], report["guessed"], report["splits"][0]["samples"]) == ("folder", False, 3)
    (tmp_path / "images" / "1.png").write_bytes(b"no")
    assert run("check", tmp_path, "--labels", tmp_path / "labels.json") == 1
    assert "1.png" in capsys.readouterr().out


def test_check_command_on_nothing(tmp_path: Path) -> None:
    with pytest.raises(SemsynthError, match="no layout"):
        run("check", tmp_path)


def test_preview_command(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3)
    assert run("preview", tmp_path, "-o", tmp_path / "sheet.png", "--count", "2") == 0
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_outdoor_list_command(tmp_path: Path) -> None:
    (tmp_path / "sceneCategories.txt").write_text("ADE_train_00000001 street\nADE_train_00000002 bedroom\n")
    assert run("outdoor-list", tmp_path, "-o", tmp_path / "list.txt") == 0
    assert (tmp_path / "list.txt").read_text() == "ADE_train_00000001\n"


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")
def test_instances_command(tmp_path: Path) -> None:
    pytest.importorskip("pycocotools", reason="drawing COCO's instances needs pycocotools")
    trees.photo(tmp_path / "train2017" / "000000000009.jpg")
    labels = trees.ids(tmp_path / "stuffthingmaps" / "train2017" / "000000000009.png")
    square = [[2, 2, 8, 2, 8, 6, 2, 6]]
    crowd = {"size": list(trees.SIZE), "counts": [0, 5, trees.SIZE[0] * trees.SIZE[1] - 5]}
    annotations = [{"image_id": 9, "segmentation": shape} for shape in (square, crowd)]
    (tmp_path / "annotations").mkdir()
    (tmp_path / "annotations" / "instances_train2017.json").write_text(
        json.dumps({"annotations": annotations})
    )
    assert run("instances", tmp_path) == 0
    data = load_dataset(tmp_path)
    drawn = data.read(0).instances
    assert drawn is not None
    base = np.asarray(Image.open(labels))
    assert (drawn[2:6, 2:8] == 256).all()
    assert (drawn.T.ravel()[:5] == 257).all()
    assert np.array_equal(drawn[drawn < 256], base[drawn < 256])
    assert int((drawn >= 256).sum()) == 24 + 5
    with pytest.raises(SemsynthError, match=r"stuffthingmaps/val2017"):
        run("instances", tmp_path, "--split", "val")


def test_preview_of_maps_nobody_described(tmp_path: Path) -> None:
    trees.plain(tmp_path, 3, "val").joinpath("labels.json").unlink()
    assert run("preview", tmp_path, "-o", tmp_path / "sheet.png") == 0
    assert (tmp_path / "sheet.png").stat().st_size > 0


def test_a_missing_split_names_the_one_there(tmp_path: Path) -> None:
    trees.photo(tmp_path / "images" / "validation" / "ADE_val_00000001.jpg")
    trees.ids(tmp_path / "annotations" / "validation" / "ADE_val_00000001.png")
    with pytest.raises(SemsynthError, match=r"There is a split 'val'\."):
        load_dataset(tmp_path)


ORDERS = ([0, 1, 2, 3], [2, 0, 3, 1], [3, 2, 1, 0])


def indexed(root: Path, orders: Sequence[Sequence[int]], colors: np.ndarray) -> Path:
    """Maps that mean the same by their colours, whose indices stand in orders of their own."""
    ids = np.repeat(np.arange(4), 4)[:, None].repeat(16, 1)
    for number, order in enumerate(orders):
        trees.photo(root / "images" / f"{number}.png", number, (16, 16))
        (root / "labels").mkdir(exist_ok=True)
        image = Image.fromarray(np.argsort(order)[ids].astype(np.uint8))
        image.putpalette(colors[list(order)].astype(np.uint8).tobytes())
        image.save(root / "labels" / f"{number}.png")
    return root


def test_indexed_files_with_palettes_of_their_own_are_a_problem(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colors = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200]])
    root = indexed(tmp_path, ORDERS, colors)
    (root / "labels.json").write_text(json.dumps({"classes": ["a", "b", "c", "d"]}))
    assert run("check", root, "--palette", "index") == 1
    assert "Index 0 is #0a141e" in capsys.readouterr().out.replace("\n", " ")
    json.dumps(check(root, palette="index").to_dict())
    named = [{"name": name, "color": color} for name, color in zip("abcd", colors.tolist(), strict=False)]
    (root / "labels.json").write_text(json.dumps({"classes": named}))
    for palette in ((), ("--palette", "color")):
        assert run("check", root, *palette) == 0
    assert check(root).splits[0].pixels == dict.fromkeys(range(4), 3 * 64)


def test_indexed_files_that_only_colour_otherwise_are_fine(tmp_path: Path) -> None:
    colors = np.array([[10, 20, 30], [200, 0, 0], [0, 200, 0], [0, 0, 200]])
    root = indexed(tmp_path, ORDERS[:1], colors)
    for path in (root / "labels").iterdir():
        path.rename(path.with_name("5.png"))
    (root / "images" / "0.png").rename(root / "images" / "5.png")
    indexed(root, ORDERS[:1], colors + 7)
    (root / "labels.json").write_text(json.dumps({"classes": ["a", "b", "c", "d"]}))
    assert check(root).usable


@pytest.mark.parametrize("tag", [2, 3, 6, 8])
def test_photographs_that_may_lie_turned_are_listed(
    tmp_path: Path, tag: int, capsys: pytest.CaptureFixture[str]
) -> None:
    trees.ids(tmp_path / "labels" / "p.png", size=(16, 16))
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:3, :8] = 250
    exif = Image.Exif()
    exif[0x0112] = tag
    (tmp_path / "images").mkdir()
    Image.fromarray(pixels).save(tmp_path / "images" / "p.png", exif=exif)
    part = check(tmp_path).splits[0]
    assert part.turned == [f"{tmp_path / 'images' / 'p.png'} (tag {tag})"]
    assert run("check", tmp_path) == 0
    assert "--data.options.orient true" in capsys.readouterr().out.replace("\n", " ")
    assert check(tmp_path, orient=True).splits[0].turned == []
    space = LabelSpace.named("siftflow")
    stored, turned = (
        load_dataset(tmp_path, label_space=space, orient=orient).read(0).image for orient in (False, True)
    )
    assert np.array_equal(stored, pixels)
    assert not np.array_equal(turned, pixels)


def test_threads_share_the_room_for_pixels() -> None:
    budget, most, seen = PixelBudget(100), [0], list[int]()
    inside, lock = [0], threading.Lock()

    def work(pixels: int) -> None:
        with budget.for_pixels(pixels):
            with lock:
                inside[0] += min(pixels, 100)
                most[0] = max(most[0], inside[0])
            time.sleep(0.002)
            with lock:
                inside[0] -= min(pixels, 100)
                seen.append(pixels)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, [60, 30, 500, 0, 60, 30, 10, 100, 70]))
    assert len(seen) == 9
    assert most[0] <= 100


def test_one_file_that_breaks_the_reader_is_a_problem_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = FileDataset.examine

    def examine(data: FileDataset, index: int) -> object:
        if index == 1:
            raise ZeroDivisionError("by nought")
        return whole(data, index)

    monkeypatch.setattr(FileDataset, "examine", examine)
    part = check(trees.plain(tmp_path, 3)).splits[0]
    assert len(part.problems) == 1
    assert "1.png: ZeroDivisionError: by nought" in part.problems[0]
    assert part.sizes.total() == 2
