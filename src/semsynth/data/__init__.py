"""Data sets: finding and pairing files, transforms, loading, checking.

`load_dataset` is the way in. It gives a data set of raw samples; `transforms.Geometry` brings them to the
network's size and `loader.batches` streams them.
"""

import contextlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from semsynth.data import ade20k, camvid, cityscapes, coco_stuff, facades, folder, roboflow, siftflow, voc
from semsynth.data.filedataset import FileDataset
from semsynth.data.foreign import describe_foreign
from semsynth.data.loader import ShardedSampler, batches, in_order
from semsynth.data.pairing import Files
from semsynth.data.sample import Batch, Dataset, RawSample, Sample, collate
from semsynth.data.transforms import Geometry
from semsynth.errors import SemsynthError
from semsynth.files.walking import contents, folders
from semsynth.labels import LabelSpace

__all__ = [
    "FORMATS",
    "Batch",
    "Dataset",
    "FileDataset",
    "Files",
    "Geometry",
    "RawSample",
    "Sample",
    "ShardedSampler",
    "batches",
    "collate",
    "format_named",
    "in_order",
    "load_dataset",
    "recognise",
]


@dataclass(frozen=True)
class Format:
    """One layout of files.

    Attributes:
        load: `load(root, split, **options)` gives the data set.
        looks_like: Whether a folder has this layout; None where a folder alone cannot tell.
        layout: What is expected, in words.
        own_labels: Where the data set brings its own label set, what gives it; or, where it describes none,
            the label maps that one may be guessed from. None where the format itself has one.
    """

    load: Callable[..., FileDataset]
    looks_like: Callable[[Path], bool] | None
    layout: str
    own_labels: Callable[[Path], tuple[LabelSpace | None, list[Path]]] | None = None


FORMATS: dict[str, Format] = {
    "coco-stuff": Format(
        coco_stuff.load,
        coco_stuff.looks_like,
        "{train,val}_{img,label,[inst]}/, or {train,val}2017/ with stuffthingmaps/{train,val}2017/",
    ),
    "cityscapes": Format(
        cityscapes.load, cityscapes.looks_like, "leftImg8bit/{train,val}/ and gtFine/{train,val}/"
    ),
    "ade20k": Format(ade20k.load, ade20k.looks_like, "{images,annotations}/{training,validation}/"),
    "ade20k-outdoor": Format(ade20k.load_outdoor, None, "the same, with sceneCategories.txt"),
    "camvid": Format(camvid.load, camvid.looks_like, "701_StillsRaw_full/ and LabeledApproved_full/"),
    "facades": Format(
        facades.load, facades.looks_like, "{train,val}/ with pairs side by side, or CMP's base/"
    ),
    "siftflow": Format(siftflow.load, siftflow.looks_like, "{train,val}/{images,labels}/, ids 0..33"),
    "voc": Format(
        voc.load,
        voc.looks_like,
        "JPEGImages/, SegmentationClass/, [labelmap.txt], [ImageSets/Segmentation/{train,val}.txt]",
        voc.own_labels,
    ),
    "roboflow": Format(
        roboflow.load,
        roboflow.looks_like,
        "{train,valid}/ with a.jpg, a_mask.png and _classes.csv",
        roboflow.own_labels,
    ),
    "folder": Format(
        folder.load,
        folder.looks_like,
        "{images,labels,[instances]}/, also below {train,val}/ or with {train,val}/ below them; labels.json",
        folder.own_labels,
    ),
}
"""Every layout that can be read; a folder is taken for the first it looks like."""


PALETTES = ("auto", "index", "color")
"""Ways to take indexed label files."""


