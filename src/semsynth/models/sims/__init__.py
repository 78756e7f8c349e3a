"""SIMS: semi-parametric image synthesis, from a memory bank of segments."""

from semsynth.models.sims.bank import SegmentBank
from semsynth.models.sims.building import build_bank
from semsynth.models.sims.generator import SIMSGenerator

__all__ = ["SIMSGenerator", "SegmentBank", "build_bank"]
