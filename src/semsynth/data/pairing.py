"""Which photograph, label map and instance map belong together, by their names; and what is left over.

Names that agree up to the ending belong together. Of what is left over, a label map may still be called as
its photograph but for one difference that all of them share: letters added at the beginning or the end
(_mask), capitals, or accents encoded in two ways. Where exactly one such difference explains it, they are
paired by it, and `Leftovers.sentences` says so.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from semsynth.data.finding import is_unread_photo, survey
from semsynth.data.foreign import describe_foreign
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents

WORDS = frozenset(
    (
        *("mask", "masks", "label", "labels", "lbl", "labelids", "labeltrainids", "color", "colour", "gt"),
        *("seg", "segm", "segmentation", "semantic", "groundtruth", "ann", "anno", "annotation", "m", "l"),
        *("gtfine_labelids", "gtfine_labeltrainids", "gtfine_color", "fake", "fake_b", "real_a", "real_b"),
        *("image", "img", "photo", "photos", "sat", "rgb", "leftimg8bit", "instanceids", "instances", "inst"),
    )
)
"""What people add to the names of label maps or photographs, in lower case."""


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


def pair(
    images: Mapping[str, Path],
    labels: Mapping[str, Path],
    instances: Mapping[str, Path] | None = None,
    others: Sequence[Path] = (),
) -> tuple[tuple[Files, ...], Leftovers]:
    """Join photographs, label maps and instance maps of one name.

    Returns:
        The samples, in the order of `images`, and what is left over.
    """
    instances = instances or {}
    found, note = match(images, labels, "label map")
    drawn, other = match(found, instances, "instance map")
    files = tuple(
        Files(key, images[key], labels[found[key]], instances[drawn[key]] if key in drawn else None)
        for key in images
        if key in found
    )
    photos = [key for key in images if key not in found]
    maps = [key for key in labels if key not in set(found.values())] if len(found) < len(labels) else []
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


def pair_folders(
    images: Path, labels: Path, instances: Path | None = None
) -> tuple[tuple[Files, ...], Leftovers]:
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
        found = (
            f"{_count(photos, 'photograph')}, such as {_short(photos[0])}, and {_count(maps, 'label map')}, "
            f"such as {_short(maps[0])}, do not pair up by their names"
        )
    else:
        kinds = (("photograph", photos), ("label map", maps))
        some = [f"{_count(paths, kind)}, such as {_short(paths[0])}" for kind, paths in kinds if paths]
        held = [f"{place.name or place} holds {contents(place)}" for place in places or (root,)]
        found = "; ".join(["found " + (some[0] if some else "no picture that is read"), *held])
    foreign = next(filter(None, map(describe_foreign, (*places, root))), "")
    more = "".join(f" {sentence}" for sentence in (left.reason, foreign) if sentence)
    raise SemsynthError(f"{root}: expected {what}; {found}.{more}")


@dataclass(frozen=True)
class Cut:
    """What is taken off a file's name before it is compared."""

    before: str = ""
    after: str = ""

    def of(self, key: str) -> str:
        """The key without it."""
        folder, slash, name = key.rpartition("/")
        return folder + slash + name.removeprefix(self.before).removesuffix(self.after)

    @property
    def text(self) -> str:
        """What is taken off."""
        return self.before or self.after

    @property
    def known(self) -> bool:
        """Whether it is nothing, or what people usually add."""
        word = self.text.strip(" ._-").lower()
        return not word or word in WORDS

    def says(self, what: str) -> str:
        """What is cut off, in words."""
        begin = f"{what}s begin with {self.before!r}" if self.before else ""
        return f"{what}s end in {self.after!r}" if self.after else begin


Fold = Callable[[str], str]
FOLDS: dict[str, Fold] = {
    "": lambda key: key,
    "accents are encoded in two ways (NFC and NFD)": lambda key: unicodedata.normalize("NFC", key),
    "capital and small letters differ": lambda key: unicodedata.normalize("NFC", key).casefold(),
}
"""Ways to take two names for one, the stricter first, by what they overlook."""


