"""A pytest plugin (`-p tests.emulated`) that takes the CPU for one with bfloat16 arithmetic.

With a library whose matrix unit is emulated (SEMSYNTH_LIBRARY), the tests of the matrix unit run on every
processor. The plugin is loaded before the modules that import the function it replaces.
"""

from semsynth.ops import dtypes

dtypes.has_bfloat16_arithmetic = lambda device: device.type == "cpu"  # type: ignore[assignment]
