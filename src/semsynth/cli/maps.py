"""Reading label maps for a model: with its own label set, or with the one they were drawn with."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from semsynth.errors import SemsynthError

if TYPE_CHECKING:
    from semsynth.labels import LabelReading, LabelSpace


@dataclass(frozen=True)
class Reader:
    """How label maps are read.

    Attributes:
        space: The label set of the model.
        drawn_with: That of the maps, where it is another one.
        palette: How indexed files are taken, see `read_label_map`.
    """

    space: "LabelSpace"
    drawn_with: "LabelSpace | None" = None
    palette: str = "auto"

    def read(self, path: Path) -> "LabelReading":
        """Read a map as ids of the model.

        Raises:
            SemsynthError: It cannot be read, or holds a class that the model does not draw.
        """
        from semsynth.labels import read_label_map

        given = self.drawn_with
        if given is None:
            try:
                return read_label_map(path, self.space, palette=self.palette)
            except SemsynthError as error:
                if f"label set {self.space.name!r}" not in str(error):
                    raise
                more = "If it was drawn with another label set, name that with --labels."
                raise SemsynthError(f"{error} {more}") from None
        if given.names == self.space.names:
            return read_label_map(path, given, palette=self.palette)
        return self._translated(path, given, read_label_map(path, given, palette=self.palette))

    def _translated(self, path: Path, given: "LabelSpace", reading: "LabelReading") -> "LabelReading":
        """Ids of one label set to those of the classes that are called the same in the model's."""
        import numpy as np

        ours = {name.casefold(): number for number, name in enumerate(self.space.names)}
        ids = reading.ids
        if given.void_id is not None and self.space.void_id is None:
            ids = given.fill_void(ids)
        used, places = np.unique(ids, return_inverse=True)
        theirs = [given.classes[i].name if i < given.num_classes else "void" for i in used.tolist()]
        void = given.void_id
        known = [
            self.space.void_id if number == void else ours.get(name.casefold())
            for number, name in zip(used.tolist(), theirs)
        ]
        lacking = [name for name, number in zip(theirs, known) if number is None]
        if lacking:
            raise SemsynthError(
                f"{path} holds {', '.join(lacking[:8])} of label set {given.name!r}, which the model cannot "
                f"draw; it draws {', '.join(self.space.names)}."
            )
        found = np.array(known, dtype=np.int64)[places].reshape(ids.shape)
        note = f"Classes of label set {given.name!r} were taken for those of {self.space.name!r} by name."
        return replace(reading, ids=found, notes=(*reading.notes, note))