def match(photos: Collection[str], maps: Collection[str], kind: str) -> tuple[dict[str, str], str]:
    """Which maps belong to which photographs, by their keys.

    Returns:
        The key of the map by that of the photograph, and a sentence where their names differ.
    """
    found = {key: key for key in photos if key in set(maps)} if maps else {}
    left = [key for key in photos if key not in found]
    rest = [key for key in maps if key not in found]
    if not left or not rest:
        return found, ""
    for overlooked, fold in FOLDS.items():
        rules: dict[tuple[tuple[str, str], ...], list[str]] = {}
        for ours, theirs in product(_cuts(left), _cuts(rest)):
            same = ours.text.casefold() == theirs.text.casefold()
            if same and (ours.text or not overlooked):
                continue
            joined = _joined(left, rest, ours, theirs, fold)
            if joined:
                said = filter(None, (ours.says("photograph"), theirs.says(kind), overlooked))
                rules.setdefault(tuple(joined.items()), list(said))
        if len(rules) == 1:
            ((pairs, words),) = rules.items()
            note = f"{len(pairs)} {kind}s are paired with photographs although their names differ: "
            return found | dict(pairs), note + " and ".join(words) + "."
        if rules:
            break  # more than one explanation: choosing is up to the user
    return found, ""


def _joined(photos: list[str], maps: list[str], ours: Cut, theirs: Cut, fold: Fold) -> dict[str, str]:
    """Pairs under one rule; none where it leaves too many over, or two names become one."""
    names = {fold(ours.of(key)): key for key in photos}
    if not any(fold(theirs.of(key)) in names for key in maps[:64]):
        return {}
    wanted = {fold(theirs.of(key)): key for key in maps}
    if len(names) < len(photos) or len(wanted) < len(maps):
        return {}
    pairs = {key: wanted[name] for name, key in names.items() if name in wanted}
    smaller = min(len(photos), len(maps))
    usual = ours.known and theirs.known and 2 * len(pairs) >= smaller
    plain = not (ours.text and theirs.text) and len(pairs) == smaller and len(pairs) > 1
    return pairs if usual or plain else {}


def _cuts(keys: list[str]) -> list[Cut]:
    """What all names have in common at their beginning or end, up to a separator; nothing comes first."""
    names = [key.rpartition("/")[2] for key in keys]
    start = _start(names)
    end = _start([name[::-1] for name in names])[::-1]
    after = [end[place.start() :] for place in re.finditer(r"[ ._-]+(?=\w)", end)]
    before = [start[: place.end()] for place in re.finditer(r"(?<=\w)[ ._-]+", start)]
    cuts = [Cut(after=text) for text in reversed(after[-4:])] + [Cut(before=text) for text in before[:4]]
    return [Cut(), *(cut for cut in cuts if any(letter.isalpha() for letter in cut.before + cut.after))]


def _start(names: Sequence[str]) -> str:
    """What all names begin with."""
    first, last = min(names), max(names)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last))
    )
    return first[:length]


def reason_of(photos: Collection[str], maps: Sequence[str], kind: str = "label map") -> str:
    """Why maps, or pictures of another kind, are left over beside photographs, where their names tell."""
    names = {FOLDS["capital and small letters differ"](key) for key in photos}
    added: Counter[str] = Counter()
    for key in maps[:1000]:
        for place in reversed(list(re.finditer(r"[ ._-]+(?=\w)", key))):
            if FOLDS["capital and small letters differ"](key[: place.start()]) in names:
                added[key[place.start() :]] += 1
                break
    if not added:
        return ""
    ends = ", ".join(f"{text!r} ({count})" for text, count in added.most_common(5))
    if len(added) == 1:
        return f"The {kind}s are called as photographs with {ends} at the end; rename them."
    return f"The {kind}s are called as photographs with {ends} at the end; keep one kind of them."


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
