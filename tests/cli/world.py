"""A folder with something of every kind that the command line takes, good and bad, for test_fuzz."""

import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from semsynth.models.segmenter import PyramidSegmenter, SegmenterConfig
from semsynth.models.spade import SpadeGenerator
from tests.evaluation.scenes import write_protocol
from tests.models.spade_names import published_generator
from tests.small import SPACE, small_folder
from tests.training.tiny import paint

RECIPE = (
    '[data]\nname = "folder"\nroot = "data"\nload_size = 36\ncrop_size = 32\n'
    "[generator]\nwidth = 2\nhidden = 4\n[discriminator]\nwidth = 4\nlayers = 3\n"
    "[objective]\nperceptual = 0.0\n"
)
PROTOCOL = 'name = "park"\nlabel_set = "park"\nsplit = "val"\nheight = 64\nwidth = 64\n'
DAMAGED_MODELS = (
    "damaged",
    "damaged-text",
    "damaged-deep",
    "damaged-short",
    "damaged-pipe",
    "damaged-labels",
    "damaged-styles",
    "damaged-folder",
    "damaged-huge",
    "damaged-encoder",
)


class World:
    """The folder, and the way back to how it was: command lines may write over what is in it.

    Args:
        root: A folder, which is filled.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        _good(root)
        _damaged_models(root)
        _bad(root)
        self._before = {path: _what(path) for path in root.rglob("*")}

    def restore(self) -> None:
        """Bring everything back that a command line wrote, replaced or deleted."""
        now = sorted(self.root.rglob("*"), reverse=True)  # what lies in a folder before the folder
        for path in now:
            if _what(path) != self._before.get(path):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
        for path, what in self._before.items():
            if os.path.lexists(path):
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(what, bytes):
                path.write_bytes(what)
            elif isinstance(what, Path):
                path.symlink_to(what)
            elif what == "folder":
                path.mkdir()
            else:
                os.mkfifo(path)


def _what(path: Path) -> bytes | Path | str:
    """The content of a file, the target of a link, or the kind of anything else."""
    if path.is_symlink():
        return path.readlink()
    return path.read_bytes() if path.is_file() else "folder" if path.is_dir() else "pipe"


def _good(root: Path) -> None:
    small_folder(root / "model")
    for split in ("train", "val"):
        paint(root / "data" / split, count=3)
        (root / "data" / split / "labels.json").unlink()
    SPACE.save(root / "data" / "labels.json")
    SPACE.save(root / "labels.json")
    (root / "names.txt").write_text("".join(f"{name}\n" for name in SPACE.names))
    (root / "classes.csv").write_text("Pixel Value, Class\n0, sky\n1, tree\n2, grass\n3, path\n")
    ids = np.arange(4, dtype=np.uint8).repeat(8)[:, None].repeat(32, 1)
    for folder in ("maps", "photos"):
        (root / folder).mkdir()
    for name in ("map.png", "maps/a.png", "maps/b.png", "caf\udce9.png", "a\x7fb.png"):
        Image.fromarray(ids).save(root / name)
    changed = ids.copy()
    changed[4:12, 4:12] = 2
    Image.fromarray(changed).save(root / "changed.png")
    for name in ("photo.jpg", "photos/p.jpg"):
        Image.fromarray(SPACE.colorize(ids)).save(root / name)
    (root / "recipe.toml").write_text(RECIPE)
    (root / "variant.toml").write_text("[generator]\nwidth = 3\n")
    (root / "segmenter.toml").write_text('encoder = "scratch"\nwidth = 8\n')
    (root / "protocol.toml").write_text(PROTOCOL)
    write_protocol(root / "scenes.toml")
    (root / "styles.toml").write_text('[noon]\nphotos = ["p"]\n')
    (root / "card.md").write_text("# A card\n")
    config = SegmenterConfig(SPACE.names, "scratch", width=8, label_set="park", ids=(0, 1, 2, 3))
    PyramidSegmenter(config).save(root / "segmenter")
    torch.manual_seed(0)
    torch.save(published_generator(SpadeGenerator(num_classes=4, width=2, hidden=4)), root / "G.pth")
    (root / "sceneCategories.txt").write_text("ADE_train_00000001 street\nADE_train_00000002 bedroom\n")
    coco = root / "stuffthingmaps" / "train2017"
    coco.mkdir(parents=True)
    Image.fromarray(ids).save(coco / "000000000001.png")
    (root / "annotations").mkdir()
    square = {"image_id": 1, "category_id": 1, "iscrowd": 0, "segmentation": [[2, 2, 8, 2, 8, 8, 2, 8]]}
    (root / "annotations" / "instances_train2017.json").write_text(json.dumps({"annotations": [square]}))


def _damaged_models(root: Path) -> None:
    for name in DAMAGED_MODELS:
        shutil.copytree(root / "model", root / name)
    (root / "damaged" / "config.json").write_text('{"format": 1, "generator": 3}')
    (root / "damaged-text" / "config.json").write_text("no JSON")
    (root / "damaged-deep" / "config.json").write_text('{"a": ' * 50_000)
    weights = root / "damaged-short" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    (root / "damaged-pipe" / "model.safetensors").unlink()
    os.mkfifo(root / "damaged-pipe" / "model.safetensors")
    (root / "damaged-labels" / "labels.json").write_text("[1, 2]")
    (root / "damaged-styles" / "styles" / "styles.json").write_text('{"noon": [1]}')
    (root / "damaged-folder" / "config.json").unlink()
    (root / "damaged-folder" / "config.json").mkdir()
    config = json.loads((root / "damaged-huge" / "config.json").read_text())
    config["generator"]["width"] = 10**9
    (root / "damaged-huge" / "config.json").write_text(json.dumps(config))
    (root / "damaged-encoder" / "style_encoder.safetensors").write_bytes(b"\xff" * 64)


def _bad(root: Path) -> None:
    whole = (root / "map.png").read_bytes()
    (root / "damaged.png").write_bytes(whole[: len(whole) // 2])
    (root / "text.png").write_text("no picture")
    (root / "empty.png").touch()
    ids = Image.open(root / "map.png")
    ids.crop((0, 0, 32, 1)).resize((20_000, 1)).save(root / "wide.png")
    (root / "report").mkdir()
    (root / "report" / "report.json").write_text("[]")
    (root / "deep.json").write_text("[" * 100_000)
    (root / "list.json").write_text('[1, {"a": null}]')
    (root / "deep.toml").write_text("a = " + "[" * 100_000)
    (root / "binary.txt").write_bytes(bytes(range(256)))
    (root / "empty").mkdir()
    (root / "folder.png").mkdir()
    (root / "folder.toml").mkdir()
    (root / "folder.json").mkdir()
    (root / "odd.pth").write_bytes(b"PK\x03\x04 and nothing more")
    torch.save({"weight": torch.ones(3)}, root / "other.pth")
    (root / "odd.safetensors").write_bytes(b"\xff" * 16)
    with zipfile.ZipFile(root / "archive.npz", "w") as archive:
        archive.writestr("mean.npy", b"\x93NUMPY")
    for name in ("pipe", "pipe.png", "pipe.toml", "pipe.json"):
        os.mkfifo(root / name)
    (root / "zeros").symlink_to("/dev/zero")
    (root / "zeros.png").symlink_to("/dev/zero")
    (root / "circle").symlink_to(root / "circle")
    (root / "broken-link").symlink_to(root / "gone")
