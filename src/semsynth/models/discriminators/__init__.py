"""Discriminators: patches at several scales, CC-FPSE's feature pyramid, OASIS's segmenter."""

from semsynth.models.discriminators.patchgan import LabelInput, MultiscaleDiscriminator, PatchDiscriminator

__all__ = ["LabelInput", "MultiscaleDiscriminator", "PatchDiscriminator"]
