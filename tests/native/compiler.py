"""A compiler for some target that lists what is asked of it: compiler.py TARGET LOG ARGUMENTS."""

import sys
from pathlib import Path

target, log, *arguments = sys.argv[1:]
if "-dumpmachine" in arguments:
    print(target)
elif "-fsyntax-only" in arguments:
    sys.exit(1)
else:
    with Path(log).open("a", encoding="utf-8") as file:
        print(*arguments, file=file)
    Path(arguments[-1]).touch()
