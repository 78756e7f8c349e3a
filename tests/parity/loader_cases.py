"""The published loader, case by case: where ours gives the same bits, and where it differs on purpose."""

import random
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semsynth.data.sample import RawSample
from semsynth.data.transforms import Geometry
from semsynth.labels import LabelSpace, published_palette

Case = tuple[str, float | None, bool, str]
"""Name, largest error (None where nothing is compared), whether it is as it should be, and why."""


class PythonDraws:
    """Python's `random` behind the interface the geometry draws from, as the published loader uses it."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def integers(self, low: int, high: int) -> int:
        return self._random.randint(low, high - 1)

    def random(self) -> float:
        return self._random.random()


def check(golden: dict[str, Any]) -> list[Case]:
    """Compare with `golden`, the content of spade_data.pt."""
    cases = [_geometry(golden, number, case) for number, case in enumerate(golden["cases"])]
    return [*cases, *_defaults_differ(golden), _edges(golden), *_palettes(golden), _rounding(golden)]


def _raw(golden: dict[str, Any], case: dict[str, Any]) -> RawSample:
    labels = golden["label_png"].numpy().astype(np.int64)
    labels[labels == 255] = case["opt"]["label_nc"]  # "file_values": {"255": label_nc}
    instances = golden["instance_png16" if case["inst16"] else "instance_png"].numpy()
    return RawSample(golden["image_png"].numpy(), labels, instances, "golden")


def _read(golden: dict[str, Any], case: dict[str, Any], *, published: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Image (3,H,W), labels (H,W) and instances (H,W) of one case."""
    opt = case["opt"]
    geometry = Geometry(
        opt["preprocess_mode"],
        load_size=opt["load_size"],
        crop_size=opt["crop_size"],
        aspect_ratio=opt["aspect_ratio"],
        flip=not opt["no_flip"],
        training=opt["isTrain"],
        published=published,
    )
    sample = geometry(_raw(golden, case), PythonDraws(case["seed"]))
    assert sample.instances is not None
    return sample.image, sample.labels, sample.instances


def _geometry(golden: dict[str, Any], number: int, case: dict[str, Any]) -> Case:
    opt = case["opt"]
    phase = f"train, seed {case['seed']}" if opt["isTrain"] else "test"
    name = f"loader {number}: {opt['preprocess_mode']} ({phase})"
    ours = _read(golden, case, published=True)
    theirs = (case["image"], case["label"][0], case["instance"][0])
    if any(a.shape != b.shape for a, b in zip(ours, theirs, strict=True)):
        return name, None, False, f"size {tuple(ours[1].shape)} instead of {tuple(theirs[1].shape)}"
    error = max(float((a.double() - b.double()).abs().max()) for a, b in zip(ours, theirs, strict=True))
    return name, error, error == 0, "image, labels and instances, bit for bit"


def _defaults_differ(golden: dict[str, Any]) -> list[Case]:
    """The default geometry where the published one is not repeated."""
    height, width = golden["label_png"].shape
    out: list[Case] = []
    for case in golden["cases"]:
        mode, test = case["opt"]["preprocess_mode"], not case["opt"]["isTrain"]
        labels = _read(golden, case, published=False)[1]
        if mode == "scale_shortside":
            load = case["opt"]["load_size"]
            good = tuple(labels.shape) == (load, load * width // height)
            why = "the published mode stretches one side and leaves the other; ours keeps the proportions"
            out.append(("default scale_shortside", None, good, why))
        elif mode == "crop" and test:
            side = case["opt"]["crop_size"]
            top, left = (height - side) // 2, (width - side) // 2
            expected = _raw(golden, case).labels[top : top + side, left : left + side]
            good = np.array_equal(labels.numpy(), expected)
            why = "the published loader crops at random in tests too; ours takes the centre"
            out.append(("default crop in tests", None, good, why))
    return out


def _edges(golden: dict[str, Any]) -> Case:
    from semsynth.ops.edges import instance_edges, one_hot

    semantics = golden["onehot_edges"]["semantics"].double()  # (1, K + 1, H, W)
    classes = semantics.shape[1] - 1
    labels = golden["label_png"].long()
    labels = torch.where(labels == 255, classes - 1, labels)[None]
    instances = golden["instance_png"].long()[None]
    ours = torch.cat([one_hot(labels, classes).double(), instance_edges(instances).double()], dim=1)
    error = float((ours - semantics).abs().max())
    return "one-hot and instance edges", error, error == 0, "all channels"


def _palettes(golden: dict[str, Any]) -> list[Case]:
    """35 and 182 are special; the release never uses them, since it asks for label_nc + 2 colours."""
    out: list[Case] = []
    for name, colors in golden["palettes"].items():
        theirs = colors.numpy().astype(np.int64)
        if int(name) == 182:
            why = (
                "the release's own COCO colours, which it never uses; ours are drawn to look like the things"
            )
            differs = not np.array_equal(LabelSpace.named("coco-stuff").palette()[:182], theirs)
            out.append(("palette 182", None, differs, why))
            continue
        cityscapes = int(name) == 35
        ours = LabelSpace.named("cityscapes").palette() if cityscapes else published_palette(int(name))
        error = float(np.abs(ours.astype(np.int64) - theirs).max())
        out.append((f"palette {name}", error, error == 0, "Cityscapes" if cityscapes else "generic"))
    return out


def _rounding(golden: dict[str, Any]) -> Case:
    """Pictures are rounded here and truncated there: half a grey level of bias."""
    x, y = golden["tensor2im"]["x"], golden["tensor2im"]["y"]
    levels = ((x + 1) * 127.5).clamp(0, 255).permute(1, 2, 0).double()
    error = float((levels.round() - y.double()).abs().max())
    good = error <= 1 and bool((levels.floor() - y.double()).abs().max() <= 1)
    return "tensor2im", error, good, "the release truncates to 8 bits; ours rounds, at most one level apart"
