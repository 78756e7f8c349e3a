"""The frozen feature network of the perceptual loss, chosen by what is at hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from semsynth.losses.perceptual import VGG19_WEIGHTS, perceptual_loss
from semsynth.models.features import EfficientNetLite, Vgg19
from semsynth.models.features.frozen import checkpoints_folder
from semsynth.training.objectives.base import Objective

# A fifth of each stage's relative distance, so that the published weight of 10 is of VGG-19's order here too.
EFFICIENTNET_WEIGHTS = (0.2, 0.2, 0.2, 0.2, 0.1)

VGG19_FILES = "vgg19-*.pth"

Network = Literal["auto", "vgg19", "efficientnet-lite0"]


@dataclass(kw_only=True, eq=False)
class FeatureObjective(Objective):
    """An objective with a loss in the features of a frozen network.

    Args:
        perceptual_network: "auto" is VGG-19 where its file is found, else EfficientNet-Lite0; or "vgg19",
            "efficientnet-lite0".
        vgg_file: VGG-19 weights; empty is torch's ordinary cache.
    """

    perceptual_network: Network = "auto"
    vgg_file: str = ""

    def network_name(self) -> str:
        """The feature network that the settings choose: "vgg19" or "efficientnet-lite0"."""
        if self.perceptual_network != "auto":
            return self.perceptual_network
        there = self.vgg_file or any(checkpoints_folder().glob(VGG19_FILES))
        return "vgg19" if there else "efficientnet-lite0"

    def build_features(self, **vgg: Any) -> nn.Module:
        """That network, frozen: image (B, 3, H, W) in [-1, 1] → five tensors. `vgg` is for `Vgg19`.

        Raises:
            SemsynthError: Its weights are not there.
        """
        network: nn.Module
        if self.network_name() == "vgg19":
            network = Vgg19.pretrained(Path(self.vgg_file) if self.vgg_file else None, **vgg)
        else:
            network = EfficientNetLite.pretrained("lite0")
        return network.eval().requires_grad_(False)


class Perceptual(nn.Module):
    """Perceptual loss over one frozen feature network.

    Args:
        network: "vgg19" or "efficientnet-lite0".
        features: The network: image (B, 3, H, W) in [-1, 1] → a tensor a stage.
        weights: One a stage; empty is the network's default.
    """

    def __init__(self, network: str, features: nn.Module, weights: Sequence[float] = ()) -> None:
        super().__init__()
        self.network = network
        self.features = features
        self.weights = tuple(weights) or (VGG19_WEIGHTS if network == "vgg19" else EFFICIENTNET_WEIGHTS)
        self.relative = network != "vgg19"
        """Whether a stage's distance is divided by the size of the photograph's features."""

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] → a scalar."""
        return perceptual_loss(self.features, fake, real, self.weights, relative=self.relative)
