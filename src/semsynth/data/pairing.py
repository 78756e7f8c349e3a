"""Which photograph, label map and instance map belong together, by their names; and what is left over.

Names that agree up to the ending belong together. Of what is left over, a label map may still be called as
its photograph but for one difference that all of them share: letters added at the beginning or the end
(_mask), capitals, or accents encoded in two ways. Where exactly one such difference explains it, they are
paired by it, and `Leftovers.sentences` says so.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from semsynth.data.finding import is_unread_photo, survey
from semsynth.data.foreign import describe_foreign
from semsynth.data.matching import match, reason_of
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents


@dataclass(frozen=True)
class Files:
    """The files of one sample."""

    key: str
    image: Path
    labels: Path
    instances: Path | None = None


@dataclass(frozen=True)
class Leftovers:
    """What was found beside the samples.

    Attributes:
        paired: How many samples were found.
        photos: Photographs without a label map.
        maps: Label maps without a photograph.
        instances: Instance maps without either.
        others: Files that are no pictures of a kind that is read.
        notes: Sentences: by which difference names were paired, what else was passed over.
        reason: Why photographs and label maps may not pair up, in words; empty where that is unknown.
    """

    paired: int = 0
    photos: tuple[Path, ...] = ()
    maps: tuple[Path, ...] = ()
    instances: tuple[Path, ...] = ()
    others: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str = ""

    @property
    def unmatched(self) -> tuple[Path, ...]:
        """Pictures that belong to no sample."""
        return self.photos + self.maps + self.instances

    def __add__(self, other: "Leftovers") -> "Leftovers":
        return Leftovers(
            self.paired + other.paired,
            self.photos + other.photos,
            self.maps + other.maps,
            self.instances + other.instances,
            self.others + other.others,
            tuple(dict.fromkeys(self.notes + other.notes)),
            self.reason or other.reason,
        )

    def sentences(self) -> list[str]:
        """What is used and what is not, in sentences; none where everything is used as it is named."""
        unread = [path for path in self.others if is_unread_photo(path)]
        rest = [path for path in self.others if not is_unread_photo(path)]
        said = list(self.notes)
        lost = []
        if self.photos:
            lost.append(f"{len(self.photos)} without a label map, such as {_short(self.photos[0])}")
        if unread:
            lost.append(f"{len(unread)} of a kind that is not read ({_endings(unread)})")
        if lost:
            total = self.paired + len(self.photos) + len(unread)
            said.append(f"{self.paired} of {total} photographs are used; left out: {'; '.join(lost)}.")
        for what, paths in (("label", self.maps), ("instance", self.instances)):
            if paths:
                said.append(
                    f"{_count(paths, f'{what} map')} without a photograph, such as {_short(paths[0])}."
                )
        if self.photos and self.maps and self.reason:
            said.append(self.reason)
        if rest:
            said.append(f"{_count(rest, 'other file')} not read ({_endings(rest)}).")
        return said


NOTHING = Leftovers()

Paired = tuple[tuple[Files, ...], Leftovers]
"""Samples, and what was found beside them."""


def pair(
    images: Mapping[str, Path],
    labels: Mapping[str, Path],
    instances: Mapping[str, Path] | None = None,
    others: Sequence[Path] = (),
) -> Paired:
    """Join photographs, label maps and instance maps of one name.

    Returns:
        The samples, in the order of `images`, and what is left over.
    """
    instances = instances or {}
    matched, note = match(images, labels, "label map")
    drawn, other = match(matched, instances, "instance map")
    files = tuple(
        Files(key, images[key], labels[matched[key]], instances[drawn[key]] if key in drawn else None)
        for key in images
        if key in matched
    )
    photos = [key for key in images if key not in matched]
    maps = [key for key in labels if key not in set(matched.values())] if len(matched) < len(labels) else []
    used = set(drawn.values())
    return files, Leftovers(
        len(files),
        tuple(images[key] for key in photos),
        tuple(labels[key] for key in maps),
        tuple(path for key, path in instances.items() if key not in used),
        tuple(others),
        tuple(filter(None, (note, other))),
        reason_of(images, maps) if photos and maps else "",
    )


def pair_folders(images: Path, labels: Path, instances: Path | None = None) -> Paired:
    """Join the files of folders of photographs, label maps and instance maps, see `pair`."""
    photos, maps = survey(images), survey(labels)
    drawn = {} if instances is None else survey(instances).images
    return pair(photos.images, maps.images, drawn, photos.others + maps.others)


def require(files: Sequence[Files], what: str, root: Path, left: Leftovers, *places: Path) -> None:
    """Raise unless there is at least one sample.

    Args:
        files: The samples.
        what: What a folder must hold, in words.
        root: The folder of the data set.
        left: What was found instead.
        places: The folders in it that were looked into; by default, the root.

    Raises:
        SemsynthError: There is none; it says what there is, and the likely reason.
    """
    if files:
        return
    photos, maps = left.photos, left.maps
    if photos and maps:
        problem = (
            f"{_count(photos, 'photograph')}, such as {_short(photos[0])}, and {_count(maps, 'label map')}, "
            f"such as {_short(maps[0])}, do not pair up by their names"
        )
    else:
        kinds = (("photograph", photos), ("label map", maps))
        some = [f"{_count(paths, kind)}, such as {_short(paths[0])}" for kind, paths in kinds if paths]
        held = [f"{place.name or place} holds {contents(place)}" for place in places or (root,)]
        problem = "; ".join(["found " + (some[0] if some else "no picture that is read"), *held])
    foreign = next(filter(None, map(describe_foreign, (*places, root))), "")
    more = "".join(f" {sentence}" for sentence in (left.reason, foreign) if sentence)
    raise SemsynthError(f"{root}: expected {what}; {problem}.{more}")


def joined(splits: Mapping[str, Paired]) -> Paired:
    """The samples of some splits; with more than one, keys begin with the split."""
    files: tuple[Files, ...] = ()
    left = NOTHING
    for name, (own, rest) in splits.items():
        files += with_prefix(own, name) if len(splits) > 1 else own
        left += rest
    return files, left


def with_prefix(files: Sequence[Files], prefix: str) -> tuple[Files, ...]:
    """The same samples, their keys below `prefix`/."""
    return tuple(replace(entry, key=f"{prefix}/{entry.key}") for entry in files)


def _short(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def _count(paths: Sequence[Path], thing: str) -> str:
    return f"{len(paths)} {thing}{'' if len(paths) == 1 else 's'}"


def _endings(paths: Sequence[Path]) -> str:
    counts = Counter(path.suffix.lower() or "no ending" for path in paths)
    return ", ".join(f"{ending}: {count}" for ending, count in counts.most_common(5))
