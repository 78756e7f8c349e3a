"""Discriminators: patches at several scales, heads on a frozen network, CC-FPSE's, OASIS's."""

from semsynth.models.discriminators.fpse import FpseDiscriminator, FpseOutput
from semsynth.models.discriminators.oasis import OasisDiscriminator
from semsynth.models.discriminators.patchgan import LabelInput, MultiscaleDiscriminator, PatchDiscriminator
from semsynth.models.discriminators.projected import ProjectedDiscriminator

DISCRIMINATORS = {
    "multiscale": MultiscaleDiscriminator,
    "projected": ProjectedDiscriminator,
    "fpse": FpseDiscriminator,
    "oasis": OasisDiscriminator,
}
"""The classes by the names that a model folder gives them."""

__all__ = [
    "DISCRIMINATORS",
    "FpseDiscriminator",
    "FpseOutput",
    "LabelInput",
    "MultiscaleDiscriminator",
    "OasisDiscriminator",
    "PatchDiscriminator",
    "ProjectedDiscriminator",
]
