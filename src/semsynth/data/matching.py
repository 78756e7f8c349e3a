"""Which names of photographs and maps are of one sample, although they differ."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import product

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
    exact = {key: key for key in photos if key in set(maps)} if maps else {}
    left = [key for key in photos if key not in exact]
    rest = [key for key in maps if key not in exact]
    if not left or not rest:
        return exact, ""
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
            return exact | dict(pairs), note + " and ".join(words) + "."
        if rules:
            break  # more than one explanation: choosing is up to the user
    return exact, ""


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
