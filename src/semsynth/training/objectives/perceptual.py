"""The frozen network behind the perceptual loss, chosen by what is at hand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from semsynth.errors import SemsynthError
from semsynth.losses.perceptual import VGG19_WEIGHTS, perceptual_loss
from semsynth.models.features import EfficientNetLite, Vgg19
from semsynth.models.features.frozen import checkpoints_folder
from semsynth.training.settings import ObjectiveSettings

# A fifth of each stage's relative distance, so that the published weight of 10 is of VGG-19's order here too.
EFFICIENTNET_WEIGHTS = (0.2, 0.2, 0.2, 0.2, 0.1)


VGG19_FILES = "vgg19-*.pth"


class Perceptual(nn.Module):
    """Perceptual loss over one frozen feature network.

    Args:
        network: "vgg19" or "efficientnet-lite0".
        features: the network: image (B, 3, H, W) in [-1, 1] → a tensor a stage.
        weights: one a stage.
        relative: divide each stage's distance by the size of the photograph's features.
    """

    def __init__(self, network: str, features: nn.Module, weights: Sequence[float], relative: bool) -> None:
        super().__init__()
        self.network = network
        self.features = features.eval().requires_grad_(False)
        self.weights = tuple(weights)
        self.relative = relative

    @classmethod
    def of(cls, settings: ObjectiveSettings) -> "Perceptual":
        """The one that the settings name, whatever its weight."""
        name, features = build_features(settings)
        default = VGG19_WEIGHTS if name == "vgg19" else EFFICIENTNET_WEIGHTS
        return cls(name, features, settings.perceptual_weights or default, relative=name != "vgg19")

    def forward(self, fake: Tensor, real: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1] → a scalar."""
        return perceptual_loss(self.features, fake, real, self.weights, relative=self.relative)


def build_perceptual(settings: ObjectiveSettings) -> Perceptual | None:
    """The perceptual loss that the settings ask for.

    Returns:
        None where its weight is 0.

    Raises:
        SemsynthError: an unknown network, or weights that are not there.
    """
    return Perceptual.of(settings) if settings.perceptual else None


def build_features(settings: ObjectiveSettings, **vgg: Any) -> tuple[str, nn.Module]:
    """The frozen feature network that the settings name: image (B, 3, H, W) in [-1, 1] → five tensors.

    Args:
        settings: see `ObjectiveSettings.perceptual_network`.
        **vgg: further keyword arguments of `Vgg19.pretrained`, where it is that.

    Returns:
        "vgg19" or "efficientnet-lite0", and the network.
    """
    name = settings.perceptual_network
    file = Path(settings.vgg_file) if settings.vgg_file else None
    if name == "auto":
        name = "vgg19" if file or any(checkpoints_folder().glob(VGG19_FILES)) else "efficientnet-lite0"
    if name == "vgg19":
        return name, Vgg19.pretrained(file, **vgg).eval().requires_grad_(False)
    if name == "efficientnet-lite0":
        return name, EfficientNetLite.pretrained("lite0").eval().requires_grad_(False)
    raise SemsynthError(
        f"there is no perceptual network {name!r}; allowed are auto, vgg19 and efficientnet-lite0"
    )
