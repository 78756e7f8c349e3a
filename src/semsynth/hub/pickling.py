"""A model as a pickle holds it: where its folder is, or the folder itself."""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from semsynth.errors import SemsynthError
from semsynth.files.walking import real_path
from semsynth.hub.finding import PRETRAINED, find_model
from semsynth.hub.folder import Model, save_model
from semsynth.hub.scores import config_without_scores

Opened = TypeVar("Opened")

_DESCRIBED_BY = ("config.json", "labels.json", "styles/styles.json")
"""What changes when a model does: the first holds the checksums of the weights."""


@dataclass(frozen=True)
class SavedModel:
    """What finds or rebuilds a model in another process.

    Attributes:
        name: Of the model or its folder, for `find_model`; empty where `files` are all there is.
        fingerprint: Of the folder's descriptions, so that another model in its place is noticed.
        files: Relative path → content, of a model that has no folder.
    """

    name: str = ""
    fingerprint: str = ""
    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    @classmethod
    def at(cls, folder: Path) -> "SavedModel":
        """A model in a folder; a pickle of it is small, and needs the folder."""
        folder = real_path(folder)
        name = f"pretrained:{folder.name}" if folder.parent == real_path(PRETRAINED) else str(folder)
        return cls(name, _fingerprint(folder))

    @classmethod
    def of(cls, model: Model) -> "SavedModel":
        """A model in memory, whole.

        Raises:
            SemsynthError: Its generator is of no family of this package.
        """
        with tempfile.TemporaryDirectory() as parent:
            folder = save_model(Path(parent) / "model", replace(model, folder=None))
            paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
            return cls(files={path.relative_to(folder).as_posix(): path.read_bytes() for path in paths})

    def open(self, load: Callable[[Path], Opened]) -> Opened:
        """Give the model's folder to a function.

        Raises:
            SemsynthError: The folder is gone, or holds another model.
        """
        if self.name:
            folder = find_model(self.name)
            if _fingerprint(folder) != self.fingerprint:
                raise SemsynthError(
                    f"{folder} holds another model than the one that was pickled; pickle it again."
                )
            return load(folder)
        # A memory bank stays mapped, and Windows deletes no file that is.
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as parent:
            folder = Path(parent) / "model"
            for name, content in self.files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            return load(folder)


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in _DESCRIBED_BY:
        path = folder / name
        read = config_without_scores if name == "config.json" else Path.read_bytes
        digest.update(read(path) if path.is_file() else b"")
        digest.update(b"\0")
    return digest.hexdigest()
