"""Our own segmenter: an encoder pretrained on ImageNet, or none, under a light pyramid decoder.

The decoder is that of SegFormer (Xie et al. 2021), lightened: the features of strides 4 to 32 and the mean of
the last (it says which scene this is) are projected to one width, brought to a quarter of the picture's size
and added; two pointwise layers read the classes. 4.5 million weights with EfficientNet-Lite2, nine megabytes
in bfloat16.
"""

import json
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.files.networks import size_limit
from semsynth.files.reading import read_json
from semsynth.files.settings import Range, check, fill
from semsynth.files.tensors import read_safetensors, tensor_names
from semsynth.files.writing import write_atomically
from semsynth.models.features import EfficientNetLite
from semsynth.models.features.efficientnet_lite import pointwise

SEGMENTER_FILE = "segmenter.json"
EncoderName = Literal["efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2", "scratch"]
"""Variants of EfficientNet-Lite, pretrained on ImageNet, and a plain encoder that starts from nothing."""


@dataclass(frozen=True)
class SegmenterConfig:
    """What rebuilds a segmenter.

    Attributes:
        names: K class names, void not among them.
        encoder: See EncoderName.
        width: Channels of the decoder.
        label_set: Name of the label set it was trained on.
        ids: Label ids of its classes, in order.
        scores: Its measured scores, for the card.
    """

    names: tuple[str, ...]
    encoder: EncoderName = "efficientnet-lite2"
    width: Annotated[int, Range(1, 1 << 16)] = 128
    label_set: str = ""
    ids: tuple[int, ...] = ()
    scores: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(self)
        if not self.names or len(set(self.names)) != len(self.names):
            raise SemsynthError("names must be a list of different class names.")
        if len(self.ids) not in (0, len(self.names)):
            raise SemsynthError("ids must be a list of as many label ids as there are names.")


class Encoder(nn.Module):
    """A network cut into steps, so that the early ones can be frozen and their results kept.

    Attributes:
        steps: Run one after the other.
        levels: After which steps the features of strides 4, 8, 16 and 32 stand.
        channels: Of those four features.
    """

    def __init__(self, name: str, *, pretrained: bool = True) -> None:
        super().__init__()
        if name == "scratch":
            self.steps, self.levels = _plain_steps(), (1, 2, 3, 4)
        else:
            variant = name.removeprefix("efficientnet-")
            lite = EfficientNetLite.pretrained(variant) if pretrained else EfficientNetLite(variant)
            self.steps = nn.ModuleList([nn.Sequential(lite.stem, nn.ReLU6()), *lite.stages])
            self.levels = (2, 3, 5, 7)
        self.train().float()  # whatever the program's default dtype is
        self.channels = [_width(self.steps[level]) for level in self.levels]

    def early(self, images: Tensor, count: int) -> list[Tensor]:
        """Run the first ``count`` steps.

        Returns:
            What ``late`` needs to go on: the finished features, and the last result where it is none of them.
        """
        kept, x = [], images
        for index in range(count):
            x = self.steps[index](x)
            if index in self.levels:
                kept.append(x)
        return kept if count - 1 in self.levels else [*kept, x]

    def late(self, kept: list[Tensor], count: int) -> list[Tensor]:
        """Run the steps after the first ``count``; features of strides 4, 8, 16, 32."""
        x = kept[-1]
        features = kept if count - 1 in self.levels else kept[:-1]
        for index in range(count, len(self.steps)):
            x = self.steps[index](x)
            if index in self.levels:
                features = [*features, x]
        return features

    def forward(self, images: Tensor) -> list[Tensor]:
        """(B, 3, H, W) in [-1, 1] → features of strides 4, 8, 16, 32."""
        return self.late([images], 0)


