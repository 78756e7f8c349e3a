"""`python -m semsynth` is `semsynth`."""

import sys

from semsynth.cli import main

sys.exit(main())
