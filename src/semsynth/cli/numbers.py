"""Numbers on the command line, for argparse: plain ASCII digits, and a sentence for everything else."""

import argparse
import re

_DIGITS = r"[0-9]{1,20}"
"""`str.isdigit` lets "²" through, which `int` does not read, and `int` reads no number of 5000 digits."""


def natural(text: str) -> int:
    """A whole number from 0 up."""
    if not re.fullmatch(_DIGITS, text):
        raise argparse.ArgumentTypeError(f"{_short(text)} is no whole number from 0 up")
    return int(text)


def read_size(text: str) -> tuple[int, int]:
    """256x384 → (256, 384)."""
    found = re.fullmatch(f"({_DIGITS})x({_DIGITS})", text, re.IGNORECASE)
    if found is None:
        raise argparse.ArgumentTypeError(f"{_short(text)} is no size; give HEIGHTxWIDTH, such as 256x384")
    return int(found[1]), int(found[2])


def read_ratio(text: str) -> float:
    """A width through a height."""
    try:
        ratio = float(text)
    except ValueError:
        ratio = 0.0
    if not 0.01 <= ratio <= 100:
        raise argparse.ArgumentTypeError(f"{_short(text)} is no width / height; allowed are 0.01 to 100")
    return ratio


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}...")
