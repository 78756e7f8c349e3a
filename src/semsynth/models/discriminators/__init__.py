"""Discriminators: patches at several scales, CC-FPSE's feature pyramid, OASIS's segmenter."""

from semsynth.models.discriminators.fpse import FpseDiscriminator, FpseOutput
from semsynth.models.discriminators.oasis import OasisDiscriminator
from semsynth.models.discriminators.patchgan import LabelInput, MultiscaleDiscriminator, PatchDiscriminator

__all__ = [
    "FpseDiscriminator",
    "FpseOutput",
    "LabelInput",
    "MultiscaleDiscriminator",
    "OasisDiscriminator",
    "PatchDiscriminator",
]
