"""Frozen networks whose features losses and metrics compare."""

from semsynth.models.features.cropnet import CropNet
from semsynth.models.features.efficientnet_lite import EfficientNetLite
from semsynth.models.features.inception import FidInception
from semsynth.models.features.vgg import Vgg19

__all__ = ["CropNet", "EfficientNetLite", "FidInception", "Vgg19"]
