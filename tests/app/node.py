"""Tools for the page that come from the npm registry, kept in a cache outside the checkout."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

PACKAGES = {"axe-core": "axe-core@4", "typescript": "typescript@5"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "semsynth-tests"


def package(name: str) -> Path:
    """The folder of an npm package, installed if need be; skips where that cannot be done."""
    folder = CACHE / name / "node_modules" / name
    if (folder / "package.json").exists():
        return folder
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip(f"{name} is needed and there is no npm to install it")
    command = [npm, "install", "--prefix", str(CACHE / name), "--no-audit", "--no-fund", PACKAGES[name]]
    (CACHE / name).mkdir(parents=True, exist_ok=True)
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode or not folder.exists():
        pytest.skip(f"npm could not install {name}")
    return folder
