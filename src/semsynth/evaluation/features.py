"""Feature vectors of pictures, for the distances between distributions.

How pictures come to a network's input size changes FID by whole points (Parmar et al. 2022), so the rule is
part of the feature space and of every report:

* ``pytorch-fid``: bilinear at half-pixel centres without antialiasing, to 299, values to [-1, 1] as 2x/255 -
  1.
* ``tf1``: TensorFlow 1's bilinear, which samples at corners (pixel i of the output at i * in/out), to 299,
  values as (x - 128) / 128. This is what torch-fidelity and the original FID code do.
* ``clean``: Pillow's antialiased bicubic on floating-point channels, clipped to 0..255, then (x - 128) / 128.

On machines without the Inception file the same distances are taken in EfficientNet-Lite2's space. They are
always named after it; they are not FID and KID.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from semsynth.device import isolated
from semsynth.errors import SemsynthError
from semsynth.evaluation.evaluation_set import Ids, Pixels
from semsynth.evaluation.frechet import Features, FeatureSpace
from semsynth.evaluation.two_sample import ClassFeatures
from semsynth.files.tensors import file_sha256
from semsynth.models.features import CropNet, EfficientNetLite, FidInception
from semsynth.models.features.frozen import checkpoints_folder

CROPNET = Path(__file__).parents[1] / "pretrained" / "features-landscapes"
"""The CropNet that comes with the package."""


def resize_pytorch_fid(pictures: Tensor, side: int) -> Tensor:
    """(B, 3, H, W) uint8 → (B, 3, side, side) in [-1, 1]; see the module's page."""
    resized = F.interpolate(pictures.float() / 255, size=(side, side), mode="bilinear", align_corners=False)
    return 2 * resized - 1


def resize_tf1(pictures: Tensor, side: int) -> Tensor:
    """(B, 3, H, W) uint8 → (B, 3, side, side) in [-1, 1); see the module's page."""
    x = pictures.float()

    def along(values: Tensor, dim: int) -> Tensor:
        length = values.shape[dim]
        place = torch.arange(side, dtype=torch.float32) * torch.tensor(length / side, dtype=torch.float32)
        low = place.long()
        high = (low + 1).clamp_max(length - 1)
        share = (place - low.float()).view(-1, *[1] * (values.ndim - 1 - dim))
        first, second = values.index_select(dim, low), values.index_select(dim, high)
        return first + (second - first) * share

    return (along(along(x, 3), 2) - 128) / 128


def resize_clean(pictures: Tensor, side: int) -> Tensor:
    """(B, 3, H, W) uint8 → (B, 3, side, side) in [-1, 1); see the module's page."""

    def channel(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        image = Image.fromarray(values.astype(np.float32))
        return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC)).clip(0, 255)

    arrays = [[channel(values) for values in picture] for picture in pictures.numpy()]
    return (torch.from_numpy(np.array(arrays, dtype=np.float32)) - 128) / 128


RESIZE_RULES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "pytorch-fid": resize_pytorch_fid,
    "tf1": resize_tf1,
    "clean": resize_clean,
}


