"""What the studies in tools/ share: commands, shown and run, and pages that hold what came of them."""

import shlex
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from semsynth.files.writing import write_atomically

ROOT = Path(__file__).resolve().parents[1]
RECIPES = ROOT / "recipes"
BEGIN, END = "<!-- written by tools/{}.py -->", "<!-- to here -->"


def run_commands(commands: Iterable[list[str]]) -> None:
    """Run semsynth with each of these lists of arguments; a failure ends the program."""
    for command in commands:
        print("semsynth", shlex.join(command), flush=True)
        subprocess.run([sys.executable, "-m", "semsynth", *command], cwd=ROOT, check=True)


def write_page(page: Path, tool: str, text: str) -> None:
    """Put the text between the two marks of a page that name a tool."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN.format(tool))
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{page} has no place marked for tools/{tool}.py")
    write_atomically(page, f"{before}{begin}\n\n{text}\n\n{end}{after}".encode())
