"""Semantic image synthesis: a label map goes in, a photograph comes out."""

__version__ = "0.1.0"
