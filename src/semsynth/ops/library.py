"""Where the library of native kernels lies, and what it is called on this platform.

Nothing but the standard library is imported: the build runs this file by itself.
"""

import sys
from pathlib import Path

_SUFFIXES = {"win32": "dll", "cygwin": "dll", "darwin": "dylib"}

LIBRARY = Path(__file__).parents[1] / "_native" / f"libsemsynth.{_SUFFIXES.get(sys.platform, 'so')}"