class PyramidSegmenter(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] → logits (B, K, H/4, W/4).

    Attributes:
        config: What rebuilds it.
        encoder: Gives four features, strides 4 to 32.
    """

    def __init__(self, config: SegmenterConfig, *, pretrained: bool = True) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder, pretrained=pretrained)
        channels, width = self.encoder.channels, config.width
        self.lateral = nn.ModuleList(_project(c, width) for c in channels)
        self.scene = _project(channels[3], width)
        self.fuse = nn.Sequential(nn.ReLU(), _Pointwise(width, width), nn.ReLU())
        self.head = _Pointwise(width, len(config.names))
        self.float()  # whatever the program's default dtype is

    @property
    def names(self) -> tuple[str, ...]:
        """Class names in the order of the logits."""
        return self.config.names

    @property
    def encoder_name(self) -> str:
        """What a report calls the network."""
        return self.config.encoder

    def forward(self, images: Tensor) -> Tensor:
        """Logits (B, K, H/4, W/4); sides that 32 does not divide are padded by repetition and cut again."""
        height, width = images.shape[-2:]
        if height % 32 or width % 32:
            images = F.pad(images, (0, -width % 32, 0, -height % 32), mode="replicate")
        logits = self.decode(self.encoder(images))
        return logits[..., : -(-height // 4), : -(-width // 4)]

    def read(self, images: Tensor) -> Tensor:
        """Logits (B, K, H/3.2, W/3.2) as the evaluator gives them.

        Pictures are enlarged by a quarter, as the crops it learnt from are on average, and read together with
        their mirror images: worth two points of mIoU.
        """
        size = [round(side * 1.25) for side in images.shape[-2:]]
        images = F.interpolate(images, size=size, mode="bilinear", align_corners=False)
        logits: Tensor = (self(images) + self(images.flip(3)).flip(3)) / 2
        return logits

    def decode(self, features: list[Tensor]) -> Tensor:
        """Features of strides 4, 8, 16, 32 → logits (B, K, H/4, W/4)."""
        size = features[0].shape[-2:]
        total = self.scene(features[3].mean((2, 3), keepdim=True))
        for project, feature in zip(self.lateral, features, strict=True):
            level = project(feature)
            total = total + F.interpolate(level, size=size, mode="bilinear", align_corners=False)
        logits: Tensor = self.head(self.fuse(total))
        return logits

    def save(self, folder: Path) -> None:
        """Write ``segmenter.json`` and ``model.safetensors`` (bfloat16) into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        weights = {
            key: value.to(torch.bfloat16).contiguous() if value.is_floating_point() else value
            for key, value in self.state_dict().items()
            if not key.endswith("num_batches_tracked")
        }
        write_atomically(folder / "model.safetensors", save(weights))
        config = json.dumps({"format": 1, **asdict(self.config)}, indent=2, ensure_ascii=False)
        write_atomically(folder / SEGMENTER_FILE, (config + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> "PyramidSegmenter":
        """Read what ``save`` wrote, as float32 in channels-last order.

        Raises:
            SemsynthError: A file is missing, damaged or of another kind.
        """
        described_by, path = folder / SEGMENTER_FILE, folder / "model.safetensors"
        table = read_json(described_by)
        if not isinstance(table, dict) or type(table.pop("format", None)) is not int:
            raise SemsynthError(f'{described_by} is no segmenter\'s: it has no "format" number.')
        config = fill(SegmenterConfig, table, described_by)
        try:
            with size_limit(), torch.device("meta"):
                model = cls(config, pretrained=False)
        except Exception as error:  # torch raises whatever it trips over, and the file is to blame
            reason = str(error).partition("\n")[0].rstrip(".")
            raise SemsynthError(f"{described_by} describes no network: {reason}.") from None
        state = model.state_dict()
        counters = {name for name in state if name.endswith("num_batches_tracked")} - set(tensor_names(path))
        expected = {name: like for name, like in state.items() if name not in counters}
        weights = read_safetensors(path, expected, SEGMENTER_FILE)
        zeros = {name: torch.zeros((), dtype=torch.int64) for name in counters}  # not kept in the file
        model.load_state_dict(weights | zeros, assign=True)
        return model.to(memory_format=torch.channels_last)


class _Pointwise(nn.Conv2d):
    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        return pointwise(x, self.weight, self.bias)


def _plain_steps(widths: tuple[int, ...] = (32, 48, 96, 160, 256)) -> nn.ModuleList:
    """Five strided steps with a residual block each: an encoder that shares nothing with anyone's losses."""
    return nn.ModuleList(
        nn.Sequential(_block(before, after, stride=2), _Residual(after))
        for before, after in pairwise((3, *widths))
    )


def _width(step: nn.Module) -> int:
    """Channels of a step's result: those of its last convolution."""
    return [module.out_channels for module in step.modules() if isinstance(module, nn.Conv2d)][-1]


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_block(width, width), _block(width, width))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)  # type: ignore[no-any-return]


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def _project(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(nn.BatchNorm2d(before), _Pointwise(before, after))
