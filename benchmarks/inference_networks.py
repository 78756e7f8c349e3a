"""Networks with healthy random weights, and the label maps that `inference.py` draws."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from semsynth.hub import PRETRAINED
from semsynth.labels import LabelSpace, read_label_map
from semsynth.models.spade import SpadeGenerator
from semsynth.ops import norm
from semsynth.ops.blocks import fold_spectral_norm
from semsynth.ops.pyramid import nearest
from semsynth.ops.spade import SLOPE, LabelConv2d, Spade

RECIPES = Path(__file__).parents[1] / "recipes"
Size = tuple[int, int]


@dataclass(frozen=True)
class LabelMap:
    """One map: (1, H, W) ids, and instance ids or None."""

    labels: Tensor
    instances: Tensor | None


@dataclass(frozen=True)
class Published:
    """A published configuration: its recipe, classes, size in pixels, and where sample maps of it lie."""

    recipe: str
    classes: int
    size: Size
    sample: str
    label_files: str
    instance_files: tuple[str, str] | None = None  # what to replace in a label file's path, by what


NETWORKS = {
    "coco-stuff": Published(
        "spade-coco-stuff", 183, (256, 256), "coco_stuff_sample", "*_label/*.png", ("_label", "_inst")
    ),
    "ade20k": Published("spade-ade20k", 151, (256, 256), "ade20k_sample", "annotations/*/*.png"),
    "cityscapes": Published(
        "spade-cityscapes", 35, (256, 512), "cityscapes_sample", "gtFine/*/*/*_labelIds.png",
        ("_labelIds", "_instanceIds"),
    ),
}  # fmt: skip


def read_maps(folder: Path, name: str, size: Size | None = None) -> list[LabelMap]:
    """Label maps at the network's size, or another; a folder of mere PNG files will do.

    Without instance files, areas of one class count as an instance where the network wants instances.
    """
    network = NETWORKS[name]
    height, width = size or network.size

    def read(path: Path) -> Tensor:
        picture = Image.open(path).resize((width, height), Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(picture).astype(np.int64))[None]

    maps = []
    for path in sorted(folder.glob(network.label_files)) or sorted(folder.glob("*.png")):
        labels = read(path).clamp(max=network.classes - 1)  # 255 is void, the last class
        instances = None
        if network.instance_files is not None:
            beside = Path(str(path).replace(*network.instance_files))
            instances = read(beside) if beside.exists() else labels
        maps.append(LabelMap(labels, instances))
    return maps


def network(name: str, maps: list[LabelMap], *, style: bool = False) -> SpadeGenerator:
    """A published network; with `style` the variant whose stem is a linear map of one."""
    published = NETWORKS[name]
    options = _options(published.recipe)
    if style:
        stride = 2 ** options.get("upsamplings", 5)
        latent = (published.size[0] // stride, published.size[1] // stride)
        options |= {"stem": "style", "style_dim": 256, "latent_size": latent}
    return healthy(SpadeGenerator(num_classes=published.classes, **options), maps)


def landscape() -> tuple[SpadeGenerator, list[LabelMap]]:
    """The landscape recipe's network, and the maps that come with the package."""
    space = LabelSpace.named("siftflow")
    files = sorted((PRETRAINED / "landscape" / "examples").glob("*.png"))
    maps = [torch.from_numpy(read_label_map(path, space).ids)[None].long() for path in files]
    examples = [LabelMap(nearest(labels, 256, 256), None) for labels in maps]
    generator = SpadeGenerator(num_classes=space.num_classes, **_options("landscape"))
    return healthy(generator, examples), examples


def _options(recipe: str) -> dict[str, object]:
    return tomllib.loads((RECIPES / f"{recipe}.toml").read_text())["generator"]  # type: ignore[no-any-return]


@torch.no_grad()
def healthy(generator: SpadeGenerator, maps: list[LabelMap]) -> SpadeGenerator:
    """Weights of He's scale, modest modulations, spectral norm folded, and the statistics of a real batch."""
    torch.manual_seed(0)
    fold_spectral_norm(generator).requires_grad_(False)
    for module in generator.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, SLOPE)
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)
        if isinstance(module, LabelConv2d):  # of one-hot planes, a tap sees one
            nn.init.normal_(module.weight, std=2**0.5 / module.kernel_size[0])
        if isinstance(module, Spade):
            module.modulation.weight *= 0.35
            if module.style is not None:
                module.style.weight *= 0.2
    generator.to_image.weight *= 0.3
    batch = torch.cat([here.labels for here in maps[:4]])
    instances = None
    if generator.uses_instances:
        instances = torch.cat(
            [here.labels if here.instances is None else here.instances for here in maps[:4]]
        )
    style = None if generator.style_dim is None else torch.randn(len(batch), generator.style_dim)
    with patch.object(norm, "MOMENTUM", 1.0):  # the batch's statistics, whole
        generator.train()(batch, style=style, instances=instances)
    return generator.eval()
