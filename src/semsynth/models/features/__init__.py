"""Frozen networks whose features losses and metrics compare: VGG-19, EfficientNet-Lite, Inception."""

from semsynth.models.features.efficientnet_lite import EfficientNetLite
from semsynth.models.features.inception import FidInception
from semsynth.models.features.vgg import Vgg19

__all__ = ["EfficientNetLite", "FidInception", "Vgg19"]