@dataclass(frozen=True)
class FeatureExtractor:
    """A frozen network, the layer that is read and the rule that brings pictures to it.

    Attributes:
        space: What the features may be compared with.
        side: The network's input size, in pixels.
        network: (B, 3, side, side) in [-1, 1] → (B, D), or (B, D, h, w), of which the mean is taken.
    """

    space: FeatureSpace
    side: int
    network: Callable[[Tensor], Tensor]

    @isolated()
    @torch.inference_mode()
    def __call__(self, pictures: Sequence[Pixels]) -> npt.NDArray[np.float64]:
        """Features (B, D) of a few pictures (H, W, 3) uint8.

        They may differ in size; each is resized by itself, so a batch changes nothing.
        """
        values = self._run(pictures)
        return (values if values.ndim == 2 else values.mean(dim=(2, 3))).double().numpy()

    def _run(self, pictures: Sequence[Pixels]) -> Tensor:
        rule = RESIZE_RULES[self.space.resize]
        inputs = [rule(torch.from_numpy(np.array(p)).permute(2, 0, 1)[None], self.side) for p in pictures]
        return self.network(torch.cat(inputs))

    @isolated()
    @torch.inference_mode()
    def by_class(self, pictures: Iterable[Pixels], classes: Iterable[Ids]) -> ClassFeatures:
        """Features of the classes of each picture, for a network that gives (B, D, h, w).

        A position counts for a class by the class's share of its pixels.

        Args:
            pictures: (H, W, 3) uint8.
            classes: Class numbers (H, W) of each picture.
        """
        numbers, named, areas, values = [], [], [], []
        for number, (picture, ids) in enumerate(zip(pictures, classes)):
            maps = self._run([picture])[0].double()  # (D, h, w)
            present = np.unique(ids)
            masks = torch.from_numpy(ids[None] == present[:, None, None]).double()  # (P, H, W)
            _, height, width = maps.shape
            shares = F.adaptive_avg_pool2d(masks, (height, width)).flatten(1)  # (P, h w)
            values.append((shares @ maps.flatten(1).T / shares.sum(1, keepdim=True)).numpy())
            areas.append(shares.mean(dim=1).numpy())
            named.append(present)
            numbers.append(np.full(len(present), number))
        return ClassFeatures(*map(np.concatenate, (numbers, named, areas, values)))

    def all(
        self, pictures: Iterable[Pixels], source: str, batch_size: int = 4, names: Sequence[str] = ()
    ) -> Features:
        """Features of a whole set; `names` are for messages."""
        rows, rest = [], iter(pictures)
        while batch := list(islice(rest, batch_size)):
            rows.append(self(batch))
        if not rows:
            raise SemsynthError(f"There are no pictures in {source}: nothing to compute features of.")
        return Features(np.concatenate(rows), self.space, source, tuple(names))


@isolated()
def lite2_extractor() -> FeatureExtractor:
    """EfficientNet-Lite2's last stage, averaged over the picture: 352 features, from a pip package."""
    network = lite2_stages()
    space = FeatureSpace(
        "efficientnet-lite2", digest(network), "last stage, mean over positions", "clean", 352
    )
    return FeatureExtractor(space, 260, lambda x: network(x)[4].mean(dim=(2, 3)))


@isolated()
def lite2_stages() -> EfficientNetLite:
    """The same network with all its stages, for the distances of style and diversity."""
    return EfficientNetLite.pretrained("lite2").eval()


@isolated()
def cropnet_extractor(folder: Path = CROPNET) -> FeatureExtractor:
    """A CropNet, which was trained from nothing on photographs: all its stages, 296 features.

    Raises:
        SemsynthError: The folder holds no CropNet.
    """
    network = CropNet.load(folder)
    space = FeatureSpace(
        "cropnet", digest(network), "all stages, mean over positions", "clean", network.dimensions
    )
    return FeatureExtractor(space, 256, network.maps)


@isolated()
def inception_extractor(path: Path, resize: str) -> FeatureExtractor:
    """The Inception network of the published FID: its 2048 pooled features, from torch-fidelity's file.

    Raises:
        SemsynthError: The file is missing or another one, or the resize rule is unknown.
    """
    if resize not in RESIZE_RULES:
        raise SemsynthError(f"There is no resize rule {resize!r}; there are {', '.join(RESIZE_RULES)}.")
    network = FidInception.pretrained(path).eval()
    space = FeatureSpace("inception-2015-12-05", file_sha256(path)[:16], "pool3", resize, 2048)
    return FeatureExtractor(space, 299, network.pooled)


def find_inception() -> Path | None:
    """The Inception file in torch's cache, where other tools put it."""
    return min(checkpoints_folder().glob("*inception-2015-12-05*.pth"), default=None)


def digest(network: nn.Module) -> str:
    """The first 16 hex digits of the SHA-256 of a network's weights."""
    total = hashlib.sha256()
    for value in network.state_dict().values():
        total.update(value.contiguous().numpy().tobytes())
    return total.hexdigest()[:16]