def load_dataset(
    name_or_root: str | Path,
    *,
    root: str | Path | None = None,
    split: str = "train",
    label_space: LabelSpace | None = None,
    instances: bool = True,
    largest_void: float | None = None,
    resize_photos: bool = False,
    fill_void: bool = False,
    palette: str | None = None,
    orient: bool | None = None,
    **options: Any,
) -> FileDataset:
    """Open a data set.

    Args:
        name_or_root: A format of FORMATS together with `root`, or a folder whose layout tells the format.
        root: The folder, where a format is named.
        split: Which part: "train", "val", or what the format has besides.
        label_space: Another label set than the format's own.
        instances: Whether instance maps are read where there are any.
        largest_void: Leave out samples whose map is void on a larger share of pixels than this.
        resize_photos: Resize a photograph whose size is not that of its map, instead of refusing it.
        fill_void: Give void that has no channel the class of the nearest labelled pixel, as a network needs
            it; an evaluation needs void as it is.
        palette: How indexed label files are taken, see `read_label_map`; by default as the format has it.
        orient: Whether photographs are turned as their cameras were held, see `examine_photo`.
        **options: What else the format takes (see its module), such as `numbering` for ADE20K.

    Returns:
        A data set of raw samples.

    Raises:
        SemsynthError: The folder is missing, has no known layout, lacks a part, or an option is unknown.
    """
    if root is None:
        place = Path(name_or_root)
        if str(name_or_root) in FORMATS and not place.is_dir():
            raise SemsynthError(f"Data set {name_or_root!r} needs its folder: root=...")
        name = recognise(place)
    else:
        name, place = str(name_or_root), _folder(Path(root))
    load = format_named(name).load
    known = [key for key in inspect.signature(load).parameters if key not in ("root", "split", "label_space")]
    unknown = sorted(set(options) - set(known))
    if unknown:
        has = f"it takes {', '.join(known)}" if known else "it takes none"
        raise SemsynthError(f"Format {name!r} has no option {unknown[0]!r}; {has}.")
    read = partial(load, label_space=label_space, **options)
    try:
        data = read(place, split)
    except SemsynthError as error:
        raise SemsynthError(f"{error}{_other_split(read, place, split)}") from error
    if palette not in (None, *PALETTES):
        raise SemsynthError(f"palette is {' or '.join(map(repr, PALETTES))}, not {palette!r}.")
    palette = palette or data.palette
    data = replace(data, resize_photos=resize_photos, fill_void=fill_void, palette=palette, orient=orient)
    if not instances:
        data = data.without_instances()
    if largest_void is not None:
        data = data.mostly_labelled(largest_void)
        if not data.files:
            raise SemsynthError(
                f"{place}: every map of split {split!r} is void on more than {largest_void:.0%}."
            )
    return data


def _other_split(read: Callable[[Path, str], FileDataset], root: Path, split: str) -> str:
    """What to add to the sentence that a split is not there: that the other one is."""
    other = {"train": "val", "val": "train"}.get(split)
    with contextlib.suppress(SemsynthError):
        if other is not None:
            read(root, other)
            return f" There is a split {other!r}."
    return ""


def format_named(name: str) -> Format:
    """A row of FORMATS.

    Raises:
        SemsynthError: There is none of this name.
    """
    if name not in FORMATS:
        raise SemsynthError(f"There is no data set format {name!r}; there are {', '.join(FORMATS)}.")
    return FORMATS[name]


def recognise(root: str | Path) -> str:
    """The format a folder is laid out in.

    Raises:
        SemsynthError: The folder is missing or has none of the layouts of FORMATS.
    """
    place = _folder(Path(root))
    layout = _recognised(place)
    if layout:
        return layout
    below = next(((path, name) for path in folders(place) if (name := _recognised(path))), None)
    if below is not None:
        raise SemsynthError(
            f"{place} has no layout known here, but {below[0]} looks like {below[1]!r}: give that."
        )
    layouts = "; ".join(f"{name}: {entry.layout}" for name, entry in FORMATS.items())
    foreign = describe_foreign(place)
    raise SemsynthError(
        f"{place} has no layout known here; found {contents(place)}. {foreign + ' ' if foreign else ''}"
        f"Expected one of: {layouts}."
    )


def _recognised(place: Path) -> str:
    """The first format that a folder looks like, or an empty word."""
    formats = FORMATS.items()
    return next((name for name, entry in formats if entry.looks_like and entry.looks_like(place)), "")


def _folder(root: Path) -> Path:
    if not root.is_dir():
        raise SemsynthError(f"{root} is not a folder." if root.exists() else f"{root} does not exist.")
    return root
